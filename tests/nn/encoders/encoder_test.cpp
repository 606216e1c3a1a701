#include "limbic/nn/encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>

#include <limits>
#include <string>

#include "encoders/encoder_cases.h"
#include "images/image_cases.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "pretrained/pretrained_cases.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

constexpr int64_t kBatch = 3;

class EncoderTest : public testing::TestWithParam<EncoderCase> {
 protected:
  void SetUp() override {
    core::seed_torch(7);
    encoder_ = build_encoder(GetParam().config, GetParam().input);
    if (encoder_->wants_input_statistics()) {
      const auto features = static_cast<size_t>(GetParam().input.num_features());
      const double scale = GetParam().input.is_image() ? 100.0 : 1.0;
      std::vector<double> mean_F(features);  // that differ: a mesh is linked by its mean shape
      for (size_t f = 0; f < features; ++f) mean_F[f] = scale * (0.3 + 0.1 * static_cast<double>(f * f % 7));
      encoder_->set_input_statistics(mean_F, std::vector<double>(features, 1.7 * scale));
    }
  }

  static at::Tensor input(int64_t num_frames, at::ScalarType dtype = at::kFloat) {
    return encoder_input(GetParam(), kBatch, num_frames, dtype);
  }
  /// Rows of the given lengths, the rest of the first T frames padded.
  static at::Tensor mask_of(const std::vector<int64_t>& lengths, int64_t num_frames) {
    return at::arange(num_frames).unsqueeze(0) < at::tensor(lengths).unsqueeze(1);
  }

  std::shared_ptr<Encoder> encoder_;
};

TEST_P(EncoderTest, ShapesAreAsPromised) {
  const int64_t num_frames = GetParam().num_frames;
  const auto out = encoder_->encode(input(num_frames), at::ones({kBatch, num_frames}, at::kBool));
  ASSERT_EQ(out.tokens_BTD.dim(), 3);
  EXPECT_EQ(out.tokens_BTD.size(0), kBatch);
  EXPECT_EQ(out.tokens_BTD.size(2), encoder_->token_width());
  EXPECT_EQ(out.mask_BT.sizes(), out.tokens_BTD.sizes().slice(0, 2));
  EXPECT_EQ(out.embedding_BD.sizes(), (at::IntArrayRef{kBatch, encoder_->width()}));
}

TEST_P(EncoderTest, PaddingHasNoInfluenceInEvaluationAndInTraining) {
  const int64_t num_frames = GetParam().num_frames;
  const std::vector<int64_t> lengths = {num_frames, num_frames - 2, 1};
  const auto x = input(num_frames);
  const auto mask = mask_of(lengths, num_frames);
  // The same clips in a longer batch, with garbage behind them.
  const int64_t longer = num_frames + 9;
  auto padded = at::full_like(input(longer), std::numeric_limits<float>::quiet_NaN());
  padded.narrow(1, 0, num_frames).copy_(x);
  const auto padded_mask = mask_of(lengths, longer);
  for (const bool is_training : {true, false}) {
    encoder_->as_module()->train(is_training);
    const auto short_out = encoder_->encode(x, mask);
    const auto long_out = encoder_->encode(padded, padded_mask);
    EXPECT_TRUE(at::allclose(short_out.embedding_BD, long_out.embedding_BD, 1e-4, 1e-5)) << is_training;
    const int64_t num_tokens = short_out.tokens_BTD.size(1);
    EXPECT_TRUE(at::allclose(short_out.tokens_BTD, long_out.tokens_BTD.narrow(1, 0, num_tokens), 1e-4, 1e-5));
    EXPECT_TRUE(at::equal(short_out.mask_BT, long_out.mask_BT.narrow(1, 0, num_tokens)));
    EXPECT_EQ(long_out.tokens_BTD.masked_select(~long_out.mask_BT.unsqueeze(2)).abs().sum().item<float>(),
              0.0f);
  }
}

TEST_P(EncoderTest, ASampleDoesNotDependOnItsBatchInEvaluation) {
  encoder_->as_module()->eval();
  const int64_t num_frames = GetParam().num_frames;
  const auto x = input(num_frames);
  const auto together = encoder_->encode(x, mask_of({num_frames, num_frames - 3, 2}, num_frames));
  const auto alone = encoder_->encode(x.narrow(0, 1, 1).narrow(1, 0, num_frames - 3),
                                      at::ones({1, num_frames - 3}, at::kBool));
  EXPECT_TRUE(at::allclose(together.embedding_BD[1], alone.embedding_BD[0], 1e-4, 1e-5));
}

