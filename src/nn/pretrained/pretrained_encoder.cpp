#include "pretrained/pretrained_encoder.h"

#include <utility>

#include "limbic/nn/state.h"

namespace limbic::nn {

PretrainedEncoder::PretrainedEncoder(PretrainedConfig config, FramePooling pooling, int64_t token_width,
                                     int64_t attention_hidden)
    : config_(std::move(config)) {
  pool_ = register_module("pool", FramePool(pooling, token_width, attention_hidden));
}

void PretrainedEncoder::adopt(const std::shared_ptr<torch::nn::Module>& network, const FoundationStack& stack,
                              NameTable names) {
  network_ = register_module("network", network);
  stack_ = stack;
  names_ = std::move(names);
  choose_trained(*network_, *stack_, config_);
  set_modes(*network_, *stack_, config_, is_training());
}

void PretrainedEncoder::load_pretrained() {
  if (!config_.weights.empty()) load_checkpoint(*network_, config_, names_);
}

void PretrainedEncoder::train(bool is_training) {
  torch::nn::Module::train(is_training);
  set_modes(*network_, *stack_, config_, is_training);
}

std::shared_ptr<torch::nn::Module> PretrainedEncoder::clone(
    const torch::optional<torch::Device>& device) const {
  const auto copied = rebuild()->as_module();
  const at::Tensor first = parameters().front();
  copied->to(device ? *device : first.device(), first.scalar_type());
  load_state(*copied, state_of(*this));
  copied->train(is_training());
  return copied;
}

}  // namespace limbic::nn
