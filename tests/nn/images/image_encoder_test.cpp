#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>
#include <string>

#include "images/image_cases.h"
#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"
#include "support/paths.h"
#include "support/python_judge.h"

namespace limbic::nn {
namespace {

struct ImageConfigs {
  std::map<std::string, EncoderConfig> encoders;
  template <class Visitor>
  void visit(Visitor& v) {
    v("encoders", encoders, "encoders");
  }
};

ImageConfigs read_encoders(const std::string& text) {
  return config::load_text<ImageConfigs>(text, "recipe.yaml", {});
}

struct ImageRecipe {
  ImageConfigs model;
  template <class Visitor>
  void visit(Visitor& v) {
    v("model", model, "model");
  }
};

TEST(ImageConfig, TheRecipesOfResNetsAreTorchvisions) {
  for (const int depth : {18, 50}) {
    auto want = ResNetFaceConfig::torchvision(depth);
    want.normalize = ImageNormalization::kFixed;
    want.pixel_mean = {0.485, 0.456, 0.406};
    want.pixel_std = {0.229, 0.224, 0.225};
    const auto recipe =
        config::load_file<ImageRecipe>("configs/encoders/resnet" + std::to_string(depth) + ".yaml");
    EXPECT_EQ(config::dump(std::get<ResNetFaceConfig>(recipe.model.encoders.at("face"))), config::dump(want));
  }
  EXPECT_EQ(test::error_of([] { ResNetFaceConfig::torchvision(20); }, ErrorCode::kConfig),
            "there is no ResNet of depth 20; expected 18, 34, 50 or 101");
}

TEST(ImageConfig, ADumpReadsBackTheSame) {
  const auto text =
      config::dump(read_encoders("encoders: {a: {type: resnet, block: bottleneck, stem_kernel: 3}, b: {type: "
                                 "r2plus1d, stem_middle: 7}}"));
  EXPECT_NE(text.find("block: bottleneck"), std::string::npos);
  EXPECT_EQ(config::dump(read_encoders(text)), text);
}

TEST(ImageConfig, WrongValuesAreRefusedWithTheirRule) {
  const auto error = [](const std::string& encoder) {
    return test::error_of([&] { read_encoders("encoders: {face: " + encoder + "}"); }, ErrorCode::kConfig);
  };
  EXPECT_NE(error("{type: resnet, block: bottleneck, stages: [{channels: 6}]}").find("a multiple of 4"),
            std::string::npos);
  EXPECT_NE(error("{type: conv3d, stem_kernel: 4}").find("must be odd, got 4"), std::string::npos);
  EXPECT_NE(error("{type: convnext, stages: []}").find("at least one stage"), std::string::npos);
  EXPECT_NE(error("{type: r2plus1d, pixel_mean: [0.1, 0.2]}").find("as many values as pixel_std"),
            std::string::npos);
}

TEST(ConvNext, SaysHowLargeImagesMustBe) {
  EXPECT_EQ(test::error_of(
                [] {
                  build_encoder(ConvNextConfig{}, {{1, 48, 24}});
                },
                ErrorCode::kConfig),
            "encoder 'convnext': images of 48 x 24 pixels are too small; expected at least 32 a side: give "
            "larger images, a smaller stem_patch or fewer stages");
}

TEST(ConvNext, StartsAsPublished) {
  core::seed_torch(1);
  ConvNextConfig config;
  config.stages = {{96, 1}, {192, 1}};
  const auto state = state_of(*build_encoder(config, {{3, 32, 32}})->as_module());
  EXPECT_NEAR(state.at("blocks.0.expand.weight").std().item<double>(), 0.02, 1e-3);
  EXPECT_NEAR(state.at("downsamples.0.conv.weight").std().item<double>(), 0.02, 1e-3);
  EXPECT_EQ(state.at("blocks.1.depthwise.bias").abs().max().item<float>(), 0.0f);
  EXPECT_FLOAT_EQ(state.at("blocks.1.layer_scale").mean().item<float>(), 1e-6f);
}

TEST(EmoNext, StartsWithTheImageAsItIs) {
  core::seed_torch(4);
  auto config = small_convnext(true);
  config.attention_regularizer = 0.0;
  const affect::StreamShape input = {{3, 20, 24}};
  const auto with = build_encoder(config, input);
  config.spatial_transformer = false;
  const auto without = build_encoder(config, input);
  State shared;
  for (const auto& [name, tensor] : state_of(*with->as_module())) {
    if (name.find("transformer") == std::string::npos) shared[name] = tensor;
  }
  load_state(*without->as_module(), shared);
  const auto x = at::rand({2, 2, 3, 20, 24}) * 255.0;
  const auto mask = at::ones({2, 2}, at::kBool);
  EXPECT_TRUE(
      at::allclose(with->encode(x, mask).embedding_BD, without->encode(x, mask).embedding_BD, 1e-4, 1e-5));
}

TEST(EmoNext, TheRegularizerIsTheVarianceOfAttentionBetweenTheRealFaces) {
  core::seed_torch(6);
  auto config = small_convnext(true);
  config.attention_regularizer = 0.7;
  const auto encoder = build_encoder(config, {{3, 20, 20}});
  auto x = at::rand({2, 3, 3, 20, 20}) * 255.0;
  auto mask = at::ones({2, 3}, at::kBool);
  mask[1][1] = false;
  x[1][1] = std::numeric_limits<float>::quiet_NaN();
  const auto out = encoder->encode(x, mask);
  ASSERT_EQ(out.losses.count("attention_regularizer"), 1u);
  const auto s = state_of(*encoder->as_module());
  const auto faces = out.tokens_BTD.flatten(0, 1).index_select(0, at::tensor({0, 1, 2, 3, 5}));
  const int64_t width = encoder->token_width();
  const auto normed =
      at::layer_norm(faces, {width}, s.at("regularizer.norm.weight"), s.at("regularizer.norm.bias"));
  const auto layer = [&](const std::string& name) {
    return at::linear(normed, s.at("regularizer." + name + ".weight"), s.at("regularizer." + name + ".bias"));
  };
  const auto query = layer("query");
  const auto key = layer("key");
  double sum = 0.0;
  for (int64_t i = 0; i < 5; ++i) {
    const auto weight = (key.matmul(query[i]) / std::pow(static_cast<double>(width), 0.25)).softmax(0);
    for (int64_t j = 0; j < 5; ++j) sum += std::pow(weight[j].item<double>() - 0.2, 2);
  }
  EXPECT_NEAR(out.losses.at("attention_regularizer").item<double>(), 0.7 * sum / 25, 1e-7);
  encoder->as_module()->eval();
  EXPECT_TRUE(encoder->encode(x, mask).losses.empty());
}

constexpr const char* kEmoNext = R"(
x = s['x'].flatten(0, 1) / 255
def bn(x, p): return F.batch_norm(x, s[p + '.running_mean'], s[p + '.running_var'], s[p + '.weight'], s[p + '.bias'])
def conv(x, p, **o): return F.conv2d(x, s[p + '.weight'], s[p + '.bias'], **o)
def lin(x, p): return F.linear(x, s[p + '.weight'], s.get(p + '.bias'))
def ln(x, p): return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], s[p + '.weight'], s[p + '.bias'], 1e-6).permute(0, 3, 1, 2)
h = x
for i in '12': h = F.relu(F.max_pool2d(bn(conv(h, 'transformer.conv' + i), 'transformer.norm' + i), 2))
theta = lin(F.relu(lin(h.flatten(1), 'transformer.hidden')), 'transformer.affine').view(-1, 2, 3)
x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=True), align_corners=True)
def block(x, p):
    h = ln(conv(x, p + '.depthwise', padding=3, groups=x.shape[1]), p + '.norm').permute(0, 2, 3, 1)
    return x + lin(F.gelu(lin(h, p + '.expand')), p + '.project').permute(0, 3, 1, 2) * s[p + '.layer_scale']
