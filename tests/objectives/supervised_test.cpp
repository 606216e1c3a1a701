#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>

#include <cmath>
#include <limits>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/objectives/cross_entropy.h"
#include "limbic/objectives/objective_sum.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

const std::vector<int64_t> kCounts = {100, 10, 1};

class CrossEntropyTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(17);
    logits_BC_ = at::randn({6, 3}, at::kDouble).set_requires_grad(true);
    targets_.y_B = at::tensor({0, 2, 1, 1, 0, 2}, at::kLong);
    targets_.mask_B = at::ones({6}, at::kBool);
    weight_C_ = at::tensor({0.5, 2.0, 1.5}, at::kDouble);
  }
  /// One sample at a time, straight from the formula.
  double naive(double smoothing, double gamma) const {
    double sum = 0.0;
    double norm = 0.0;
    const auto q = logits_BC_.detach().softmax(1);
    for (int64_t i = 0; i < 6; ++i) {
      if (!targets_.mask_B[i].item<bool>()) continue;
      const auto y = targets_.y_B[i].item<int64_t>();
      double loss = 0.0;
      for (int64_t c = 0; c < 3; ++c) {
        const double t = (1.0 - smoothing) * (c == y ? 1.0 : 0.0) + smoothing / 3.0;
        loss -= weight_C_[c].item<double>() * t * std::log(q[i][c].item<double>());
      }
      sum += std::pow(1.0 - q[i][y].item<double>(), gamma) * loss;
      norm += weight_C_[y].item<double>();
    }
    return sum / norm;
  }
  at::Tensor logits_BC_, weight_C_;
  affect::Targets targets_;
};

TEST_F(CrossEntropyTest, IsTheNaiveSum) {
  targets_.mask_B[3] = false;
  for (const double smoothing : {0.0, 0.1}) {
    for (const double gamma : {0.0, 0.5, 2.0}) {
      EXPECT_NEAR(cross_entropy({smoothing, gamma}, logits_BC_, targets_, weight_C_).item<double>(),
                  naive(smoothing, gamma), 1e-12);
    }
  }
}

TEST_F(CrossEntropyTest, IsTorchsWeightedAndSmoothedMean) {
  namespace F = torch::nn::functional;
  const auto want = F::cross_entropy(logits_BC_, targets_.y_B,
                                     F::CrossEntropyFuncOptions().weight(weight_C_).label_smoothing(0.2));
  EXPECT_NEAR(cross_entropy({0.2, 0.0}, logits_BC_, targets_, weight_C_).item<double>(), want.item<double>(),
              1e-12);
}

TEST_F(CrossEntropyTest, SoftLabelsAreTheMixtureOfHardOnes) {
  const auto ones = at::ones({3}, at::kDouble);
  auto other = targets_;
  other.y_B = at::tensor({1, 1, 0, 2, 2, 0}, at::kLong);
  auto soft = targets_;
  soft.soft_BC = 0.7 * at::one_hot(targets_.y_B, 3) + 0.3 * at::one_hot(other.y_B, 3);
  const auto mixture = 0.7 * cross_entropy({0.1, 0.0}, logits_BC_, targets_, ones) +
                       0.3 * cross_entropy({0.1, 0.0}, logits_BC_, other, ones);
  EXPECT_NEAR(cross_entropy({0.1, 0.0}, logits_BC_, soft, ones).item<double>(), mixture.item<double>(), 1e-6);
}

TEST_F(CrossEntropyTest, UnknownLabelsContributeNothing) {
  targets_.mask_B[1] = false;
  const auto before = cross_entropy({}, logits_BC_, targets_, weight_C_);
  targets_.y_B[1] = -1;  // as a loader may fill it
  const auto after = cross_entropy({}, logits_BC_, targets_, weight_C_);
  EXPECT_EQ(before.item<double>(), after.item<double>());
  after.backward();
  EXPECT_EQ(logits_BC_.grad()[1].abs().sum().item<double>(), 0.0);
}

