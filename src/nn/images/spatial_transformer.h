#pragma once
#include <vector>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"

namespace limbic::nn {

/// Pixels a side that the localisation network needs.
constexpr int64_t kSmallestTransformedImage = 18;

/// Spatial transformer (Jaderberg et al. 2015) as EmoNeXt has it: a small network finds the affine map by
/// which each image is sampled anew (bilinear, zeros outside).
class SpatialTransformerImpl final : public torch::nn::Cloneable<SpatialTransformerImpl>,
                                     public HasConvNorms {
 public:
  /// @param frame  {C, H, W}
  explicit SpatialTransformerImpl(std::vector<int64_t> frame) : frame_(std::move(frame)) { reset(); }
  void reset() override;
  /// Makes the map the identity, whatever the image.
  void start_at_identity();
  at::Tensor forward(const at::Tensor& x_NCHW);
  std::vector<ConvNorm*> conv_norms() override { return {&conv1_, &conv2_}; }

 private:
  std::vector<int64_t> frame_;
  ConvNorm conv1_, conv2_;
  torch::nn::Linear hidden_{nullptr}, affine_{nullptr};
};
TORCH_MODULE(SpatialTransformer);

}  // namespace limbic::nn
