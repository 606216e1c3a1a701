#pragma once
// What the encoders of pictures share; private to the folder.
#include <functional>
#include <string>
#include <vector>

#include "blocks/layers.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/encoders/image.h"

namespace limbic::nn {

/// Pixels in [0, 255] as the networks like them. Not a module: its statistics are buffers mean_C11 and
/// std_C11 of the owner, whose reset() makes it anew.
class PixelScale {
 public:
  PixelScale() = default;
  PixelScale(torch::nn::Module& owner, const PixelScaling& config, int64_t num_channels);
  /// @param frames_NCHW  uint8 or float; the result is a new tensor of the owner's type
  at::Tensor operator()(const at::Tensor& frames_NCHW) const;
  void set_statistics(const std::vector<double>& mean_C, const std::vector<double>& std_C) {
    assign_statistics(mean_C11_, std_C11_, mean_C, std_C);
  }

 private:
  ImageNormalization normalize_ = ImageNormalization::kImage;
  double image_epsilon_ = 0.0;
  at::Tensor mean_C11_, std_C11_;
};

/// An encoder of single frames applied to the real ones of a batch, so that padded ones cost nothing and stay
/// out of batch norms. Long input passes in pieces at inference.
/// @param features  (N, C, H, W) frames -> (N, width); not called without real frames
/// @param options   dtype and device of the features
EncoderOutput encode_frames(const at::Tensor& x_BTCHW, const at::Tensor& mask_BT, int64_t width,
                            const at::TensorOptions& options, bool is_training, FramePool& pool,
                            const std::function<at::Tensor(const at::Tensor&)>& features);

/// TORCH_CHECKs that x_BTCHW holds such frames.
void check_frames(const at::Tensor& x_BTCHW, const affect::StreamShape& input);

/// @param kind  the encoder's type
/// @throws Error(kConfig) unless frames are images that `config` can scale
void require_images(const affect::StreamShape& input, const PixelScaling& config, const std::string& kind);

}  // namespace limbic::nn
