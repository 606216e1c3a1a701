#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"
#include "limbic/nn/spec_augment.h"

namespace limbic::nn {

/// The recurrent part of an encoder.
enum class Recurrent { kNone, kGru, kLstm };
constexpr auto enum_names(Recurrent) {
  return std::array<std::pair<Recurrent, const char*>, 3>{
      {{Recurrent::kNone, "none"}, {Recurrent::kGru, "gru"}, {Recurrent::kLstm, "lstm"}}};
}

/// One convolution block over (time, feature): conv + batch norm + ReLU, or a residual block of two, then a
/// maximum pool.
struct ConvLayer {
  int64_t channels = 32;
  int64_t kernel = 3;  ///< odd
  int64_t stride = 1;  ///< in time and feature
  bool residual = false;
  int64_t pool_time = 1;
  int64_t pool_feature = 2;
  double dropout = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the layer", config::at_least(1));
    v("kernel", kernel, "kernel in time and feature, odd", config::at_least(1));
    v("stride", stride, "stride in time and feature", config::at_least(1));
    v("residual", residual, "two convolutions with a shortcut in place of one");
    v("pool_time", pool_time, "maximum pool over so many frames", config::at_least(1));
    v("pool_feature", pool_feature, "maximum pool over so many features", config::at_least(1));
    v("dropout", dropout, "dropout after the layer, in [0, 1)", config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const;
};

/// Convolutions over (time, feature), then a recurrent layer and a pool over time: for log-mel frames.
struct ConvRecurrentConfig {
  static constexpr const char* kType = "conv_recurrent";
  static constexpr const char* kDoc =
      "sound: convolutions over log-mel (time, feature), then GRU, LSTM or nothing";
  Normalization normalize = Normalization::kGlobal;
  SpecAugmentConfig spec_augment;
  std::vector<ConvLayer> layers = {
      {24, 5, 2, false, 2, 2, 0.0}, {48, 3, 1, true, 2, 2, 0.0}, {96, 3, 1, true, 1, 2, 0.0}};
  int64_t projection = 128;  ///< width of a linear layer + ReLU before the recurrence; 0 = none
  double dropout = 0.3;      ///< before and after the projection
  Recurrent recurrent = Recurrent::kGru;
  int64_t hidden = 64;  ///< units of one direction
  int64_t recurrent_layers = 1;
  bool bidirectional = true;
  FramePooling pooling = FramePooling::kAttention;
  int64_t attention_hidden = 64;
  /// Appends to the embedding the level's maximum, mean and deviation and the log of the length,
  /// standardised: what utterance scaling removes. Level = log of the summed exp of a frame's features, so
  /// for log-mel only.
  bool level = false;
  double level_noise = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize,
      "input scaling: none, global (training set), utterance (itself) or utterance_mean (own mean, global "
      "deviation)");
    v("spec_augment", spec_augment, "random masks over time and feature, in training only");
    v("layers", layers, "convolution layers");
    v("projection", projection, "width of a linear layer + ReLU before the recurrence; 0 = none",
      config::at_least(0));
    v("dropout", dropout, "dropout before and after the projection, in [0, 1)", config::half_open(0, 1));
    v("recurrent", recurrent, "gru, lstm or none");
    v("hidden", hidden, "recurrent units of one direction", config::at_least(1));
    v("recurrent_layers", recurrent_layers, "stacked recurrent layers", config::at_least(1));
    v("bidirectional", bidirectional, "also read the frames backwards");
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
    v("level", level,
      "append the clip's level statistics and log length to the embedding; for log-mel input");
    v("level_noise", level_noise, "level: standard deviation of noise added in training",
      config::at_least(0));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
