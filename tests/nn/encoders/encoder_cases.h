#pragma once
// One small encoder of every kind, for the tests that all of them have to pass.
#include <ATen/ATen.h>

#include <vector>

#include "limbic/affect/stream_shape.h"
#include "limbic/nn/encoder_config.h"

namespace limbic::nn {

struct EncoderCase {
  const char* name;
  EncoderConfig config;
  affect::StreamShape input;
  int64_t num_frames;
};

inline EncoderCase resnet_case(const char* name, FramePooling pooling, ImageNormalization normalize,
                               bool squeeze) {
  ResNetFaceConfig config;
  config.stem_channels = 4;
  config.stem_kernel = 3;
  config.stem_stride = 1;
  config.stem_pool = true;
  config.stages = {{4, 1, 1}, {6, 2, 2}};
  config.normalize = normalize;
  config.pooling = pooling;
  config.squeeze_excitation = squeeze;
  config.squeeze_reduction = 2;
  config.attention_hidden = 5;
  return {name, config, {{squeeze ? 3 : 1, 12, 12}}, 5};
}

inline EncoderCase conv_case(const char* name, Recurrent recurrent, FramePooling pooling,
                             Normalization normalize) {
  ConvRecurrentConfig config;
  config.layers = {{4, 5, 2, false, 2, 2, 0.0}, {6, 3, 1, true, 2, 2, 0.0}, {6, 3, 1, true, 1, 2, 0.0}};
  config.projection = recurrent == Recurrent::kNone ? 0 : 7;
  config.hidden = 5;
  config.dropout = 0.0;
  config.recurrent = recurrent;
  config.pooling = pooling;
  config.normalize = normalize;
  config.attention_hidden = 4;
  return {name, config, {{10}}, 37};
}

inline EncoderCase level_case() {
  auto conv =
      conv_case("ConvLevel", Recurrent::kNone, FramePooling::kAttentionStd, Normalization::kUtteranceMean);
  auto& config = std::get<ConvRecurrentConfig>(conv.config);
  config.level = true;
  config.level_noise = 0.0;
  return conv;
}

inline EncoderCase gru_case(const char* name, int64_t layers, FramePooling pooling, Normalization normalize) {
  GruConfig config;
  config.projection = 6;
  config.hidden = 5;
  config.layers = layers;
  config.dropout = 0.0;
  config.pooling = pooling;
  config.normalize = normalize;
  return {name, config, {{2}}, 11};
}

inline EncoderCase mlp_case(const char* name, FramePooling pooling, bool batch_norm) {
  MlpConfig config;
  config.hidden = {6, 5};
  config.clip = 0.0;
  config.dropout = 0.0;
  config.batch_norm = batch_norm;
  config.pooling = pooling;
  return {name, config, {{4}}, 9};
}

inline EncoderCase multiscale_case(const char* name, FramePooling pooling, Normalization normalize,
                                   int64_t downsample, int64_t bottleneck) {
  MultiscaleConvConfig config;
  config.kernels = {5, 3};
  config.filters = 3;
  config.bottleneck = bottleneck;
  config.depth = 4;
  config.downsample = downsample;
  config.pooling = pooling;
  config.normalize = normalize;
  return {name, config, {{2}}, 17};
}

inline EncoderCase waveform_case(const char* name, FramePooling pooling, Normalization normalize,
                                 int64_t projection) {
  WaveformConfig config;
  config.layers = {{4, 4, 2}, {5, 3, 2}, {5, 2, 1}};
  config.projection = projection;
  config.dropout = 0.0;
  config.pooling = pooling;
  config.normalize = normalize;
  return {name, config, {{1}}, 61};
}

inline EncoderCase spectrogram_case(const char* name, bool class_token, int64_t time_positions) {
  SpectrogramTransformerConfig config;
  config.patch_time = config.patch_feature = 4;
  config.stride_time = config.stride_feature = 3;
  config.time_positions = time_positions;
  config.width = 8;
  config.layers = 2;
  config.heads = 2;
  config.hidden = 12;
  config.class_token = class_token;
  config.pooling = FramePooling::kMeanStd;
  return {name, config, {{10}}, 29};
}

inline EncoderCase events_case() {
  EventSequenceConfig config;
  config.kinds = 3;
  config.kind_column = 1;
  config.kind_width = 4;
  config.hidden = 8;
  config.clip = 0.0;
  config.dropout = 0.0;
  return {"Events", config, {{4}}, 9};
}

inline EncoderCase pose_tcn_case(const char* name, bool causal) {
  PoseTcnConfig config;
  config.pose.root = {0};
  config.pose.scale_pair = {1, 2};
  config.pose.velocity = true;
  config.channels = 6;
  config.blocks = 2;
  config.causal = causal;
  config.dropout = 0.0;
  return {name, config, {{15}}, 13};
}

/// Of noise for confidences, so that many joints are missing, and in some frames the root.
inline EncoderCase coco_case() {
  PoseTcnConfig config;
  config.pose.skeleton = Skeleton::kCoco;
  config.pose.dimensions = 2;
  config.pose.confidence = true;
  config.channels = 6;
  config.blocks = 1;
  config.dropout = 0.0;
  config.pooling = FramePooling::kAttention;
  return {"PoseTcnMissingJoints", config, {{51}}, 13};
}

inline EncoderCase st_gcn_case(const char* name, bool is_mesh) {
  StGcnConfig config;
  config.layers = {{4, 1}, {4, 1}, {6, 2}};
  config.kernel = 3;
  config.dropout = 0.0;
  if (is_mesh) {
    config.pose.skeleton = Skeleton::kNearest;
    config.pose.dimensions = 2;
    config.neighbours = 2;
    return {name, config, {{14}}, 14};
  }
  config.edges = {{0, 1}, {1, 2}, {1, 3}, {3, 4}};
  config.graph_center = 1;
  config.pooling = FramePooling::kMeanStd;
  return {name, config, {{15}}, 14};
}

inline EncoderCase text_case() {
  TextConfig config;
  config.width = 6;
  config.dropout = 0.0;
  config.pooling = FramePooling::kAttentionStd;
  return {"Text", config, {{1}, 9}, 8};
}

inline std::vector<EncoderCase> encoder_cases() {
  return {
      resnet_case("ResNetMean", FramePooling::kMean, ImageNormalization::kImage, false),
      resnet_case("ResNetSqueezeAttention", FramePooling::kAttentionStd, ImageNormalization::kGlobal, true),
      conv_case("ConvGruAttention", Recurrent::kGru, FramePooling::kAttention, Normalization::kGlobal),
      conv_case("ConvLstmStd", Recurrent::kLstm, FramePooling::kMeanStd, Normalization::kUtterance),
      conv_case("ConvOnlyAttentionStd", Recurrent::kNone, FramePooling::kAttentionStd, Normalization::kNone),
      level_case(),
      gru_case("GruMeanStd", 2, FramePooling::kMeanStd, Normalization::kGlobal),
      gru_case("FramesOnly", 0, FramePooling::kMean, Normalization::kUtterance),
      mlp_case("MlpMean", FramePooling::kMean, true),
      mlp_case("MlpPlainAttention", FramePooling::kAttention, false),
      multiscale_case("MultiscaleMean", FramePooling::kMean, Normalization::kGlobal, 1, 2),
      multiscale_case("MultiscaleDownsampled", FramePooling::kAttentionStd, Normalization::kUtterance, 2, 0),
      waveform_case("WaveformMean", FramePooling::kMean, Normalization::kUtterance, 0),
      waveform_case("WaveformProjected", FramePooling::kMeanStd, Normalization::kGlobal, 6),
      spectrogram_case("SpectrogramClassToken", true, 5),
      spectrogram_case("SpectrogramPooled", false, 10),
      events_case(),
      pose_tcn_case("PoseTcn", false),
      pose_tcn_case("PoseTcnCausal", true),
      coco_case(),
      st_gcn_case("StGcn", false),
      st_gcn_case("StGcnMesh", true),
      text_case(),
  };
}

/// (B, T, frame): pixels, ids of tokens, rows of events, or noise around 0.5.
inline at::Tensor encoder_input(const EncoderCase& kind, int64_t batch, int64_t num_frames,
                                at::ScalarType dtype) {
  std::vector<int64_t> sizes = {batch, num_frames};
  sizes.insert(sizes.end(), kind.input.frame.begin(), kind.input.frame.end());
  if (kind.input.is_image()) return at::rand(sizes, dtype) * 255.0;
  if (kind.input.vocabulary > 0) return at::randint(kind.input.vocabulary, sizes, dtype);
  if (const auto* text = std::get_if<BertConfig>(&kind.config); text != nullptr)
    return at::randint(text->vocabulary, sizes, dtype);
  auto x = at::randn(sizes, dtype) + 0.5;
  if (const auto* events = std::get_if<EventSequenceConfig>(&kind.config); events != nullptr)
    x.select(2, events->kind_column).copy_(at::randint(events->kinds, {batch, num_frames}));
  return x;
}

}  // namespace limbic::nn
