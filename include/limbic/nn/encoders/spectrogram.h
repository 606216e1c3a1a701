#pragma once
#include <cstdint>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"
#include "limbic/nn/spec_augment.h"

namespace limbic::nn {

/// Transformer over overlapping patches of a spectrogram (AST, Gong et al. 2021), in the size of DeiT-tiny,
/// the paper's smallest. The embedding is the class token's or pools the patches; a token is the mean of the
/// patches of one time. Positions are learned for `time_positions` patches; a longer clip's are interpolated
/// between them. A clip shorter than a patch is read as one with silence behind it.
struct SpectrogramTransformerConfig {
  static constexpr const char* kType = "spectrogram_transformer";
  static constexpr const char* kDoc = "sound: transformer over overlapping patches of log-mel frames (AST)";
  Normalization normalize = Normalization::kGlobal;
  double scale = 0.5;  ///< of the normalised input; the paper's has a deviation of 0.5
  SpecAugmentConfig spec_augment;
  int64_t patch_time = 16;
  int64_t patch_feature = 16;
  int64_t stride_time = 10;
  int64_t stride_feature = 10;
  int64_t time_positions = 101;  ///< 10.24 s of 10 ms frames
  int64_t width = 192;
  int64_t layers = 12;
  int64_t heads = 3;
  int64_t hidden = 768;
  double dropout = 0.0;
  double attention_dropout = 0.0;
  double drop_path = 0.0;
  bool class_token = true;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "input scaling: none, global (training set), utterance or utterance_mean");
    v("scale", scale, "multiplies the normalised input", config::above(0));
    v("spec_augment", spec_augment, "random masks over time and feature, in training only");
    v("patch_time", patch_time, "frames of a patch", config::at_least(1));
    v("patch_feature", patch_feature, "features of a patch", config::at_least(1));
    v("stride_time", stride_time, "frames between patches", config::at_least(1));
    v("stride_feature", stride_feature, "features between patches", config::at_least(1));
    v("time_positions", time_positions, "learned positions in time, in patches", config::at_least(2));
    v("width", width, "numbers a patch", config::at_least(1));
    v("layers", layers, "transformer blocks", config::at_least(1));
    v("heads", heads, "attention heads", config::at_least(1));
    v("hidden", hidden, "hidden units of a block's two layers", config::at_least(1));
    v("dropout", dropout, "dropout on the patches and after each half of a block, in [0, 1)",
      config::half_open(0, 1));
    v("attention_dropout", attention_dropout, "dropout on attention weights, in [0, 1)",
      config::half_open(0, 1));
    v("drop_path", drop_path, "probability to skip the last block; earlier ones take a linear share",
      config::half_open(0, 1));
    v("class_token", class_token, "embedding = the class token's; false = pooling");
    v("pooling", pooling, "without class token, over times: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
