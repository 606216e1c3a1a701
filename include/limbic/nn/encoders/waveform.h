#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// One convolution over samples, without padding.
struct WaveformLayer {
  int64_t channels = 512;
  int64_t kernel = 3;
  int64_t stride = 2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the layer", config::at_least(1));
    v("kernel", kernel, "samples or frames that it sees", config::at_least(1));
    v("stride", stride, "samples or frames between its results", config::at_least(1));
  }
};

/// Strided convolutions over raw samples in the form of wav2vec 2.0's feature encoder (Baevski et al. 2020):
/// group norm after the first layer, GELU after each, layer norm at the end. Defaults as published: a token
/// is 400 samples, every 320. A clip shorter than one token is read as one with silence behind it.
struct WaveformConfig {
  static constexpr const char* kType = "waveform";
  static constexpr const char* kDoc = "sound: strided convolutions over raw samples (wav2vec 2.0)";
  Normalization normalize = Normalization::kUtterance;
  std::vector<WaveformLayer> layers = {{512, 10, 5}, {512, 3, 2}, {512, 3, 2}, {512, 3, 2},
                                       {512, 3, 2},  {512, 2, 2}, {512, 2, 2}};
  int64_t projection = 0;
  double dropout = 0.1;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "input scaling: none, global (training set), utterance or utterance_mean");
    v("layers", layers, "convolutions");
    v("projection", projection, "width of a linear layer on each token; 0 = none", config::at_least(0));
    v("dropout", dropout, "dropout on tokens, in [0, 1)", config::half_open(0, 1));
    v("pooling", pooling, "over tokens: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