x = block(ln(conv(x, 'stem', stride=4), 'stem_norm'), 'blocks.0')
x = conv(ln(x, 'downsamples.0.norm'), 'downsamples.0.conv', stride=2)
gate = lin(F.relu(lin(x.mean((2, 3)), 'downsamples.0.gate.squeeze')), 'downsamples.0.gate.excite').sigmoid()
x = block(block(x * gate[:, :, None, None], 'blocks.1'), 'blocks.2')
x = F.layer_norm(x.mean((2, 3)), x.shape[1:2], s['norm.weight'], s['norm.bias'], 1e-6)
y = x.view(*s['x'].shape[:2], -1).mean(1)
)";

TEST(EmoNext, IsWhatPythonTorchComputes) {
  core::seed_torch(8);
  auto config = small_convnext(true);
  config.normalize = ImageNormalization::kFixed;
  config.pixel_mean = {0.0};
  config.pixel_std = {1.0};
  const auto encoder = build_encoder(config, {{3, 24, 20}});
  const auto x = at::rand({2, 3, 3, 24, 20}) * 255.0;
  const auto mask = at::ones({2, 3}, at::kBool);
  at::NoGradGuard no_grad;
  for (auto& parameter : encoder->as_module()->parameters()) {
    parameter.add_(at::randn_like(parameter) * 0.1);
  }
  for (int i = 0; i < 3; ++i) encoder->encode(x, mask);
  encoder->as_module()->eval();
  const auto got = encoder->encode(x, mask).embedding_BD;
  auto tensors = state_of(*encoder->as_module());
  tensors["x"] = x;
  const auto difference = test::difference_to_python(tensors, got, kEmoNext);
  if (!difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*difference, 2e-5);
}

