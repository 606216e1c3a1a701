#pragma once
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace limbic::objectives {

/// The last K vectors that were put in, first in first out (MoCo, He et al. 2020). It begins with random
/// vectors of length 1. Buffers, so a resumed run goes on with it.
class FeatureQueue final : public torch::nn::Module {
 public:
  FeatureQueue(int64_t capacity, int64_t width);

  /// The oldest rows make room; of more than K the last K stay.
  void push(const at::Tensor& x_ND);
  const at::Tensor& vector_KD() const { return vector_KD_; }

 private:
  at::Tensor vector_KD_;
  at::Tensor next_;  ///< int64 scalar, where the next row goes
};

}  // namespace limbic::objectives
