#include <string_view>

#include "limbic/cli/commands.h"
#include "limbic/nn/torchscript.h"

int main(int argc, char** argv) {
  // Not a command: how the sandboxed process of a TorchScript encoder starts.
  if (argc > 1 && std::string_view(argv[1]) == limbic::nn::kTorchScriptHostArgument)
    return limbic::nn::torchscript_host_main(argc, argv);
  return limbic::cli::run(argc, argv);
}