TEST_F(CrossEntropyTest, ABatchOfUnknownLabelsGivesZeroWithGradient) {
  targets_.mask_B.fill_(false);
  const auto loss = cross_entropy({0.1, 2.0}, logits_BC_, targets_, weight_C_);
  EXPECT_EQ(loss.item<double>(), 0.0);
  loss.backward();
  EXPECT_EQ(logits_BC_.grad().abs().sum().item<double>(), 0.0);
}

TEST_F(CrossEntropyTest, GradientsAgreeWithCentralDifferences) {
  targets_.mask_B[2] = false;
  for (const double gamma : {0.0, 0.5, 2.0}) {
    EXPECT_LT(test::gradient_error(
                  [&] {
                    return cross_entropy({0.1, gamma}, logits_BC_, targets_, weight_C_);
                  },
                  {logits_BC_}, 1e-6, 18),
              1e-6);
  }
}

TEST(ClassWeights, FollowTheirFormulasWithMeanOne) {
  EXPECT_EQ(class_weights(ClassBalance::kNone, 0.999, kCounts), (std::vector<double>{1.0, 1.0, 1.0}));
  const auto ratio = [](ClassBalance balance) {
    const auto w = class_weights(balance, 0.99, kCounts);
    EXPECT_NEAR((w[0] + w[1] + w[2]) / 3.0, 1.0, 1e-12);
    return w[2] / w[0];
  };
  EXPECT_NEAR(ratio(ClassBalance::kInverse), 100.0, 1e-9);
  EXPECT_NEAR(ratio(ClassBalance::kSqrtInverse), 10.0, 1e-9);
  // Cui et al.: (1 - b^100) / (1 - b) with b = 0.99, by hand: 0.63396765872677 / 0.01.
  EXPECT_NEAR(ratio(ClassBalance::kEffective), 63.396765872677, 1e-9);
}

TEST(ClassWeights, AClassWithoutExamplesHasNoWeightAndNoInfluenceOnTheOthers) {
  EXPECT_EQ(class_weights(ClassBalance::kInverse, 0.0, {4, 0, 4}), (std::vector<double>{1.0, 0.0, 1.0}));
  EXPECT_EQ(class_weights(ClassBalance::kInverse, 0.0, {0, 0}), (std::vector<double>{1.0, 1.0}));
}

class SupervisedTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(18);
    batch_.ids = {"a", "b", "c"};
    batch_.targets["emotion"] = {at::tensor({0, 1, 2}, at::kLong), at::ones({3}, at::kBool), {}};
    output_.logits_BC["emotion"] = at::randn({3, 3}).set_requires_grad(true);
    for (const auto* modality : {"audio", "face"}) {
      output_.modality_logits_BC["emotion"][modality] = at::randn({3, 3}).set_requires_grad(true);
      output_.used_B[modality] = at::ones({3}, at::kBool);
    }
  }
  double loss_of(const SupervisedConfig& config) {
    return build_objective(config, {{{"emotion", kCounts}}})->compute({batch_, output_}).total.item<double>();
  }
  affect::Batch batch_;
  affect::ModelOutput output_;
};

TEST_F(SupervisedTest, NamesItsTermsAndAppliesItsWeight) {
  SupervisedConfig config;
  const double plain = loss_of(config);
  config.weight = 0.25;
  const auto loss = build_objective(config, {{{"emotion", kCounts}}})->compute({batch_, output_});
  EXPECT_NEAR(loss.total.item<double>(), 0.25 * plain, 1e-6);
  ASSERT_EQ(loss.terms.size(), 1u);
  EXPECT_NEAR(loss.terms.at("emotion").item<double>(), plain, 1e-6);
  EXPECT_FALSE(loss.terms.at("emotion").requires_grad());
}

