#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Convolutions of several lengths side by side (InceptionTime, Ismail Fawaz et al. 2020): for EDA, pulse and
/// other sensors. Each module is a bottleneck, one convolution a kernel and a maximum pool, side by side,
/// then batch norm; every third closes with a shortcut. Defaults as published, but for odd kernels
/// (published: 40, 20, 10), which see as many frames before as after.
struct MultiscaleConvConfig {
  static constexpr const char* kType = "multiscale_conv";
  static constexpr const char* kDoc = "sensors: convolutions of several lengths side by side (InceptionTime)";
  Normalization normalize = Normalization::kGlobal;
  int64_t downsample = 1;
  std::vector<int64_t> kernels = {39, 19, 9};
  int64_t filters = 32;
  int64_t bottleneck = 32;
  int64_t depth = 6;
  double dropout = 0.0;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "input scaling: none, global (training set), utterance or utterance_mean");
    v("downsample", downsample, "first, the mean of so many frames: for fast sensors", config::at_least(1));
    v("kernels", kernels, "frames that each convolution sees, odd", config::at_least(1));
    v("filters", filters, "channels of each convolution and of the pool's", config::at_least(1));
    v("bottleneck", bottleneck, "channels before the convolutions; 0 = none", config::at_least(0));
    v("depth", depth, "modules", config::at_least(1));
    v("dropout", dropout, "dropout after every module, in [0, 1)", config::half_open(0, 1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
