#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// How an encoder of pictures scales their pixels; its keys stand beside the encoder's own.
struct PixelScaling {
  ImageNormalization normalize = ImageNormalization::kImage;
  std::vector<double> pixel_mean = {0.5};  ///< one value, or one per channel, of pixels in [0, 1]
  std::vector<double> pixel_std = {0.25};
  double image_epsilon = 0.02;  ///< keeps flat images finite

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "pixel scaling: fixed, global (training set) or image (each image by itself)");
    v("pixel_mean", pixel_mean, "fixed: mean of pixels in [0, 1], one value or one per channel");
    v("pixel_std", pixel_std, "fixed: standard deviation, one value or one per channel", config::above(0));
    v("image_epsilon", image_epsilon, "image: added to the image's standard deviation", config::above(0));
  }
  void validate(config::Checks& checks) const;
};

/// Residual blocks of one width; the first block halves the resolution when `stride` is 2.
struct ResNetStage {
  int64_t channels = 64;
  int64_t blocks = 1;
  int64_t stride = 2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels that come out of the stage's blocks", config::at_least(1));
    v("blocks", blocks, "number of residual blocks", config::at_least(1));
    v("stride", stride, "stride of the first block", config::at_least(1));
  }
};

/// What a residual block computes.
enum class ResNetBlock {
  kBasic,       ///< 3x3, 3x3
  kBottleneck,  ///< 1x1 to a quarter of the channels, 3x3 (with the stride), 1x1 back
};
constexpr auto enum_names(ResNetBlock) {
  return std::array<std::pair<ResNetBlock, const char*>, 2>{
      {{ResNetBlock::kBasic, "basic"}, {ResNetBlock::kBottleneck, "bottleneck"}}};
}

/// Residual CNN (He et al. 2016) over face crops: stem, stages, global average pool over the image, then a
/// pool over frames. The defaults suit 48 x 48 crops (50 MFLOP a frame); configs/encoders/resnet18.yaml and
/// resnet50.yaml are torchvision's, with the bottleneck's stride in its 3x3 convolution.
struct ResNetFaceConfig : PixelScaling {
  static constexpr const char* kType = "resnet";
  static constexpr const char* kDoc = "residual CNN on each picture (He et al. 2016), small to ResNet-101";
  ResNetBlock block = ResNetBlock::kBasic;
  int64_t stem_channels = 32;
  int64_t stem_kernel = 5;  ///< odd
  int64_t stem_stride = 2;
  bool stem_pool = false;        ///< maximum pool of stride 2 after the stem
  int64_t stem_pool_kernel = 2;  ///< 2, or 3 with a padding of 1
  std::vector<ResNetStage> stages = {{64, 1, 2}, {128, 1, 2}, {256, 1, 2}};
  bool squeeze_excitation = false;
  int64_t squeeze_reduction = 8;
  double drop_path = 0.0;  ///< of the last block; blocks before it take a linear share
  double dropout = 0.0;    ///< on the pooled features of a frame
  bool channels_last = false;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  /// Block, stem and stages of torchvision's ResNet, the rest as by default.
  /// @param depth  18, 34, 50 or 101
  static ResNetFaceConfig torchvision(int depth);

  template <class Visitor>
  void visit(Visitor& v) {
    PixelScaling::visit(v);
    v("block", block, "basic (3x3, 3x3) or bottleneck (1x1, 3x3, 1x1)");
    v("stem_channels", stem_channels, "channels of the first convolution", config::at_least(1));
    v("stem_kernel", stem_kernel, "kernel of the first convolution, odd", config::at_least(1));
    v("stem_stride", stem_stride, "stride of the first convolution", config::at_least(1));
    v("stem_pool", stem_pool, "maximum pool of stride 2 after the stem");
    v("stem_pool_kernel", stem_pool_kernel, "its kernel: 2, or 3 with a padding of 1",
      config::in_range(2, 3));
    v("stages", stages, "residual stages");
    v("squeeze_excitation", squeeze_excitation, "channel gates in every block (Hu et al. 2018)");
    v("squeeze_reduction", squeeze_reduction, "channels / hidden units of a gate", config::at_least(1));
    v("drop_path", drop_path,
      "probability in [0, 1) to skip the last block; earlier ones take a linear share",
      config::half_open(0, 1));
    v("dropout", dropout, "dropout on the features of a frame, in [0, 1)", config::half_open(0, 1));
    v("channels_last", channels_last, "memory layout NHWC in training: faster on some machines, same result");
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
