#pragma once
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "limbic/nn/encoders/pretrained_weights.h"

namespace limbic::nn {

/// A linear layer, with a low-rank update beside its weight when asked (Hu et al. 2022). State: weight, bias,
/// and lora_a, lora_b. Without gradients the update is merged into the weight, one product of (out, rank) by
/// (rank, in) a call, which costs as much as `rank` rows of input.
class LoraLinearImpl final : public torch::nn::Module {
 public:
  struct Options {
    int64_t in = 0;
    int64_t out = 0;
    bool bias = true;
    int64_t rank = 0;  ///< 0 = no update
    double alpha = 1.0;
    double dropout = 0.0;
  };
  explicit LoraLinearImpl(const Options& options);
  at::Tensor forward(const at::Tensor& x);

  at::Tensor weight, bias;

 private:
  Options options_;
  at::Tensor lora_a_, lora_b_;
};
TORCH_MODULE(LoraLinear);

}  // namespace limbic::nn