TEST_P(EncoderTest, ARowWithoutRealFramesGivesZerosAndFiniteGradients) {
  const int64_t num_frames = GetParam().num_frames;
  for (const auto& lengths : {std::vector<int64_t>{num_frames, 0, 3}, std::vector<int64_t>{0, 0, 0}}) {
    const auto out = encoder_->encode(input(num_frames), mask_of(lengths, num_frames));
    EXPECT_EQ(out.embedding_BD[1].abs().sum().item<float>(), 0.0f);
    EXPECT_TRUE(out.embedding_BD.isfinite().all().item<bool>());
    if (!out.embedding_BD.requires_grad()) continue;
    out.embedding_BD.pow(2).sum().backward();
    for (const auto& parameter : encoder_->as_module()->named_parameters()) {
      if (!parameter.value().grad().defined()) continue;
      EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
    }
  }
}

TEST_P(EncoderTest, CloneIsEqualAndIndependent) {
  const int64_t num_frames = GetParam().num_frames;
  const auto x = input(num_frames);
  const auto mask = mask_of({num_frames, 4, 2}, num_frames);
  encoder_->encode(x, mask);  // moves the batch norms' statistics
  encoder_->as_module()->eval();
  const auto copied = encoder_->as_module()->clone();
  copied->eval();
  auto* copy = dynamic_cast<Encoder*>(copied.get());
  ASSERT_NE(copy, nullptr);
  const auto before = encoder_->encode(x, mask).embedding_BD;
  EXPECT_TRUE(at::equal(copy->encode(x, mask).embedding_BD, before));
  {
    at::NoGradGuard no_grad;
    for (auto& parameter : encoder_->as_module()->parameters()) parameter.add_(0.1);
  }
  EXPECT_TRUE(at::equal(copy->encode(x, mask).embedding_BD, before));
  EXPECT_FALSE(at::equal(encoder_->encode(x, mask).embedding_BD, before));
}

TEST_P(EncoderTest, StateMakesTheRoundTrip) {
  const int64_t num_frames = GetParam().num_frames;
  const auto x = input(num_frames);
  const auto mask = mask_of({num_frames, 4, 2}, num_frames);
  encoder_->encode(x, mask);
  const auto other = build_encoder(GetParam().config, GetParam().input);
  load_state(*other->as_module(), state_of(*encoder_->as_module()));
  encoder_->as_module()->eval();
  other->as_module()->eval();
  EXPECT_TRUE(at::equal(other->encode(x, mask).embedding_BD, encoder_->encode(x, mask).embedding_BD));
}

TEST_P(EncoderTest, GradientsAgreeWithCentralDifferences) {
  const auto module = encoder_->as_module();
  module->to(at::kDouble);
  if (GetParam().input.is_image()) {
    // Away from the start: a spatial transformer that is the identity samples at the kinks between pixels.
    at::NoGradGuard no_grad;
    for (auto& parameter : module->parameters()) parameter.add_(at::randn_like(parameter) * 0.01);
  }
  const int64_t num_frames = GetParam().num_frames;
  const auto x = input(num_frames, at::kDouble);
  const auto mask = mask_of({num_frames, num_frames - 2, 4}, num_frames);
  const auto weight = at::randn({kBatch, encoder_->width()}, at::kDouble);
  // In training mode, so that the masked batch norm's own backward is covered.
  const auto loss = [&] { return (encoder_->encode(x, mask).embedding_BD * weight).sum(); };
  EXPECT_LT(test::gradient_error(loss, module->parameters(), 1e-6, 3), 2e-4);
}

