#include "limbic/nn/state.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <sstream>
#include <vector>

#include "limbic/core/error.h"

namespace limbic::nn {
namespace {

constexpr size_t kMismatchesShown = 5;

std::string kind_text(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << " " << tensor.sizes();
  return text.str();
}

}  // namespace

State state_of(const torch::nn::Module& module) {
  State state;
  for (const auto& parameter : module.named_parameters()) state[parameter.key()] = parameter.value().detach();
  for (const auto& buffer : module.named_buffers()) state[buffer.key()] = buffer.value().detach();
  return state;
}

void load_state(torch::nn::Module& module, const State& state) {
  const State own = state_of(module);
  std::vector<std::string> mismatches;
  for (const auto& [name, want] : own) {
    const auto found = state.find(name);
    if (found == state.end()) {
      mismatches.push_back(name + ": have nothing, want " + kind_text(want));
    } else if (found->second.sizes() != want.sizes() || found->second.scalar_type() != want.scalar_type()) {
      mismatches.push_back(name + ": have " + kind_text(found->second) + ", want " + kind_text(want));
    }
  }
  for (const auto& [name, have] : state) {
    if (own.count(name) == 0) mismatches.push_back(name + ": have " + kind_text(have) + ", want nothing");
  }
  if (!mismatches.empty()) {
    std::string message = "the weights do not fit the model (" + std::to_string(mismatches.size()) + " of " +
                          std::to_string(own.size()) + " tensors): ";
    for (size_t i = 0; i < mismatches.size() && i < kMismatchesShown; ++i) {
      message += (i == 0 ? "" : "; ") + mismatches[i];
    }
    if (mismatches.size() > kMismatchesShown) message += "; ...";
    throw Error(ErrorCode::kModel, message + "; was the model built from the same config?");
  }
  at::NoGradGuard no_grad;
  for (const auto& [name, want] : own) at::Tensor(want).copy_(state.at(name));
}

int64_t num_parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace limbic::nn
