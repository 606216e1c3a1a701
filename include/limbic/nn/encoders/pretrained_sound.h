#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/nn/encoders/pretrained_weights.h"
#include "limbic/nn/encoders/waveform.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Whose form of speech transformer.
enum class SpeechFamily {
  kWav2Vec2,  ///< Baevski et al. 2020
  kHubert,    ///< Hsu et al. 2021: the same network
  kWavlm,     ///< Chen et al. 2022: gated relative position bias
};
constexpr auto enum_names(SpeechFamily) {
  return std::array<std::pair<SpeechFamily, const char*>, 3>{{{SpeechFamily::kWav2Vec2, "wav2vec2"},
                                                              {SpeechFamily::kHubert, "hubert"},
                                                              {SpeechFamily::kWavlm, "wavlm"}}};
}

/// Norm of the convolutions.
enum class SpeechConvNorm {
  kGroup,  ///< the first layer, per channel over time (base models)
  kLayer,  ///< every layer, per frame over channels (large models)
};
constexpr auto enum_names(SpeechConvNorm) {
  return std::array<std::pair<SpeechConvNorm, const char*>, 2>{
      {{SpeechConvNorm::kGroup, "group"}, {SpeechConvNorm::kLayer, "layer"}}};
}

/// Convolutions over 16 kHz sound, then a transformer; one token for 20 ms. The defaults are the base models.
/// A frame of the stream is a run of samples (F of them, usually 1): frames are joined to one waveform.
struct Wav2Vec2Config {
  static constexpr const char* kType = "wav2vec2";
  static constexpr const char* kDoc = "pretrained speech transformer: wav2vec 2.0, HuBERT, WavLM";
  PretrainedConfig pretrained;
  SpeechFamily family = SpeechFamily::kWav2Vec2;
  TransformerSize size = {768, 12, 12, 3072};
  std::vector<WaveformLayer> convolutions = {{512, 10, 5}, {512, 3, 2}, {512, 3, 2}, {512, 3, 2},
                                             {512, 3, 2},  {512, 2, 2}, {512, 2, 2}};
  SpeechConvNorm conv_norm = SpeechConvNorm::kGroup;
  bool conv_bias = false;
  bool tune_convolutions = false;  ///< published fine-tuning keeps them frozen
  bool feature_norm = true;        ///< norm between convolutions and projection
  int64_t position_kernel = 128;
  int64_t position_groups = 16;
  bool norm_first = false;         ///< large models ("stable layer norm")
  double epsilon = 1e-5;           ///< of the layer norms
  int64_t buckets = 320;           ///< WavLM: relative positions
  int64_t max_distance = 800;      ///< WavLM, tokens
  bool normalize_waveform = true;  ///< zero mean, unit variance over the real samples
  double dropout = 0.1;            ///< after attention, feed-forward part and embeddings
  double attention_dropout = 0.1;
  double activation_dropout = 0.1;
  double layer_drop = 0.1;  ///< probability to skip a block in training
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 128;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pretrained", pretrained, "weights, and what training does with them");
    v("family", family, "wav2vec2, hubert or wavlm");
    v("size", size, "shape of the transformer");
    v("convolutions", convolutions, "convolutions over the waveform");
    v("conv_norm", conv_norm, "group (first layer over time) or layer (every layer over channels)");
    v("conv_bias", conv_bias, "convolutions have a bias");
    v("tune_convolutions", tune_convolutions, "tune all: train the convolutions too");
    v("feature_norm", feature_norm, "layer norm between convolutions and projection");
    v("position_kernel", position_kernel, "kernel of the positional convolution", config::at_least(1));
    v("position_groups", position_groups, "its groups; they divide width", config::at_least(1));
    v("norm_first", norm_first, "norms before attention and feed-forward part (large models)");
    v("epsilon", epsilon, "of the layer norms", config::above(0));
    v("buckets", buckets, "wavlm: buckets of relative positions, even", config::at_least(4));
    v("max_distance", max_distance, "wavlm: tokens beyond which positions are one", config::at_least(2));
    v("normalize_waveform", normalize_waveform, "zero mean and unit variance over the real samples");
    v("dropout", dropout, "after attention, feed-forward part and embeddings", config::half_open(0, 1));
    v("attention_dropout", attention_dropout, "on attention weights", config::half_open(0, 1));
    v("activation_dropout", activation_dropout, "inside the feed-forward part", config::half_open(0, 1));
    v("layer_drop", layer_drop, "probability to skip a block in training", config::half_open(0, 1));
    v("pooling", pooling, "over tokens: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