TEST_F(SupervisedTest, AuxiliaryLossesCountOnlySamplesThatUsedTheModality) {
  SupervisedConfig config;
  config.auxiliary_weight = 0.5;
  output_.used_B["audio"][0] = false;
  const auto objective = build_objective(config, {{{"emotion", kCounts}}});
  const auto before = objective->compute({batch_, output_});
  EXPECT_EQ(before.terms.size(), 3u);
  EXPECT_NEAR(
      before.total.item<double>(),
      before.terms.at("emotion").item<double>() + 0.5 * (before.terms.at("emotion.audio").item<double>() +
                                                         before.terms.at("emotion.face").item<double>()),
      1e-6);
  auto changed = output_.modality_logits_BC["emotion"]["audio"].detach().clone();
  changed[0].fill_(50.0);
  output_.modality_logits_BC["emotion"]["audio"] = changed;
  EXPECT_NEAR(objective->compute({batch_, output_}).total.item<double>(), before.total.item<double>(), 1e-6);
}

TEST_F(SupervisedTest, ABatchWithoutTheTaskGivesZeroWithGradient) {
  batch_.targets.clear();
  const auto loss = build_objective(SupervisedConfig{}, {{{"emotion", kCounts}}})->compute({batch_, output_});
  EXPECT_EQ(loss.total.item<double>(), 0.0);
  EXPECT_TRUE(loss.total.requires_grad());
}

TEST_F(SupervisedTest, SeveralObjectivesAddUp) {
  SupervisedConfig config;
  const double plain = loss_of(config);
  auto half = config;
  half.weight = 0.5;
  const auto sum = ObjectiveSum({config, half}, {{{"emotion", kCounts}}}).compute({batch_, output_});
  EXPECT_NEAR(sum.total().item<double>(), 1.5 * plain, 1e-6);
  EXPECT_EQ(sum.terms.count("emotion"), 1u);
  EXPECT_EQ(sum.terms.count("emotion#1"), 1u);
}

TEST_F(SupervisedTest, LossesOfTheModelsPartsAreAdded) {
  SupervisedConfig config;
  const double plain = loss_of(config);
  output_.losses["fusion.similarity"] = at::scalar_tensor(0.25);
  const auto sum = ObjectiveSum({config}, {{{"emotion", kCounts}}}).compute({batch_, output_});
  EXPECT_NEAR(sum.total().item<double>(), plain + 0.25, 1e-6);
  EXPECT_EQ(sum.terms.at("fusion.similarity").item<double>(), 0.25);
}

TEST(BuildObjective, SaysWhichTasksThereAre) {
  SupervisedConfig config;
  EXPECT_EQ(test::error_of(
                [&] {
                  build_objective(config, {{{"a", {1, 1}}, {"b", {1, 1}}}});
                },
                ErrorCode::kConfig),
            "task is empty, but there are 2 tasks (a, b); name one");
  config.task = "emotoin";
  EXPECT_EQ(test::error_of(
                [&] {
                  build_objectives({config}, {{{"emotion", {1, 1}}}});
                },
                ErrorCode::kConfig),
            "objectives.0: there is no task 'emotoin', only emotion; did you mean 'emotion'?");
  EXPECT_EQ(test::error_of([] { build_objectives({}, {}); }, ErrorCode::kConfig),
            "objectives is empty; name at least one, e.g. type: supervised");
}

TEST(SupervisedConfig, ReadsAndRefuses) {
  const auto read = [](const std::string& text) {
    return config::load_text<SupervisedConfig>(text, "recipe.yaml", {});
  };
  const auto config = read("{task: emotion, class_balance: effective, label_smoothing: 0.1, mixup: 0.3}");
  EXPECT_EQ(config.class_balance, ClassBalance::kEffective);
  EXPECT_EQ(config::dump(read(config::dump(config))), config::dump(config));
  EXPECT_NE(test::error_of([&] { read("{label_smoothing: 1.0}"); }, ErrorCode::kConfig).find("[0, 1)"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] { read("{weight: -1}"); }, ErrorCode::kConfig).find("-1"), std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
