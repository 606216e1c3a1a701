#include "limbic/nn/folding.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <string>

#include "blocks/conv_norm.h"
#include "images/image_cases.h"
#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"

namespace limbic::nn {
namespace {

struct FoldingCase {
  const char* name;
  EncoderConfig config;
  affect::StreamShape input;
  int64_t num_frames;
  int64_t num_folded;
};

class FoldingTest : public testing::TestWithParam<FoldingCase> {
 protected:
  void SetUp() override {
    core::seed_torch(5);
    encoder_ = build_encoder(GetParam().config, GetParam().input);
    std::vector<int64_t> sizes = {3, GetParam().num_frames};
    sizes.insert(sizes.end(), GetParam().input.frame.begin(), GetParam().input.frame.end());
    x_ = at::rand(sizes) * (GetParam().input.is_image() ? 255.0 : 1.0);
    all_ = at::ones({3, GetParam().num_frames}, at::kBool);
    // Batch norms whose statistics, scales and shifts are all at work.
    at::NoGradGuard no_grad;
    for (auto& parameter : encoder_->as_module()->named_parameters()) {
      if (parameter.key().find("norm") != std::string::npos)
        parameter.value().add_(at::randn_like(parameter.value()) * 0.3);
    }
    for (int i = 0; i < 5; ++i) encoder_->encode(x_, all_);
    encoder_->as_module()->eval();
  }

  at::Tensor embedding(const at::Tensor& mask) {
    at::NoGradGuard no_grad;
    return encoder_->encode(x_, mask).embedding_BD;
  }

  std::shared_ptr<Encoder> encoder_;
  at::Tensor x_, all_;
};

TEST_P(FoldingTest, TheResultIsTheSameAndTheStateStays) {
  auto padded = all_.clone();
  padded[1].narrow(0, 2, GetParam().num_frames - 2).fill_(false);
  const auto whole = embedding(all_);
  const auto part = embedding(padded);
  auto before = state_of(*encoder_->as_module());
  for (auto& [name, tensor] : before) tensor = tensor.clone();
  EXPECT_EQ(fold_normalization(*encoder_->as_module()), GetParam().num_folded);
  const double scale = whole.abs().max().item<double>();
  EXPECT_LT((embedding(all_) - whole).abs().max().item<double>(), 1e-5 * scale);
  EXPECT_LT((embedding(padded) - part).abs().max().item<double>(), 1e-5 * scale);
  const auto after = state_of(*encoder_->as_module());
  ASSERT_EQ(after.size(), before.size());
  for (const auto& [name, tensor] : before) EXPECT_TRUE(at::equal(after.at(name), tensor)) << name;
}

TEST_P(FoldingTest, WeightsThatChangeAfterwardsAreUsed) {
  fold_normalization(*encoder_->as_module());
  const auto other = build_encoder(GetParam().config, GetParam().input);
  other->as_module()->eval();
  load_state(*encoder_->as_module(), state_of(*other->as_module()));
  at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(embedding(all_), other->encode(x_, all_).embedding_BD));
}

TEST_P(FoldingTest, OneChangedLayerAmongFoldedOnesIsUsed) {
  const auto unfolded = encoder_->as_module()->clone();
  auto* want = dynamic_cast<Encoder*>(unfolded.get());
  fold_normalization(*encoder_->as_module());
  at::NoGradGuard no_grad;
  for (const auto& module : {encoder_->as_module(), unfolded}) {
    for (auto& parameter : module->named_parameters()) {
      // The first residual block's last convolution, and what has none of that name.
      if (parameter.key().find("0.conv2.weight") != std::string::npos) parameter.value().mul_(1.5);
    }
  }
  EXPECT_TRUE(at::allclose(embedding(all_), want->encode(x_, all_).embedding_BD, 1e-4, 1e-5));
}

TEST_P(FoldingTest, TrainingAndGradientsPassItBy) {
  const auto copied = encoder_->as_module()->clone();
  auto* copy = dynamic_cast<Encoder*>(copied.get());
  fold_normalization(*encoder_->as_module());
  for (const bool is_training : {false, true}) {
    encoder_->as_module()->train(is_training);
    copied->train(is_training);
    core::seed_torch(3);
    const auto got = encoder_->encode(x_, all_).embedding_BD;
    core::seed_torch(3);
    const auto want = copy->encode(x_, all_).embedding_BD;
    EXPECT_TRUE(got.requires_grad());
    EXPECT_TRUE(at::equal(got, want)) << is_training;
  }
}

TEST_P(FoldingTest, OtherTypesArePassedBy) {
  fold_normalization(*encoder_->as_module());
  encoder_->as_module()->to(at::kDouble);
  x_ = x_.to(at::kDouble);
  EXPECT_EQ(embedding(all_).scalar_type(), at::kDouble);
}

ResNetFaceConfig folded_resnet(bool squeeze, bool channels_last) {
  ResNetFaceConfig config;
  config.stages = {{8, 1, 1}, {12, 2, 2}};
  config.stem_channels = 8;
  config.stem_pool = true;
  config.squeeze_excitation = squeeze;
  config.channels_last = channels_last;
  return config;
}

ConvRecurrentConfig folded_conv_recurrent() {
  ConvRecurrentConfig config;
  config.layers = {{4, 5, 2, false, 2, 2, 0.0}, {6, 3, 1, true, 2, 2, 0.0}, {6, 3, 1, true, 1, 2, 0.0}};
  config.normalize = Normalization::kNone;
  return config;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FoldingTest,
    testing::Values(FoldingCase{"ResNet", folded_resnet(false, false), {{1, 16, 16}}, 4, 1 + 2 + 5},
                    FoldingCase{"ResNetGates", folded_resnet(true, true), {{3, 16, 16}}, 4, 1 + 2 + 5},
                    FoldingCase{"ResNetBottleneck", small_bottleneck(), {{3, 12, 12}}, 4, 1 + 4 + 7},
                    FoldingCase{"EmoNext", small_convnext(true), {{3, 20, 20}}, 4, 2},
                    FoldingCase{"Conv3d",
                                small_clip_net<Conv3dConfig>(ImageNormalization::kImage, FramePooling::kMean),
                                {{1, 10, 10}},
                                9,
                                1 + 2 + 3},
                    FoldingCase{"R2Plus1d", small_r2plus1d(), {{3, 10, 10}}, 9, 2 + 4 + 5},
                    FoldingCase{"ConvRecurrent", folded_conv_recurrent(), {{10}}, 37, 1 + 3 + 2}),
    [](const testing::TestParamInfo<FoldingCase>& kind) { return kind.param.name; });

TEST(ConvNorm, OneDimensionFoldsToo) {
  struct Owner final : torch::nn::Module {};
  core::seed_torch(2);
  const auto owner = std::make_shared<Owner>();
  ConvNorm conv_norm(*owner, "conv", "norm", {3, 5, {3}, {2}});
  const auto x = at::randn({2, 3, 11});
  conv_norm(x);
  owner->eval();
  at::NoGradGuard no_grad;
  const auto want = conv_norm(x);
  conv_norm.fold();
  EXPECT_TRUE(at::allclose(conv_norm(x), want, 1e-5, 1e-6));
}

}  // namespace
}  // namespace limbic::nn