TEST_P(EncoderTest, OverfitsOneBatch) {
  const int64_t num_frames = GetParam().num_frames;
  const auto x = input(num_frames);
  const auto mask = mask_of({num_frames, num_frames - 2, 4}, num_frames);
  const auto want = at::randn({kBatch, encoder_->width()}).mul_(0.2).abs_();
  const auto weight = at::randn({encoder_->width(), encoder_->width()}).set_requires_grad(true);
  auto parameters = encoder_->as_module()->parameters();
  parameters.push_back(weight);
  torch::optim::Adam optimizer(parameters, torch::optim::AdamOptions(2e-2));
  double first = 0.0;
  double last = 0.0;
  for (int step = 0; step < 100; ++step) {
    const auto loss = (encoder_->encode(x, mask).embedding_BD.matmul(weight) - want).pow(2).mean();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  EXPECT_LT(last, 0.05 * first) << first;
}

INSTANTIATE_TEST_SUITE_P(Kinds, EncoderTest, testing::ValuesIn(encoder_cases()),
                         [](const testing::TestParamInfo<EncoderCase>& kind) { return kind.param.name; });

INSTANTIATE_TEST_SUITE_P(Images, EncoderTest, testing::ValuesIn(image_cases<EncoderCase>()),
                         [](const testing::TestParamInfo<EncoderCase>& kind) { return kind.param.name; });

INSTANTIATE_TEST_SUITE_P(Pretrained, EncoderTest, testing::ValuesIn(pretrained_cases<EncoderCase>()),
                         [](const testing::TestParamInfo<EncoderCase>& kind) { return kind.param.name; });

TEST(ResNetFace, TakesUint8AsFloatPixels) {
  const auto resnet = resnet_case("", FramePooling::kMean, ImageNormalization::kFixed, false);
  const auto encoder = build_encoder(resnet.config, resnet.input);
  const auto x = at::randint(256, {2, 1, 1, 12, 12}, at::kByte);
  const auto mask = at::ones({2, 1}, at::kBool);
  encoder->as_module()->eval();
  EXPECT_TRUE(
      at::equal(encoder->encode(x, mask).embedding_BD, encoder->encode(x.to(at::kFloat), mask).embedding_BD));
}

TEST(ResNetFace, MemoryLayoutDoesNotChangeTheResult) {
  auto resnet = resnet_case("", FramePooling::kMean, ImageNormalization::kImage, true);
  const auto plain = build_encoder(resnet.config, resnet.input);
  std::get<ResNetFaceConfig>(resnet.config).channels_last = true;
  const auto last = build_encoder(resnet.config, resnet.input);
  load_state(*last->as_module(), state_of(*plain->as_module()));
  const auto x = at::randint(256, {2, 3, 3, 12, 12}, at::kByte);
  const auto mask = at::ones({2, 3}, at::kBool);
  EXPECT_TRUE(
      at::allclose(plain->encode(x, mask).embedding_BD, last->encode(x, mask).embedding_BD, 1e-4, 1e-5));
}

TEST(ResNetFace, LongInferenceInPassesEqualsOnePass) {
  const auto resnet = resnet_case("", FramePooling::kAttention, ImageNormalization::kImage, false);
  const auto encoder = build_encoder(resnet.config, resnet.input);
  encoder->as_module()->eval();
  const auto x = at::randint(256, {1, 300, 1, 12, 12}, at::kByte);
  const auto mask = at::ones({1, 300}, at::kBool);
  const auto whole = encoder->encode(x, mask).embedding_BD;
  at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(encoder->encode(x, mask).embedding_BD, whole, 1e-4, 1e-5));
}

TEST(ResNetFace, BrightnessAndContrastCancelWithImageScaling) {
  auto resnet = resnet_case("", FramePooling::kMean, ImageNormalization::kImage, false);
  std::get<ResNetFaceConfig>(resnet.config).image_epsilon = 1e-6;
  const auto encoder = build_encoder(resnet.config, resnet.input);
  encoder->as_module()->eval();
  const auto x = at::rand({2, 1, 1, 12, 12}) * 100.0;
  const auto mask = at::ones({2, 1}, at::kBool);
  EXPECT_TRUE(at::allclose(encoder->encode(x, mask).embedding_BD,
                           encoder->encode(x * 1.5 + 30.0, mask).embedding_BD, 1e-3, 1e-4));
}

TEST(ResNetFace, DropPathLeavesEvaluationAloneAndRandomisesTraining) {
  auto resnet = resnet_case("", FramePooling::kMean, ImageNormalization::kImage, false);
  std::get<ResNetFaceConfig>(resnet.config).drop_path = 0.8;
  const auto encoder = build_encoder(resnet.config, resnet.input);
  const auto x = at::rand({4, 1, 1, 12, 12}) * 255.0;
  const auto mask = at::ones({4, 1}, at::kBool);
  EXPECT_FALSE(at::equal(encoder->encode(x, mask).embedding_BD, encoder->encode(x, mask).embedding_BD));
  encoder->as_module()->eval();
  EXPECT_TRUE(at::equal(encoder->encode(x, mask).embedding_BD, encoder->encode(x, mask).embedding_BD));
}

