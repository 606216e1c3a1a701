#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/pooling_config.h"
#include "limbic/nn/spec_augment.h"

namespace limbic::nn {

/// How an encoder scales its input before anything else.
enum class Normalization {
  kNone,
  kGlobal,         ///< per feature, with the statistics of the training set (Encoder::set_input_statistics)
  kUtterance,      ///< per sample and feature, over its real frames
  kUtteranceMean,  ///< minus the sample's own mean, over the training set's deviation
};
constexpr auto enum_names(Normalization) {
  return std::array<std::pair<Normalization, const char*>, 4>{
      {{Normalization::kNone, "none"},
       {Normalization::kGlobal, "global"},
       {Normalization::kUtterance, "utterance"},
       {Normalization::kUtteranceMean, "utterance_mean"}}};
}

/// How an encoder scales pixels, after x / 255.
enum class ImageNormalization {
  kFixed,   ///< (x - pixel_mean) / pixel_std
  kGlobal,  ///< per channel, with the statistics of the training set
  kImage,   ///< per image: minus its mean, over its standard deviation + image_epsilon
};
constexpr auto enum_names(ImageNormalization) {
  return std::array<std::pair<ImageNormalization, const char*>, 3>{{{ImageNormalization::kFixed, "fixed"},
                                                                    {ImageNormalization::kGlobal, "global"},
                                                                    {ImageNormalization::kImage, "image"}}};
}

/// The recurrent part of an encoder.
enum class Recurrent { kNone, kGru, kLstm };
constexpr auto enum_names(Recurrent) {
  return std::array<std::pair<Recurrent, const char*>, 3>{
      {{Recurrent::kNone, "none"}, {Recurrent::kGru, "gru"}, {Recurrent::kLstm, "lstm"}}};
}

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

/// A layer on each frame, then a GRU and a pool over time, for any (T, F) stream. `layers` 0 leaves out the
/// GRU.
struct GruConfig {
  static constexpr const char* kType = "gru";
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

/// `type:` picks one.
using EncoderConfig = std::variant<ResNetFaceConfig, ConvRecurrentConfig, GruConfig, MlpConfig>;

}  // namespace limbic::nn