template <class Config>
class ClipNetTest : public testing::Test {};
using ClipNetConfigs = testing::Types<Conv3dConfig, R2Plus1dConfig>;
TYPED_TEST_SUITE(ClipNetTest, ClipNetConfigs);

TYPED_TEST(ClipNetTest, ATokenIsRealWhenOneOfItsFramesIs) {
  const auto config = small_clip_net<TypeParam>(ImageNormalization::kImage, FramePooling::kMean);
  const auto encoder = build_encoder(config, {{1, 10, 10}});
  auto mask = at::zeros({2, 7}, at::kBool);
  mask[0].fill_(true);
  mask[1].narrow(0, 0, 3).fill_(true);
  const auto out = encoder->encode(at::rand({2, 7, 1, 10, 10}) * 255.0, mask);
  EXPECT_TRUE(at::equal(out.mask_BT, at::tensor({1, 1, 1, 1, 1, 1, 0, 0}).to(at::kBool).view({2, 4})));
}

TYPED_TEST(ClipNetTest, TheOrderOfFramesMatters) {
  core::seed_torch(9);
  const auto config = small_clip_net<TypeParam>(ImageNormalization::kFixed, FramePooling::kMean);
  const auto encoder = build_encoder(config, {{1, 10, 10}});
  encoder->as_module()->eval();
  const auto x = at::rand({1, 8, 1, 10, 10}) * 255.0;
  const auto mask = at::ones({1, 8}, at::kBool);
  EXPECT_FALSE(at::allclose(encoder->encode(x, mask).embedding_BD,
                            encoder->encode(x.flip({1}), mask).embedding_BD, 1e-2, 1e-3));
}

TEST(ResNetFace, ChannelsLastTakesGreyPicturesAndGivesTheSameGradients) {
  ResNetFaceConfig config;
  config.stem_channels = 8;
  config.stages = {{8, 1, 2}};
  const auto plain = build_encoder(config, {{1, 12, 12}});
  config.channels_last = true;
  const auto last = build_encoder(config, {{1, 12, 12}});
  load_state(*last->as_module(), state_of(*plain->as_module()));
  const auto x = at::rand({4, 1, 1, 12, 12}) * 255.0;
  const auto mask = at::ones({4, 1}, at::kBool);
  plain->encode(x, mask).embedding_BD.square().sum().backward();
  last->encode(x, mask).embedding_BD.square().sum().backward();
  const auto want = plain->as_module()->named_parameters();
  for (const auto& parameter : last->as_module()->named_parameters()) {
    EXPECT_TRUE(at::allclose(parameter.value().grad(), want[parameter.key()].grad(), 1e-3, 1e-4))
        << parameter.key();
    if (parameter.value().dim() != 4) continue;
    EXPECT_EQ(parameter.value().suggest_memory_format(), at::MemoryFormat::ChannelsLast) << parameter.key();
  }
}

}  // namespace
}  // namespace limbic::nn
