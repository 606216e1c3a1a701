#include "limbic/objectives/value_losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "limbic/core/rng.h"
#include "limbic/objectives/objective.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

using affect::TaskKind;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr RegressionLoss kRegressionLosses[] = {RegressionLoss::kMse, RegressionLoss::kMae,
                                                RegressionLoss::kCcc, RegressionLoss::kGaussianNll};

class ValueLossTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(23);
    value_NC_ = at::randn({7, 2}, at::kDouble).set_requires_grad(true);
    log_variance_NC_ = at::randn({7, 2}, at::kDouble).mul_(0.3).set_requires_grad(true);
    target_NC_ = at::randn({7, 2}, at::kDouble);
    known_NC_ = at::ones({7, 2}, at::kBool);
    known_NC_[2][0] = false;
    known_NC_[5] = false;
  }
  double loss(RegressionLoss kind) const {
    return regression_loss(kind, value_NC_, log_variance_NC_, target_NC_, known_NC_).item<double>();
  }
  /// Sums `of(value, log variance, target)` over what is known.
  template <class Of>
  double naive_mean(Of&& of) const {
    double sum = 0;
    double count = 0;
    for (int64_t n = 0; n < 7; ++n) {
      for (int64_t c = 0; c < 2; ++c) {
        if (!known_NC_[n][c].item<bool>()) continue;
        sum += of(value_NC_[n][c].item<double>(), log_variance_NC_[n][c].item<double>(),
                  target_NC_[n][c].item<double>());
        count += 1;
      }
    }
    return sum / count;
  }
  at::Tensor value_NC_, log_variance_NC_, target_NC_, known_NC_;
};

TEST_F(ValueLossTest, IsTheNaiveMeanOverWhatIsKnown) {
  EXPECT_NEAR(loss(RegressionLoss::kMse),
              naive_mean([](double v, double, double t) { return (v - t) * (v - t); }), 1e-12);
  EXPECT_NEAR(loss(RegressionLoss::kMae),
              naive_mean([](double v, double, double t) { return std::abs(v - t); }), 1e-12);
  EXPECT_NEAR(loss(RegressionLoss::kGaussianNll), naive_mean([](double v, double s, double t) {
                return 0.5 * (std::exp(-s) * (v - t) * (v - t) + s);
              }),
              1e-12);
}

TEST_F(ValueLossTest, ConcordanceIsLinsFormula) {
  // By hand: x = 1 2 3, y = 2 2 5: cov 1, var 2/3 and 2, means 2 and 3.
  const auto x = at::tensor({1.0, 2.0, 3.0}, at::kDouble).unsqueeze(1);
  const auto y = at::tensor({2.0, 2.0, 5.0}, at::kDouble).unsqueeze(1);
  const auto known = at::ones({3, 1}, at::kBool);
  EXPECT_NEAR(concordance_C(x, y, known).item<double>(), 2.0 / (2.0 / 3 + 2.0 + 1.0), 1e-12);
  EXPECT_NEAR(concordance_C(x, x, known).item<double>(), 1.0, 1e-12);
  EXPECT_NEAR(regression_loss(RegressionLoss::kCcc, x, {}, y, known).item<double>(), 1 - 6.0 / 11, 1e-12);
  EXPECT_EQ(concordance_C(x, y, torch::tensor({true, false, false}).unsqueeze(1)).item<double>(), 0.0);
}

TEST_F(ValueLossTest, WhatIsUnknownHasNoInfluence) {
  for (const auto kind : kRegressionLosses) {
    const double before = loss(kind);
    const auto kept = target_NC_.clone();
    target_NC_[2][0] = kNaN;
    target_NC_[5] = kNaN;
    const auto after = regression_loss(kind, value_NC_, log_variance_NC_, target_NC_, known_NC_);
    EXPECT_EQ(after.item<double>(), before);
    if (value_NC_.grad().defined()) value_NC_.mutable_grad().zero_();
    after.backward();
    EXPECT_EQ(value_NC_.grad()[5].abs().sum().item<double>(), 0.0);
    EXPECT_TRUE(at::isfinite(value_NC_.grad()).all().item<bool>());
    target_NC_ = kept;
  }
}

TEST_F(ValueLossTest, WithoutAnyKnownTargetIsZeroWithGradient) {
  known_NC_.fill_(false);
  for (const auto kind : kRegressionLosses) {
    const auto nothing = regression_loss(kind, value_NC_, log_variance_NC_, target_NC_, known_NC_);
    EXPECT_EQ(nothing.item<double>(), 0.0);
    EXPECT_TRUE(nothing.requires_grad());
  }
}

