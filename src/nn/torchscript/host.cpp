#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/print_handler.h>
#include <torch/csrc/jit/serialization/import.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>
#include <string>

#include "limbic/nn/torchscript.h"
#include "torchscript/pipe.h"
#include "torchscript/sandbox.h"

namespace limbic::nn {
namespace {

constexpr PipeEndpoint kHostEnd = {kHostDescriptor, true};

/// LibTorch's messages carry a backtrace; what happened stands before it.
std::string short_message(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  if (text.size() > kLongestError) text.resize(kLongestError);
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

/// Libraries look at the machine when they are first used: that must be before the sandbox.
void warm_up() {
  at::set_num_threads(1);
  torch::jit::setPrintHandler([](const std::string&) {});
  const at::NoGradGuard no_grad;
  const auto x = at::rand({2, 8, 16, 16});
  const auto y = at::conv2d(x, at::rand({8, 8, 3, 3})).relu_().flatten(1);
  at::linear(y, at::rand({4, y.size(1)})).softmax(1);
  at::conv1d(x.flatten(2), at::rand({8, 8, 3}));
}

/// Answers one message. @return the bytes of the result
std::string serve(const PipeMessage& message, torch::jit::Module& module) {
  if (message.kind == HostMessage::kModule) {
    std::istringstream stream(message.bytes);
    module = torch::jit::load(stream, at::Device(at::kCPU));
    module.eval();
    return {};
  }
  TORCH_CHECK(message.kind == HostMessage::kCall, "unknown request");
  std::string_view rest = message.bytes;
  const auto x = take_tensor(rest);
  const auto mask_BT = take_tensor(rest);
  TORCH_CHECK(x.defined() && mask_BT.defined() && rest.empty(), "malformed request");
  const at::NoGradGuard no_grad;
  const auto result = module.forward({x, mask_BT});
  TORCH_CHECK(result.isTensor() && result.toTensor().scalar_type() == at::kFloat,
              "forward(x, mask) must return one tensor of float32");
  std::string bytes;
  append_tensor(bytes, result.toTensor());
  return bytes;
}

}  // namespace

int torchscript_host_main(int argc, char** argv) {
  const int64_t memory_mib = argc > 2 ? std::strtoll(argv[2], nullptr, 10) : 0;
  warm_up();
  const std::string failure = memory_mib > 0 ? enter_sandbox(memory_mib) : "no memory limit given";
  if (!failure.empty()) {
    write_message(kHostEnd, HostMessage::kError, "the sandbox cannot be set up: " + failure, -1);
    return 1;
  }
  write_message(kHostEnd, HostMessage::kReady, {}, -1);
  const torch::jit::GraphOptimizerEnabledGuard no_optimizer(
      false);  // it would compile code and start threads
  torch::jit::Module module("none");
  PipeMessage message;
  while (read_message(kHostEnd, message, -1) == PipeEnd::kOk) {
    std::string answer;
    HostMessage kind = HostMessage::kResult;
    try {
      answer = serve(message, module);
    } catch (const std::bad_alloc&) {
      kind = HostMessage::kError;
      answer = "the TorchScript file ran out of memory_limit_mib";
    } catch (const std::exception& error) {
      kind = HostMessage::kError;
      answer = "in the TorchScript file: " + short_message(error);
    }
    if (write_message(kHostEnd, kind, answer, -1) != PipeEnd::kOk) break;
  }
  // No destructors: what they would do is mostly forbidden now.
  _exit(0);
}

}  // namespace limbic::nn
