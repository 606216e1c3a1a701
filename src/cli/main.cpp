#include "limbic/cli/commands.h"

int main(int argc, char** argv) {
  return limbic::cli::run(argc, argv);
}
