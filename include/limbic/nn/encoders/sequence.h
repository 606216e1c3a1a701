#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/nn/encoders/normalization.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// A layer on each frame, then a GRU and a pool over time, for any (T, F) stream. `layers` 0 leaves out the
/// GRU.
struct GruConfig {
  static constexpr const char* kType = "gru";
  static constexpr const char* kDoc = "any frames of features: a layer on each, then a GRU";
  Normalization normalize = Normalization::kGlobal;
  int64_t projection = 32;  ///< width of a linear layer + ReLU on each frame; 0 = none
  int64_t hidden = 32;      ///< units of one direction
  int64_t layers = 1;
  bool bidirectional = true;
  double dropout = 0.1;  ///< after the projection and between layers
  FramePooling pooling = FramePooling::kMeanStd;
  int64_t attention_hidden = 32;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize,
      "input scaling: none, global (training set), utterance (itself) or utterance_mean (own mean, global "
      "deviation)");
    v("projection", projection, "width of a linear layer + ReLU on each frame; 0 = none",
      config::at_least(0));
    v("hidden", hidden, "GRU units of one direction", config::at_least(1));
    v("layers", layers, "stacked GRU layers; 0 = none, an MLP on frames", config::at_least(0));
    v("bidirectional", bidirectional, "also read the frames backwards");
    v("dropout", dropout, "dropout after the projection and between layers, in [0, 1)",
      config::half_open(0, 1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

/// Layers on each frame and a pool over frames: for vectors that sum up a clip (voice functionals, sensor
/// features, imported embeddings), where T is 1.
struct MlpConfig {
  static constexpr const char* kType = "mlp";
  static constexpr const char* kDoc =
      "layers on each frame: functionals, sensor features, imported embeddings";
  Normalization normalize = Normalization::kGlobal;
  double clip = 3.0;           ///< scaled values are kept within this many deviations; 0 = no limit
  double noise = 0.0;          ///< deviation of Gaussian noise on the scaled input, in training
  double input_dropout = 0.0;  ///< on the scaled input
  std::vector<int64_t> hidden = {128};
  bool batch_norm = true;
  double dropout = 0.3;  ///< after each layer
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 32;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalize", normalize, "input scaling: none, global (training set), utterance or utterance_mean");
    v("clip", clip, "scaled values are kept within this many deviations; 0 = no limit", config::at_least(0));
    v("noise", noise, "deviation of Gaussian noise on the scaled input, in training", config::at_least(0));
    v("input_dropout", input_dropout, "dropout on the scaled input", config::half_open(0, 1));
    v("hidden", hidden, "units of each layer + batch norm + ReLU; [] = none", config::at_least(1));
    v("batch_norm", batch_norm, "batch norm after each layer");
    v("dropout", dropout, "dropout after each layer", config::half_open(0, 1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

}  // namespace limbic::nn
