#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/image.h"

namespace limbic::nn {

/// Residual blocks of one width over (time, height, width).
struct ClipStage {
  int64_t channels = 64;
  int64_t blocks = 2;
  int64_t stride = 2;       ///< in height and width, of the first block
  int64_t time_stride = 2;  ///< in frames, of the first block

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the stage's blocks", config::at_least(1));
    v("blocks", blocks, "number of residual blocks", config::at_least(1));
    v("stride", stride, "stride of the first block in height and width", config::at_least(1));
    v("time_stride", time_stride, "stride of the first block in frames", config::at_least(1));
  }
};

/// What the two networks over short clips share. Tokens are the frames that the strides leave (an eighth, by
/// the defaults), each a mean over the image; then a pool over them.
struct ClipNetConfig : PixelScaling {
  int64_t stem_channels = 64;
  int64_t stem_kernel = 7;  ///< in height and width, odd; 3 in frames
  int64_t stem_stride = 2;  ///< in height and width
  std::vector<ClipStage> stages = {{64, 2, 1, 1}, {128, 2, 2, 2}, {256, 2, 2, 2}, {512, 2, 2, 2}};
  double drop_path = 0.0;  ///< of the last block; blocks before it take a linear share
  double dropout = 0.0;    ///< on the tokens
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    PixelScaling::visit(v);
    v("stem_channels", stem_channels, "channels of the first layer", config::at_least(1));
    v("stem_kernel", stem_kernel, "its kernel in height and width, odd", config::at_least(1));
    v("stem_stride", stem_stride, "its stride in height and width", config::at_least(1));
    v("stages", stages, "residual stages");
    v("drop_path", drop_path,
      "probability in [0, 1) to skip the last block; earlier ones take a linear share",
      config::half_open(0, 1));
    v("dropout", dropout, "dropout on the tokens, in [0, 1)", config::half_open(0, 1));
    v("pooling", pooling, "over tokens: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

/// Residual 3D CNN over short clips of face crops (R3D, Tran et al. 2018; the 3x3x3 kernels of C3D, Tran et
/// al. 2015, with shortcuts). The defaults are torchvision's r3d_18: 41 GFLOP for 16 frames of 112 x 112.
struct Conv3dConfig : ClipNetConfig {
  static constexpr const char* kType = "conv3d";
  static constexpr const char* kDoc = "residual 3D CNN over short clips of pictures (R3D, Tran et al. 2018)";
};

/// R(2+1)D (Tran et al. 2018): every 3D convolution is one over the image, then one over frames, with a width
/// between them that keeps the number of weights. The defaults are torchvision's r2plus1d_18.
struct R2Plus1dConfig : ClipNetConfig {
  static constexpr const char* kType = "r2plus1d";
  static constexpr const char* kDoc = "R(2+1)D over short clips of pictures (Tran et al. 2018)";
  int64_t stem_middle = 45;  ///< width between the two convolutions of the first layer

  template <class Visitor>
  void visit(Visitor& v) {
    ClipNetConfig::visit(v);
    v("stem_middle", stem_middle, "width between the first layer's two convolutions", config::at_least(1));
  }
};

}  // namespace limbic::nn