TEST_F(ValueLossTest, GradientsAgreeWithCentralDifferences) {
  for (const auto kind : kRegressionLosses) {
    const auto of = [&] { return regression_loss(kind, value_NC_, log_variance_NC_, target_NC_, known_NC_); };
    EXPECT_LT(test::gradient_error(of, {value_NC_, log_variance_NC_}, 1e-6, 14), 1e-6);
  }
}

TEST_F(ValueLossTest, GaussianLikelihoodWantsAVariance) {
  EXPECT_NE(test::error_of(
                [&] { regression_loss(RegressionLoss::kGaussianNll, value_NC_, {}, target_NC_, known_NC_); },
                ErrorCode::kConfig)
                .find("uncertainty: true"),
            std::string::npos);
}

TEST_F(ValueLossTest, OfSeveralLabelsIsBinaryCrossEntropy) {
  affect::Targets targets;
  targets.known_BC = known_NC_;
  targets.value_BC = (target_NC_ > 0).to(at::kDouble);
  const auto of = [&] { return multi_label_loss(value_NC_, targets); };
  double sum = 0;
  for (int64_t n = 0; n < 7; ++n) {
    for (int64_t c = 0; c < 2; ++c) {
      if (!known_NC_[n][c].item<bool>()) continue;
      const double p = 1.0 / (1.0 + std::exp(-value_NC_[n][c].item<double>()));
      sum -= std::log(targets.value_BC[n][c].item<double>() > 0 ? p : 1.0 - p);
    }
  }
  EXPECT_NEAR(of().item<double>(), sum / 11, 1e-12);
  EXPECT_LT(test::gradient_error(of, {value_NC_}, 1e-6, 14), 1e-6);
}

TEST(CoralLoss, IsTheCrossEntropyOfBeingAboveEveryClass) {
  core::seed_torch(5);
  auto scores_BC = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
  affect::Targets targets;
  targets.y_B = at::tensor({0, 1, 2, 1}, at::kLong);
  targets.mask_B = torch::tensor({true, true, true, false});
  const auto of = [&] { return coral_loss(scores_BC.log_softmax(1), targets); };
  double sum = 0;
  const auto p = scores_BC.detach().softmax(1);
  for (int64_t b = 0; b < 3; ++b) {
    double at_most = 0;
    for (int64_t k = 0; k < 2; ++k) {
      at_most += p[b][k].item<double>();
      sum -= std::log(targets.y_B[b].item<int64_t>() > k ? 1.0 - at_most : at_most);
    }
  }
  EXPECT_NEAR(of().item<double>(), sum / 3, 1e-12);
  EXPECT_LT(test::gradient_error(of, {scores_BC}, 1e-6, 12), 1e-6);
}

TEST(SupervisedByKind, TakesTheOutputOfItsKind) {
  affect::Batch batch;
  batch.ids = {"a", "b"};
  batch.targets["affect"].value_BC = at::tensor({1.0f, 3.0f}).unsqueeze(1);
  batch.targets["affect"].known_BC = at::ones({2, 1}, at::kBool);
  batch.targets["affect"].mask_B = at::ones({2}, at::kBool);
  batch.targets["trace"].value_BTC = at::tensor({1.0f, 0.0f, 1.0f, 0.0f}).view({2, 2, 1});
  batch.targets["trace"].known_BTC = torch::tensor({true, false, true, false}).view({2, 2, 1});
  affect::ModelOutput output;
  output.value_BC["affect"] = at::zeros({2, 1}).set_requires_grad(true);
  output.value_BTC["trace"] = at::zeros({2, 3, 1}).set_requires_grad(true);
  output.covered_BT["trace"] = torch::tensor({true, true, true, false, false, false}).view({2, 3});
  const std::vector<affect::LabelSpace> tasks = {{"affect", {"v"}, {TaskKind::kContinuous, {}, 0.0}},
                                                 {"trace", {"v"}, {TaskKind::kContinuous, {}, 4.0}}};
  const ClassCounts counts = {{"affect", {2}}, {"trace", {2}}};
  SupervisedConfig config;
  config.task = "affect";
  EXPECT_NEAR(build_objective(config, {counts, tasks})->compute({batch, output}).total.item<double>(), 5.0,
              1e-6);
  // Of the second sample no modality covers the frame.
  config.task = "trace";
  EXPECT_NEAR(build_objective(config, {counts, tasks})->compute({batch, output}).total.item<double>(), 1.0,
              1e-6);
  config.label_smoothing = 0.1;
  EXPECT_NE(test::error_of(
                [&] {
                  build_objective(config, {counts, tasks});
                },
                ErrorCode::kConfig)
                .find("belong to cross-entropy"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