TEST(ConvRecurrent, GlobalStatisticsUndoAnAffineInput) {
  auto conv = conv_case("", Recurrent::kGru, FramePooling::kAttention, Normalization::kGlobal);
  const auto encoder = build_encoder(conv.config, conv.input);
  encoder->as_module()->eval();
  const auto x = at::randn({2, 16, 10});
  const auto mask = at::ones({2, 16}, at::kBool);
  const auto before = encoder->encode(x, mask).embedding_BD;
  encoder->set_input_statistics(std::vector<double>(10, -4.0), std::vector<double>(10, 2.5));
  EXPECT_TRUE(at::allclose(encoder->encode(x * 2.5 - 4.0, mask).embedding_BD, before, 1e-4, 1e-5));
}

TEST(ConvRecurrent, UtteranceScalingHidesTheLevelAndTheLevelFeaturesRestoreIt) {
  auto conv = conv_case("", Recurrent::kNone, FramePooling::kMean, Normalization::kUtterance);
  auto& config = std::get<ConvRecurrentConfig>(conv.config);
  const auto x = at::randn({2, 16, 10});
  const auto mask = at::ones({2, 16}, at::kBool);
  const auto plain = build_encoder(conv.config, conv.input);
  plain->as_module()->eval();
  EXPECT_TRUE(at::allclose(plain->encode(x + 3.0, mask).embedding_BD, plain->encode(x, mask).embedding_BD,
                           1e-3, 1e-4));
  config.level = true;
  const auto encoder = build_encoder(conv.config, conv.input);
  encoder->as_module()->eval();
  ASSERT_EQ(encoder->width(), plain->width() + 4);
  const auto quiet = encoder->encode(x, mask).embedding_BD.narrow(1, plain->width(), 4);
  const auto loud = encoder->encode(x + 3.0, mask).embedding_BD.narrow(1, plain->width(), 4);
  // A fresh batch norm passes values through, but for its epsilon: maximum and mean rise by 3, deviation and
  // length stay.
  const auto want = at::tensor(std::vector<float>{3.0f, 3.0f, 0.0f, 0.0f}).expand({2, 4});
  EXPECT_TRUE(at::allclose(loud - quiet, want, 1e-3, 1e-3));
  EXPECT_NEAR(quiet[0][3].item<float>(), std::log(16.0f), 1e-3f);
  EXPECT_NEAR(quiet[0][0].item<float>(), x[0].logsumexp(1).max().item<float>(), 1e-3f);
}

TEST(ConvRecurrent, SpecAugmentActsInTrainingOnly) {
  auto conv = conv_case("", Recurrent::kGru, FramePooling::kAttention, Normalization::kNone);
  std::get<ConvRecurrentConfig>(conv.config).spec_augment.time_masks = 2;
  const auto encoder = build_encoder(conv.config, conv.input);
  const auto x = at::randn({2, 40, 10});
  const auto mask = at::ones({2, 40}, at::kBool);
  EXPECT_FALSE(at::equal(encoder->encode(x, mask).embedding_BD, encoder->encode(x, mask).embedding_BD));
  encoder->as_module()->eval();
  EXPECT_TRUE(at::equal(encoder->encode(x, mask).embedding_BD, encoder->encode(x, mask).embedding_BD));
}

TEST(Gru, ConstantFeaturesSurviveTheirStatistics) {
  const auto encoder = build_encoder(GruConfig{}, {{2}});
  encoder->set_input_statistics({1.0, 5.0}, {0.5, 0.0});
  const auto out = encoder->encode(at::full({1, 4, 2}, 5.0), at::ones({1, 4}, at::kBool));
  EXPECT_TRUE(out.embedding_BD.isfinite().all().item<bool>());
}

TEST(BuildEncoder, SaysWhatKindOfFramesItWants) {
  EXPECT_EQ(test::error_of([] { build_encoder(ResNetFaceConfig{}, {{64}}); }, ErrorCode::kConfig),
            "encoder 'resnet' takes images [C, H, W], but a frame of this modality is [64]; use "
            "'conv_recurrent' or "
            "'gru' for features");
  EXPECT_EQ(test::error_of(
                [] {
                  build_encoder(GruConfig{}, {{1, 48, 48}});
                },
                ErrorCode::kConfig),
            "encoder 'gru' takes frames of features [F], but a frame of this modality is [1, 48, 48]; use "
            "'resnet' for "
            "images [C, H, W]");
  const auto encoder = build_encoder(GruConfig{}, {{2}});
  EXPECT_EQ(test::error_of([&] { encoder->set_input_statistics({1.0}, {1.0}); }, ErrorCode::kModel),
            "input statistics have 1 means and 1 deviations; expected 2 of each, one per feature");
}

}  // namespace
}  // namespace limbic::nn
