#include "limbic/objectives/pseudo_labels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

const std::vector<std::string> kIds = {"a", "b", "c", "d"};

at::Tensor rows(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kBool);
}
at::Tensor every_row() {
  return at::ones({4}, at::kBool);
}
/// Logits whose softmax is p.
at::Tensor logits_of(const at::Tensor& p_BC) {
  return p_BC.log() + 3.0;
}

TEST(RampUp, FollowsItsFormulas) {
  const RampUp gaussian{0.4, RampShape::kGaussian};
  EXPECT_NEAR(gaussian.factor(0.0), std::exp(-5.0), 1e-15);
  EXPECT_NEAR(gaussian.factor(0.1), std::exp(-5.0 * 0.75 * 0.75), 1e-15);
  EXPECT_EQ(gaussian.factor(0.4), 1.0);
  EXPECT_EQ(gaussian.factor(0.9), 1.0);
  EXPECT_NEAR((RampUp{0.4, RampShape::kLinear}.factor(0.1)), 0.25, 1e-15);
  EXPECT_EQ((RampUp{0.0, RampShape::kGaussian}.factor(0.0)), 1.0);
}

TEST(FlexMatchThresholds, AreTheConvexMapOfTheLearningStatus) {
  const auto count_C = at::tensor({8.0, 4.0, 0.0}, at::kDouble);
  const auto late = flexmatch_thresholds(count_C, at::scalar_tensor(2.0, at::kDouble), 0.9);
  EXPECT_TRUE(at::allclose(late, at::tensor({0.9, 0.3, 0.0}, at::kDouble), 0, 1e-15));
  // While most samples are unused, all classes are behind: b = 1/2, 1/4, 0.
  const auto early = flexmatch_thresholds(count_C, at::scalar_tensor(16.0, at::kDouble), 0.9);
  EXPECT_TRUE(at::allclose(early, at::tensor({0.3, 0.9 / 7.0, 0.0}, at::kDouble), 0, 1e-15));
  const auto nothing = at::zeros({2}, at::kDouble);
  EXPECT_TRUE(at::equal(flexmatch_thresholds(nothing, nothing.sum(), 0.9), nothing));
}

TEST(AlignDistribution, MovesTheMeanToThePrior) {
  const auto p_BC = at::tensor({0.5, 0.5, 0.9, 0.1}, at::kDouble).view({2, 2});
  const auto prior_C = at::tensor({0.25, 0.75}, at::kDouble);
  const auto got = align_distribution(p_BC, prior_C, at::tensor({0.5, 0.5}, at::kDouble));
  const auto want = at::tensor({0.25, 0.75, 0.75, 0.25}, at::kDouble).view({2, 2});
  EXPECT_TRUE(at::allclose(got, want, 0, 1e-15));
}

class PseudoLabelLossTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(51);
    logits_BC_ = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    labels_.target_BC = at::rand({4, 3}, at::kDouble).softmax(1);
    labels_.accepted_B = rows({1, 0, 1, 0});
    candidate_B_ = rows({1, 1, 1, 0});
  }
  at::Tensor loss() { return pseudo_label_loss(logits_BC_, labels_, candidate_B_); }
  at::Tensor logits_BC_, candidate_B_;
  PseudoLabelRows labels_;
};

TEST_F(PseudoLabelLossTest, IsTheSumOverAcceptedRowsPerCandidate) {
  double sum = 0.0;
  for (const int64_t b : {0, 2}) {
    double norm = 0.0;
    for (int64_t c = 0; c < 3; ++c) norm += std::exp(logits_BC_[b][c].item<double>());
    for (int64_t c = 0; c < 3; ++c) {
      sum -= labels_.target_BC[b][c].item<double>() * (logits_BC_[b][c].item<double>() - std::log(norm));
    }
  }
  EXPECT_NEAR(loss().item<double>(), sum / 3.0, 1e-14);
}

TEST_F(PseudoLabelLossTest, GradientsAgreeWithCentralDifferences) {
  EXPECT_LT(test::gradient_error([&] { return loss(); }, {logits_BC_}, 1e-6, 12), 1e-6);
}

TEST_F(PseudoLabelLossTest, OtherRowsHaveNoInfluence) {
  const double before = loss().item<double>();
  {
    at::NoGradGuard no_grad;
    logits_BC_[1].fill_(std::numeric_limits<double>::quiet_NaN());
    labels_.target_BC[1].fill_(std::numeric_limits<double>::quiet_NaN());
  }
  const auto after = loss();
  EXPECT_EQ(after.item<double>(), before);
  after.backward();
  EXPECT_EQ(logits_BC_.grad()[1].abs().sum().item<double>(), 0.0);
}

