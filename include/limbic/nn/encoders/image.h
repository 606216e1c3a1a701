#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Residual blocks of one width; the first block halves the resolution when `stride` is 2.
struct ResNetStage {
  int64_t channels = 64;
  int64_t blocks = 1;
  int64_t stride = 2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the stage's blocks", config::at_least(1));
    v("blocks", blocks, "number of residual blocks", config::at_least(1));
    v("stride", stride, "stride of the first block's first convolution", config::at_least(1));
  }
};

/// Residual CNN (He et al. 2016, basic blocks) over face crops: stem, stages, global average pool over the
/// image, then a pool over frames. The defaults suit 48 x 48 crops (50 MFLOP a frame).
struct ResNetFaceConfig {
  static constexpr const char* kType = "resnet";
  ImageNormalization normalize = ImageNormalization::kImage;
  std::vector<double> pixel_mean = {0.5};  ///< one value, or one per channel, of pixels in [0, 1]
  std::vector<double> pixel_std = {0.25};
  double image_epsilon = 0.02;  ///< keeps flat images finite
  int64_t stem_channels = 32;
  int64_t stem_kernel = 5;  ///< odd
  int64_t stem_stride = 2;
  bool stem_pool = false;  ///< 2 x 2 maximum after the stem
  std::vector<ResNetStage> stages = {{64, 1, 2}, {128, 1, 2}, {256, 1, 2}};
  bool squeeze_excitation = false;
  int64_t squeeze_reduction = 8;
  double drop_path = 0.0;  ///< of the last block; blocks before it take a linear share
  double dropout = 0.0;    ///< on the pooled features of a frame
  bool channels_last = false;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "pixel scaling: fixed, global (training set) or image (each image by itself)");
    v("pixel_mean", pixel_mean, "fixed: mean of pixels in [0, 1], one value or one per channel");
    v("pixel_std", pixel_std, "fixed: standard deviation, one value or one per channel", config::above(0));
    v("image_epsilon", image_epsilon, "image: added to the image's standard deviation", config::above(0));
    v("stem_channels", stem_channels, "channels of the first convolution", config::at_least(1));
    v("stem_kernel", stem_kernel, "kernel of the first convolution, odd", config::at_least(1));
    v("stem_stride", stem_stride, "stride of the first convolution", config::at_least(1));
    v("stem_pool", stem_pool, "2 x 2 maximum pool after the stem");
    v("stages", stages, "residual stages");
    v("squeeze_excitation", squeeze_excitation, "channel gates in every block (Hu et al. 2018)");
    v("squeeze_reduction", squeeze_reduction, "channels / hidden units of a gate", config::at_least(1));
    v("drop_path", drop_path,
      "probability in [0, 1) to skip the last block; earlier ones take a linear share",
      config::half_open(0, 1));
    v("dropout", dropout, "dropout on the features of a frame, in [0, 1)", config::half_open(0, 1));
    v("channels_last", channels_last, "memory layout NHWC inside: faster on some machines, same result");
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
