#include "limbic/nn/fusion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <limits>
#include <string>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/nn/score_fusion.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"

namespace limbic::nn {
namespace {

const float kNaN = std::numeric_limits<float>::quiet_NaN();

std::shared_ptr<Fusion> build_concat(const ConcatFusionConfig& config, const std::vector<int64_t>& widths) {
  std::vector<ModalityShape> shapes;
  for (const int64_t width : widths) shapes.push_back({"m" + std::to_string(shapes.size()), width, width});
  return build_fusion(config, shapes);
}

at::Tensor fuse(Fusion& fusion, const std::vector<at::Tensor>& embedding_BD, const at::Tensor& present_BM) {
  FusionInput input;
  for (const auto& embedding : embedding_BD) input.modalities.push_back({{}, {}, embedding});
  input.present_BM = present_BM;
  return fusion.fuse(input).fused_BD;
}

class FusionTest : public testing::Test {
 protected:
  void SetUp() override { core::seed_torch(9); }
  /// Row 0 lacks modality 1, row 1 has both, row 2 has nothing.
  at::Tensor present_BM_ = torch::tensor({{true, false}, {true, true}, {false, false}});
};

TEST_F(FusionTest, ConcatenationIgnoresWhatAnAbsentModalityHolds) {
  ConcatFusionConfig config;
  config.hidden = {5};
  const auto fusion = build_concat(config, {3, 4});
  const auto first = at::randn({3, 3}).set_requires_grad(true);
  const auto second = at::randn({3, 4});
  const auto before = fuse(*fusion, {first, second}, present_BM_);
  EXPECT_EQ(before.sizes(), (at::IntArrayRef{3, fusion->width()}));
  auto spoilt = second.clone();
  spoilt[0].fill_(kNaN);
  spoilt[2].fill_(kNaN);
  spoilt.set_requires_grad(true);
  const auto after = fuse(*fusion, {first, spoilt}, present_BM_);
  EXPECT_TRUE(at::equal(before, after));
  after.sum().backward();
  EXPECT_EQ(spoilt.grad()[0].abs().sum().item<float>(), 0.0f);
  for (const auto& parameter : fusion->as_module()->parameters()) {
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
  }
}

TEST_F(FusionTest, WithoutLayersConcatenationIsConcatenation) {
  const auto fusion = build_concat({}, {3, 4});
  const auto first = at::randn({3, 3});
  const auto second = at::randn({3, 4});
  EXPECT_TRUE(
      at::equal(fuse(*fusion, {first, second}, at::ones({3, 2}, at::kBool)), at::cat({first, second}, 1)));
}

TEST_F(FusionTest, TheLearnedVectorStandsInForAnAbsentModality) {
  const auto fusion = build_concat({}, {3, 4});
  {
    at::NoGradGuard no_grad;
    for (auto& parameter : fusion->as_module()->parameters()) parameter.fill_(2.0);
  }
  const auto fused = fuse(*fusion, {at::zeros({3, 3}), at::zeros({3, 4})}, present_BM_);
  EXPECT_TRUE(at::equal(fused[0], torch::tensor({0.f, 0.f, 0.f, 2.f, 2.f, 2.f, 2.f})));
  EXPECT_TRUE(at::equal(fused[2], at::full({7}, 2.0f)));
}

TEST_F(FusionTest, ScoresAverageProbabilitiesOverThePresent) {
  const auto fusion = build_score_fusion({}, 2, 3);
  const auto first = at::randn({3, 3});
  auto second = at::randn({3, 3});
  second[0].fill_(kNaN);
  const auto p = fusion->fuse({first, second}, present_BM_).softmax(1);
  EXPECT_TRUE(at::allclose(p[0], first[0].softmax(0), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(p[1], (first[1].softmax(0) + second[1].softmax(0)) / 2, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(p[2], at::full({3}, 1.0 / 3.0), 1e-5, 1e-6));
}

TEST_F(FusionTest, ScoresAverageLogitsWhenAsked) {
  ScoreFusionConfig config;
  config.space = ScoreSpace::kLogit;
  const auto fusion = build_score_fusion(config, 2, 3);
  const auto first = at::randn({3, 3});
  const auto second = at::randn({3, 3});
  const auto fused = fusion->fuse({first, second}, present_BM_);
  EXPECT_TRUE(at::allclose(fused[0], first[0]));
  EXPECT_TRUE(at::allclose(fused[1], (first[1] + second[1]) / 2));
}

TEST_F(FusionTest, LearnedWeightsAreConvexOverThePresent) {
  ScoreFusionConfig config;
  config.weights = ScoreWeights::kLearned;
  const auto fusion = build_score_fusion(config, 2, 3);
  {
    at::NoGradGuard no_grad;
    state_of(*fusion->as_module()).at("score_M").copy_(torch::tensor({std::log(3.0f), 0.0f}));
  }
  const auto want = torch::tensor({{1.0f, 0.0f}, {0.75f, 0.25f}, {0.0f, 0.0f}});
  EXPECT_TRUE(at::allclose(fusion->weights_BM(present_BM_), want));
}

TEST_F(FusionTest, ExpertsMultiplyTheirProbabilities) {
  ScoreFusionConfig config;
  config.weights = ScoreWeights::kProduct;
  const auto fusion = build_score_fusion(config, 2, 3);
  const auto first = at::randn({3, 3});
  auto second = at::randn({3, 3});
  second[0].fill_(kNaN);
  const auto p = fusion->fuse({first, second}, present_BM_).exp();
  const auto product = first[1].softmax(0) * second[1].softmax(0);
  EXPECT_TRUE(at::allclose(p[0], first[0].softmax(0), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(p[1], product / product.sum(), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(p[2].log().softmax(0), at::full({3}, 1.0 / 3.0), 1e-5, 1e-6));
}

TEST_F(FusionTest, GradientsAgreeWithCentralDifferences) {
  for (const auto space : {ScoreSpace::kProbability, ScoreSpace::kLogit}) {
    ScoreFusionConfig config;
    config.weights = ScoreWeights::kLearned;
    config.space = space;
    const auto fusion = build_score_fusion(config, 2, 3);
    fusion->as_module()->to(at::kDouble);
    const auto first = at::randn({3, 3}, at::kDouble).set_requires_grad(true);
    const auto second = at::randn({3, 3}, at::kDouble).set_requires_grad(true);
    const auto weight = at::randn({3, 3}, at::kDouble);
    auto leaves = fusion->as_module()->parameters();
    leaves.push_back(first);
    leaves.push_back(second);
    EXPECT_LT(test::gradient_error(
                  [&] {
                    return (fusion->fuse({first, second}, present_BM_) * weight).sum();
                  },
                  leaves),
              1e-6);
  }
}

}  // namespace
}  // namespace limbic::nn