TEST_F(PseudoLabelLossTest, WithoutAnyLabelIsZeroWithGradient) {
  labels_.accepted_B = at::zeros({4}, at::kBool);
  candidate_B_ = at::zeros({4}, at::kBool);
  const auto none = loss();
  EXPECT_EQ(none.item<double>(), 0.0);
  none.backward();
  EXPECT_EQ(logits_BC_.grad().abs().sum().item<double>(), 0.0);
}

TEST(PseudoLabels, TakeSurePredictionsOfCandidates) {
  PseudoLabelConfig config;
  config.threshold = 0.75;
  PseudoLabels labels(config, {1, 1});
  const auto p_BC = at::tensor({0.76, 0.24, 0.1, 0.9, 0.74, 0.26, 0.01, 0.99}, at::kDouble).view({4, 2});
  const auto got = labels.label(logits_of(p_BC), rows({1, 1, 1, 0}), kIds);
  EXPECT_TRUE(at::equal(got.accepted_B, rows({1, 1, 0, 0})));
  EXPECT_TRUE(at::equal(got.class_B.slice(0, 0, 3), at::tensor({0, 1, 0}, at::kLong)));
  EXPECT_NEAR(got.confidence_B[1].item<double>(), 0.9, 1e-12);
  EXPECT_TRUE(at::equal(got.target_BC[1], at::tensor({0.0, 1.0}, at::kDouble)));
  EXPECT_FALSE(got.target_BC.requires_grad());
}

TEST(PseudoLabels, SoftOnesAreSharpened) {
  PseudoLabelConfig config;
  config.form = PseudoLabelForm::kSoft;
  config.temperature = 0.5;
  PseudoLabels labels(config, {1, 1});
  const auto got = labels.label(logits_of(at::tensor({0.6, 0.4}, at::kDouble).view({1, 2})),
                                at::ones({1}, at::kBool), {"a"});
  // Sharpened by T = 1/2: squares, normalised.
  EXPECT_NEAR(got.target_BC[0][0].item<double>(), 0.36 / 0.52, 1e-12);
}

TEST(PseudoLabels, TheCurriculumLowersThresholdsOfClassesThatAreBehind) {
  PseudoLabelConfig config;
  config.threshold = 0.9;
  config.curriculum = Curriculum::kFlexMatch;
  PseudoLabels labels(config, {1, 1});
  // Three samples are sure of class 0, one of class 1: thresholds are 0.9 and (1/3) / (5/3) * 0.9 = 0.18.
  const auto sure = at::tensor({0.95, 0.05, 0.95, 0.05, 0.95, 0.05, 0.05, 0.95}, at::kDouble).view({4, 2});
  labels.label(logits_of(sure), every_row(), kIds);
  const auto unsure = at::tensor({0.85, 0.15, 0.4, 0.6, 0.95, 0.05, 0.3, 0.7}, at::kDouble).view({4, 2});
  const auto got = labels.label(logits_of(unsure), every_row(), kIds);
  EXPECT_TRUE(at::equal(got.accepted_B, rows({0, 1, 1, 1})));
  // Nobody has become sure of another class, so a third batch meets the same thresholds; a sample that no
  // longer is sure keeps its class.
  EXPECT_TRUE(at::equal(labels.label(logits_of(unsure), every_row(), kIds).accepted_B, got.accepted_B));
  // Rows with labels of their own are not remembered.
  PseudoLabels others(config, {1, 1});
  others.label(logits_of(sure), rows({0, 1, 1, 1}), kIds);
  EXPECT_EQ(nn::state_of(*others.as_module()).at("last_class").count_nonzero().item<int64_t>(), 3);
}

TEST(PseudoLabels, TheCurriculumAndTheMeansSurviveSavingAndLoading) {
  PseudoLabelConfig config;
  config.threshold = 0.8;
  config.curriculum = Curriculum::kFlexMatch;
  config.align = true;
  core::seed_torch(52);
  PseudoLabels labels(config, {3, 2, 1});
  for (int i = 0; i < 5; ++i) labels.label(4.0 * at::randn({4, 3}, at::kDouble), every_row(), kIds);
  PseudoLabels resumed(config, {3, 2, 1});
  nn::load_state(*resumed.as_module(), nn::state_of(*labels.as_module()));
  PseudoLabels fresh(config, {3, 2, 1});
  bool differs = false;
  for (int i = 0; i < 5; ++i) {
    const auto logits_BC = at::randn({4, 3}, at::kDouble);
    const auto want = labels.label(logits_BC, every_row(), kIds);
    const auto got = resumed.label(logits_BC, every_row(), kIds);
    EXPECT_TRUE(at::equal(got.accepted_B, want.accepted_B));
    EXPECT_TRUE(at::equal(got.confidence_B, want.confidence_B));
    differs |= !at::equal(fresh.label(logits_BC, every_row(), kIds).confidence_B, want.confidence_B);
  }
  EXPECT_TRUE(differs);
}

