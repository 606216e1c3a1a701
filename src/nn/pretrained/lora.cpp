#include "pretrained/lora.h"

#include <cmath>

#include "limbic/nn/dropout.h"

namespace limbic::nn {

LoraLinearImpl::LoraLinearImpl(const Options& options) : options_(options) {
  weight = register_parameter("weight", at::empty({options.out, options.in}).normal_(0.0, 0.02));
  if (options.bias) bias = register_parameter("bias", at::zeros({options.out}));
  if (options.rank == 0) return;
  // Kaiming-uniform with slope sqrt(5), as torch::nn::Linear: U(-1/sqrt(in), 1/sqrt(in)).
  const double bound = 1.0 / std::sqrt(static_cast<double>(options.in));
  lora_a_ = register_parameter("lora_a", at::empty({options.rank, options.in}).uniform_(-bound, bound));
  lora_b_ = register_parameter("lora_b", at::zeros({options.out, options.rank}));
}

at::Tensor LoraLinearImpl::forward(const at::Tensor& x) {
  if (!lora_a_.defined()) return at::linear(x, weight, bias);
  const double scale = options_.alpha / static_cast<double>(options_.rank);
  if (!at::GradMode::is_enabled() && !is_training()) {
    return at::linear(x, at::addmm(weight, lora_b_, lora_a_, 1.0, scale), bias);
  }
  const auto low = at::linear(fast_dropout(x, options_.dropout, is_training()), lora_a_);
  return at::linear(x, weight, bias) + at::linear(low, lora_b_) * scale;
}

}  // namespace limbic::nn
