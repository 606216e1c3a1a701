#include "images/spatial_transformer.h"

namespace limbic::nn {
namespace {

constexpr int64_t kLocalisationHidden = 32;

/// Pixels a side after 7x7, pool, 5x5, pool, none of them padded.
int64_t localised(int64_t size) {
  return ((size - 6) / 2 - 4) / 2;
}

}  // namespace

void SpatialTransformerImpl::reset() {
  conv1_ = ConvNorm(*this, "conv1", "norm1", {frame_[0], 8, {7, 7}, {1, 1}, {0, 0}, /*bias=*/true});
  conv2_ = ConvNorm(*this, "conv2", "norm2", {8, 10, {5, 5}, {1, 1}, {0, 0}, /*bias=*/true});
  const int64_t features = 10 * localised(frame_[1]) * localised(frame_[2]);
  hidden_ = register_module("hidden", torch::nn::Linear(features, kLocalisationHidden));
  affine_ = register_module("affine", torch::nn::Linear(kLocalisationHidden, 6));
  start_at_identity();
}

void SpatialTransformerImpl::start_at_identity() {
  at::NoGradGuard no_grad;
  affine_->weight.zero_();
  affine_->bias.zero_();
  affine_->bias[0].fill_(1.0);
  affine_->bias[4].fill_(1.0);
}

at::Tensor SpatialTransformerImpl::forward(const at::Tensor& x_NCHW) {
  auto y = at::max_pool2d(conv1_(conv1_.packed(x_NCHW)), 2, 2).relu_();
  y = unpacked(at::max_pool2d(conv2_(y), 2, 2).relu_());
  const auto map_N23 = affine_(hidden_(y.flatten(1)).relu_()).view({-1, 2, 3});
  const auto grid_NHW2 = at::affine_grid_generator(map_N23, x_NCHW.sizes(), /*align_corners=*/true);
  return at::grid_sampler(x_NCHW, grid_NHW2, /*bilinear*/ 0, /*zeros*/ 0, /*align_corners=*/true);
}

}  // namespace limbic::nn
