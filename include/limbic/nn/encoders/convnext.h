#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/image.h"

namespace limbic::nn {

/// ConvNeXt blocks of one width.
struct ConvNextStage {
  int64_t channels = 96;
  int64_t blocks = 3;

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the stage", config::at_least(1));
    v("blocks", blocks, "number of blocks", config::at_least(1));
  }
};

/// ConvNeXt (Liu et al. 2022) over face crops: patches, stages of depthwise 7x7 + inverted bottleneck that
/// halve the resolution between them, global average pool, layer norm, then a pool over frames. The defaults
/// are ConvNeXt-T. The three last switches make it EmoNeXt (El Boudouri and Bohi 2023): squeeze-excitation
/// with a reduction of 16, an attention regulariser of weight 1.
struct ConvNextConfig : PixelScaling {
  static constexpr const char* kType = "convnext";
  static constexpr const char* kDoc =
      "ConvNeXt on each picture (Liu et al. 2022), with its switches EmoNeXt (El Boudouri and Bohi 2023)";
  int64_t stem_patch = 4;  ///< pixels a side
  std::vector<ConvNextStage> stages = {{96, 3}, {192, 3}, {384, 9}, {768, 3}};
  double layer_scale = 1e-6;  ///< initial value
  double drop_path = 0.1;     ///< of the last block, 0 for the first, linear between
  double dropout = 0.0;       ///< on the features of a frame
  bool spatial_transformer = false;
  bool squeeze_excitation = false;
  int64_t squeeze_reduction = 16;
  double attention_regularizer = 0.0;  ///< weight of the loss "attention_regularizer"; 0 = none
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    PixelScaling::visit(v);
    v("stem_patch", stem_patch, "pixels a side of a patch", config::at_least(1));
    v("stages", stages, "stages; the resolution is halved between them");
    v("layer_scale", layer_scale, "initial scale of a block's result", config::above(0));
    v("drop_path", drop_path, "probability in [0, 1) to skip the last block; 0 for the first, linear between",
      config::half_open(0, 1));
    v("dropout", dropout, "dropout on the features of a frame, in [0, 1)", config::half_open(0, 1));
    v("spatial_transformer", spatial_transformer,
      "learn an affine map of the image before anything else (Jaderberg et al. 2015)");
    v("squeeze_excitation", squeeze_excitation, "channel gates after each halving (Hu et al. 2018)");
    v("squeeze_reduction", squeeze_reduction, "channels / hidden units of a gate", config::at_least(1));
    v("attention_regularizer", attention_regularizer,
      "weight of the loss that keeps attention between the batch's faces even; 0 = none",
      config::at_least(0));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
