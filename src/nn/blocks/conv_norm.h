#pragma once
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "blocks/layers.h"

namespace limbic::nn {

/// A convolution over as many dimensions as `kernel` has, 1 to 3.
struct ConvOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;     ///< as many
  std::vector<int64_t> padding{};  ///< as many; empty = (kernel - 1) / 2: size kept up to the stride
  bool bias = false;
};

// Note [Folded normalisation]
// In evaluation a batch norm is x * scale + shift, so conv + norm is one convolution with weight * scale and
// bias shift. For oneDNN its weight is also put into the blocked layout that the kernels read: a plain weight
// is converted anew in every call, which at batch 1 costs as much as the arithmetic. Activations may stay in
// that layout from convolution to convolution (packed() ... unpacked()): rectifier, sum and maximum pool know
// it. The folded copy remembers the version counters of what it was made from and is passed over when one has
// moved.

/// A convolution (Kaiming-normal weights: fan out, ReLU) and the batch norm after it, registered with the
/// module that owns it under two names. Not a module itself: the owner's reset() makes it anew.
class ConvNorm {
 public:
  ConvNorm() = default;
  ConvNorm(torch::nn::Module& owner, const std::string& conv_name, const std::string& norm_name,
           ConvOptions options);

  /// @param mask  of the result's frames (dimension 2); null = all count
  at::Tensor operator()(const at::Tensor& x_BCX, const FrameMask* mask = nullptr) const;
  void fold();
  /// x as a folded convolution likes it; x itself when this one would not run folded. Undo with unpacked().
  at::Tensor packed(const at::Tensor& x_BCX) const;

  const ConvOptions& options() const { return options_; }
  const at::Tensor& weight() const;
  explicit operator bool() const { return norm_ != nullptr; }

 private:
  const at::Tensor& bias() const;  ///< undefined without one
  bool is_folded_for(const at::Tensor& x) const;
  int64_t version() const;

  ConvOptions options_;
  std::vector<int64_t> dilation_;  ///< ones
  // One of the three. Their tensors are read through them: clone() and to() may replace a tensor, not a
  // module.
  std::shared_ptr<torch::nn::Conv1dImpl> conv1d_;
  std::shared_ptr<torch::nn::Conv2dImpl> conv2d_;
  std::shared_ptr<torch::nn::Conv3dImpl> conv3d_;
  std::shared_ptr<MaskedBatchNormImpl> norm_;

  at::Tensor folded_weight_, folded_bias_;
  at::Tensor packed_weight_;  ///< the same in oneDNN's layout, where it can be had
  int64_t folded_version_ = 0;
};

/// A plain tensor again.
at::Tensor unpacked(const at::Tensor& x);

/// A module that owns ConvNorms; fold_normalization finds it.
class HasConvNorms {
 public:
  virtual ~HasConvNorms() = default;
  virtual std::vector<ConvNorm*> conv_norms() = 0;
};

}  // namespace limbic::nn
