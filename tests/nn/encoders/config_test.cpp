#include "limbic/config/config.h"

#include <gtest/gtest.h>

#include <string>

#include "limbic/nn/encoder_config.h"
#include "limbic/nn/fusion.h"
#include "limbic/nn/head.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

struct NnConfigs {
  std::map<std::string, EncoderConfig> encoders;
  FusionConfig fusion;
  std::map<std::string, HeadConfig> heads;

  template <class Visitor>
  void visit(Visitor& v) {
    v("encoders", encoders, "encoders");
    v("fusion", fusion, "fusion");
    v("heads", heads, "heads");
  }
};

constexpr const char* kRecipe = R"(
encoders:
  face: {type: resnet, normalize: image, stages: [{channels: 8, blocks: 2, stride: 1}], pooling: attention}
  audio:
    type: conv_recurrent
    normalize: global
    spec_augment: {time_masks: 2, time_width: 24, feature_masks: 2, feature_width: 8}
    layers: [{channels: 24, kernel: 5, stride: 2, pool_time: 2}, {channels: 48, residual: true}]
    recurrent: lstm
    pooling: attention_std
  eda: {type: gru, hidden: 16}
  body:
    type: st_gcn
    pose: {dimensions: 2, root: [0, 1], scale: radius}
    edges: [[0, 1], [1, 2]]
    layers: [{channels: 8}, {channels: 16, stride: 2}]
  sound: {type: waveform, layers: [{channels: 16, kernel: 10, stride: 5}], projection: 8}
  pulse: {type: multiscale_conv, kernels: [9, 5], downsample: 4}
fusion: {type: score, weights: learned, space: logit}
heads: {emotion: {dropout: 0.5, hidden: 32}}
)";

TEST(NnConfig, RecipesReadAndDumpsReadBackTheSame) {
  const auto configs = config::load_text<NnConfigs>(kRecipe, "recipe.yaml", {});
  const auto& face = std::get<ResNetFaceConfig>(configs.encoders.at("face"));
  ASSERT_EQ(face.stages.size(), 1u);
  EXPECT_EQ(face.stages[0].blocks, 2);
  const auto& audio = std::get<ConvRecurrentConfig>(configs.encoders.at("audio"));
  EXPECT_EQ(audio.spec_augment.time_masks, 2);
  EXPECT_EQ(audio.layers.at(0).stride, 2);
  EXPECT_EQ(audio.recurrent, Recurrent::kLstm);
  EXPECT_EQ(std::get<GruConfig>(configs.encoders.at("eda")).hidden, 16);
  EXPECT_EQ(std::get<ScoreFusionConfig>(configs.fusion).weights, ScoreWeights::kLearned);
  const auto& body = std::get<StGcnConfig>(configs.encoders.at("body"));
  EXPECT_EQ(body.edges.at(1), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(body.pose.scale, PoseScale::kRadius);
  EXPECT_EQ(body.layers.at(1).stride, 2);
  EXPECT_EQ(std::get<WaveformConfig>(configs.encoders.at("sound")).layers.at(0).kernel, 10);
  const auto text = config::dump(configs);
  EXPECT_EQ(config::dump(config::load_text<NnConfigs>(text, "dump.yaml", {})), text);
}

TEST(NnConfig, WrongValuesAreRefusedWithTheirRule) {
  const auto error = [](const std::string& text) {
    return test::error_of([&] { config::load_text<NnConfigs>(text, "recipe.yaml", {}); }, ErrorCode::kConfig);
  };
  EXPECT_NE(error("encoders: {face: {type: resnet, stem_kernel: 4}}").find("must be odd, got 4"),
            std::string::npos);
  EXPECT_NE(error("encoders: {face: {type: resnet, stages: []}}").find("must have at least one stage"),
            std::string::npos);
  EXPECT_NE(
      error("encoders: {face: {type: resnet, pixel_mean: [0.1, 0.2]}}").find("as many values as pixel_std"),
      std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: conv_recurrent, layers: []}}").find("use type 'gru' for none"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: conv_recurrent, layers: [{kernel: 2}]}}").find("must be odd, got 2"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: st_gcn}}").find("name a skeleton"), std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: st_gcn, edges: [[0, 1, 2]]}}").find("got one of 3"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: st_gcn, pose: {skeleton: coco}, edges: [[0, 1]]}}")
                .find("this one has its own"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: pose_tcn, pose: {scale_pair: [3, 3]}}}").find("two different joints"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: multiscale_conv, kernels: [10]}}").find("must be odd, got 10"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: spectrogram_transformer, heads: 5}}").find("must divide width (192)"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: waveform, layers: []}}").find("at least one layer"),
            std::string::npos);
  EXPECT_NE(error("encoders: {a: {type: gru, dropout: 1.0}}").find("[0, 1)"), std::string::npos);
  EXPECT_NE(error("heads: {emotion: {hidden: -1}}").find("-1"), std::string::npos);
  EXPECT_NE(error("fusion: {type: concat, hidden: [0]}").find("1"), std::string::npos);
}

}  // namespace
}  // namespace limbic::nn
