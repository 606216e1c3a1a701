#pragma once
// Small encoders with published networks for the tests that every encoder has to pass.
#include <vector>

#include "limbic/nn/encoder_config.h"

namespace limbic::nn {

inline VitConfig small_vit(VitFamily family, ImageToken token, FramePooling pooling) {
  const bool is_dino = family == VitFamily::kDinov2 || family == VitFamily::kDinov3;
  VitConfig config;
  config.family = family;
  config.size = {8, 2, 2, 12};
  config.patch = 4;
  config.image_size = 12;
  config.registers = is_dino ? 2 : 0;
  config.gated = family == VitFamily::kDinov3;
  config.layer_scale = 0.5;
  config.rotary_rescale = 1.0;
  config.token = token;
  config.pooling = pooling;
  config.attention_hidden = 5;
  return config;
}

inline Wav2Vec2Config small_speech(SpeechFamily family, bool is_large) {
  Wav2Vec2Config config;
  config.family = family;
  config.size = {8, 2, 2, 12};
  config.convolutions = {{6, 4, 2}, {6, 3, 2}};
  config.conv_norm = is_large ? SpeechConvNorm::kLayer : SpeechConvNorm::kGroup;
  config.conv_bias = is_large;
  config.norm_first = is_large;
  config.position_kernel = 6;
  config.position_groups = 4;
  config.buckets = 8;
  config.max_distance = 20;
  config.dropout = config.attention_dropout = config.activation_dropout = config.layer_drop = 0.0;
  config.pretrained.layer_mix = family == SpeechFamily::kWavlm;
  config.pooling = is_large ? FramePooling::kAttentionStd : FramePooling::kMean;
  config.attention_hidden = 5;
  return config;
}

inline BertConfig small_bert(BertFamily family, TextPooling pooling) {
  BertConfig config;
  config.family = family;
  config.size = {8, 2, 2, 12};
  config.vocabulary = 11;
  config.positions = 24;
  config.dropout = config.attention_dropout = 0.0;
  config.pooling = pooling;
  return config;
}

/// Case is an aggregate {name, config, input shape, frames}.
template <class Case>
std::vector<Case> pretrained_cases() {
  return {
      {"Vit", small_vit(VitFamily::kVit, ImageToken::kClass, FramePooling::kMean), {{3, 8, 12}}, 5},
      {"Dinov2",
       small_vit(VitFamily::kDinov2, ImageToken::kClassMean, FramePooling::kMeanStd),
       {{1, 8, 8}},
       5},
      {"Dinov3", small_vit(VitFamily::kDinov3, ImageToken::kMean, FramePooling::kAttention), {{3, 8, 8}}, 5},
      {"Clip", small_vit(VitFamily::kClip, ImageToken::kClass, FramePooling::kMean), {{3, 12, 12}}, 5},
      {"Wav2Vec2", small_speech(SpeechFamily::kWav2Vec2, false), {{1}}, 61},
      {"WavlmLarge", small_speech(SpeechFamily::kWavlm, true), {{1}}, 61},
      {"Bert", small_bert(BertFamily::kBert, TextPooling::kClass), {{1}}, 11},
      {"Roberta", small_bert(BertFamily::kRoberta, TextPooling::kMean), {{1}}, 11},
  };
}

}  // namespace limbic::nn
