#include "images/frames.h"

#include <algorithm>

#include "limbic/core/error.h"

namespace limbic::nn {
namespace {

/// Frames of one pass at inference: bounds the memory of hour-long windows.
constexpr int64_t kFramesPerPass = 256;

}  // namespace

PixelScale::PixelScale(torch::nn::Module& owner, const PixelScaling& config, int64_t num_channels)
    : normalize_(config.normalize), image_epsilon_(config.image_epsilon) {
  mean_C11_ = owner.register_buffer("mean_C11", at::zeros({num_channels, 1, 1}));
  std_C11_ = owner.register_buffer("std_C11", at::ones({num_channels, 1, 1}));
  if (normalize_ != ImageNormalization::kFixed) return;
  for (int64_t c = 0; c < num_channels; ++c) {
    const auto i = static_cast<size_t>(config.pixel_mean.size() == 1 ? 0 : c);
    mean_C11_[c].fill_(255.0 * config.pixel_mean[i]);
    std_C11_[c].fill_(255.0 * config.pixel_std[i]);
  }
}

at::Tensor PixelScale::operator()(const at::Tensor& frames_NCHW) const {
  auto x = frames_NCHW.to(mean_C11_.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  if (normalize_ != ImageNormalization::kImage) return x.sub_(mean_C11_).div_(std_C11_);
  x.sub_(x.mean({1, 2, 3}, /*keepdim=*/true));
  const auto std_N111 = (x * x).mean({1, 2, 3}, true).sqrt();
  return x / (std_N111 + 255.0 * image_epsilon_);
}

EncoderOutput encode_frames(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT, int64_t width,
                            const at::TensorOptions& options, bool is_training, FramePool& pool,
                            const std::function<at::Tensor(const at::Tensor&)>& features) {
  const bool is_inference = !at::GradMode::is_enabled() && !is_training;
  const auto features_in_passes = [&](const at::Tensor& frames_NCHW) {
    if (!is_inference || frames_NCHW.size(0) <= kFramesPerPass) return features(frames_NCHW);
    std::vector<at::Tensor> passes;
    for (const auto& chunk : frames_NCHW.split(kFramesPerPass)) passes.push_back(features(chunk));
    return at::cat(passes);
  };
  const FrameMask mask(mask_BT, at::typeMetaToScalarType(options.dtype()));
  const auto frames_NCHW = x_BTCHW.flatten(0, 1);
  at::Tensor tokens_ND;
  if (!mask.is_padded()) {
    tokens_ND = features_in_passes(frames_NCHW);
  } else {
    tokens_ND = at::zeros({frames_NCHW.size(0), width}, options);
    if (mask.num_real > 0) {
      const auto index_N = mask_BT.flatten().nonzero().squeeze(1);
      tokens_ND = tokens_ND.index_copy(0, index_N, features_in_passes(frames_NCHW.index_select(0, index_N)));
    }
  }
  const auto tokens_BTD = tokens_ND.view({x_BTCHW.size(0), x_BTCHW.size(1), width});
  return {tokens_BTD, mask_BT, pool(tokens_BTD, mask)};
}

void check_frames(const at::Tensor& x_BTCHW, const affect::StreamShape& input) {
  TORCH_CHECK(x_BTCHW.dim() == 5 && x_BTCHW.sizes().slice(2) == at::IntArrayRef(input.frame),
              "the encoder wants (B, T, ", at::IntArrayRef(input.frame), "), got ", x_BTCHW.sizes());
}

void require_images(const affect::StreamShape& input, const PixelScaling& config, const std::string& kind) {
  std::string frame;
  for (const int64_t size : input.frame) frame += (frame.empty() ? "" : ", ") + std::to_string(size);
  require(input.is_image() &&
              std::all_of(input.frame.begin(), input.frame.end(), [](int64_t n) { return n > 0; }),
          ErrorCode::kConfig,
          "encoder '" + kind + "' takes images [C, H, W], but a frame of this modality is [" + frame +
              "]; use 'conv_recurrent' or 'gru' for features");
  const auto num_values = static_cast<int64_t>(config.pixel_mean.size());
  require(config.normalize != ImageNormalization::kFixed || num_values == 1 || num_values == input.frame[0],
          ErrorCode::kConfig,
          "encoder '" + kind + "': pixel_mean has " + std::to_string(num_values) + " values for images of " +
              std::to_string(input.frame[0]) + " channels; give one value, or one per channel");
}

}  // namespace limbic::nn