TEST(PseudoLabels, AlignmentScalesByTheMeanOfTheLastBatches) {
  PseudoLabelConfig config;
  config.align = true;
  PseudoLabels labels(config, {2, 0});  // with one more of each: 3/4, 1/4
  const auto first = at::tensor({0.6, 0.4}, at::kDouble).view({1, 2});
  const auto second = at::tensor({0.2, 0.8}, at::kDouble).view({1, 2});
  const auto one = at::ones({1}, at::kBool);
  labels.label(logits_of(first), one, {"a"});
  const auto got = labels.label(logits_of(second), one, {"a"});
  // Mean predictions 0.4, 0.6.
  const double for_0 = 0.2 * 0.75 / 0.4, for_1 = 0.8 * 0.25 / 0.6;
  EXPECT_NEAR(got.confidence_B[0].item<double>(), for_0 / (for_0 + for_1), 1e-12);
  EXPECT_EQ(got.class_B[0].item<int64_t>(), 0);
}

TEST(PseudoLabels, NoPredictionOfAnotherRowLeaksThroughNaN) {
  PseudoLabelConfig config;
  config.align = true;
  config.threshold = 0.5;
  config.curriculum = Curriculum::kFlexMatch;
  const auto candidate_B = rows({1, 0, 1, 1});
  core::seed_torch(53);
  const auto logits_BC = at::randn({4, 3}, at::kDouble);
  auto spoiled = logits_BC.clone();
  spoiled[1].fill_(std::numeric_limits<double>::quiet_NaN());
  PseudoLabels clean(config, {1, 1, 1}), other(config, {1, 1, 1});
  for (int i = 0; i < 2; ++i) {
    const auto want = clean.label(logits_BC, candidate_B, kIds);
    const auto got = other.label(spoiled, candidate_B, kIds);
    EXPECT_TRUE(at::equal(got.accepted_B, want.accepted_B));
    EXPECT_TRUE(
        at::equal(got.confidence_B.masked_select(candidate_B), want.confidence_B.masked_select(candidate_B)));
  }
}

TEST(PseudoLabels, TheCurriculumCannotTellApartMoreClassesThanAByteHas) {
  PseudoLabelConfig config;
  config.curriculum = Curriculum::kFlexMatch;
  PseudoLabels fits(config, std::vector<int64_t>(253, 1));
  EXPECT_NE(test::error_of([&] { PseudoLabels(config, std::vector<int64_t>(254, 1)); }, ErrorCode::kConfig)
                .find("253 classes at most, here are 254"),
            std::string::npos);
}

TEST(Audit, CountsAreExact) {
  PseudoLabelRows labels;
  labels.class_B = at::tensor({0, 1, 2, 1, 1, 0}, at::kLong);
  labels.accepted_B = rows({1, 1, 1, 1, 0, 0});
  const auto candidate_B = rows({1, 1, 1, 1, 1, 0});
  const auto withheld_B = at::tensor({0, 2, 2, -1, 1, 1}, at::kLong);
  std::map<std::string, at::Tensor> terms;
  audit_labels("x", labels, candidate_B, withheld_B, terms);
  audit_classes("x", labels, withheld_B, {"angry", "happy", "sad"}, terms);
  ASSERT_EQ(terms.size(), 5u);
  EXPECT_NEAR(terms.at("x.accepted").item<double>(), 4.0 / 5.0, 1e-7);
  EXPECT_NEAR(terms.at("x.precision").item<double>(), 2.0 / 3.0, 1e-7);
  EXPECT_EQ(terms.at("x.precision.angry").item<double>(), 1.0);
  EXPECT_EQ(terms.at("x.precision.happy").item<double>(), 0.0);
  EXPECT_EQ(terms.at("x.precision.sad").item<double>(), 1.0);
}

TEST(Audit, AShareOfNothingIsLeftOut) {
  PseudoLabelRows labels;
  labels.class_B = at::tensor({0, 1}, at::kLong);
  labels.accepted_B = rows({1, 0});
  const auto all_B = at::ones({2}, at::kBool);
  std::map<std::string, at::Tensor> terms;
  audit_labels("x", labels, all_B.logical_not(), at::tensor({0, 1}, at::kLong), terms);
  EXPECT_TRUE(terms.empty());
  audit_labels("x", labels, all_B, at::tensor({-1, 1}, at::kLong), terms);
  audit_classes("x", labels, at::tensor({-1, 1}, at::kLong), {"a", "b"}, terms);
  EXPECT_EQ(terms.size(), 1u);
  EXPECT_EQ(terms.count("x.accepted"), 1u);
  audit_labels("x", labels, all_B, {}, terms);
  EXPECT_EQ(terms.size(), 1u);
}

}  // namespace
}  // namespace limbic::objectives
