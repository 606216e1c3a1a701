#include "limbic/objectives/robust_losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/objectives/cross_entropy.h"
#include "limbic/objectives/objective.h"
#include "limbic/objectives/value_losses.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

constexpr int64_t kClasses = 3;
const ForwardCorrection kNoise{0.0, {{0.7, 0.2, 0.1}, {0.0, 0.9, 0.1}, {0.3, 0.3, 0.4}}};
const std::vector<RobustConfig> kRobust = {GeneralizedCrossEntropy{}, SymmetricCrossEntropy{},
                                           SoftBootstrap{}, HardBootstrap{}, kNoise};

class RobustLossTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(41);
    logits_BC_ = at::randn({6, kClasses}, at::kDouble).set_requires_grad(true);
    targets_.y_B = at::tensor({0, 2, 1, 1, 0, 2}, at::kLong);
    targets_.mask_B = torch::tensor({true, true, true, false, true, true});
    weight_C_ = at::tensor({0.5, 2.0, 1.5}, at::kDouble);
  }
  at::Tensor loss(const RobustConfig& config) const {
    at::Tensor transition_CC;
    if (const auto* forward = std::get_if<ForwardCorrection>(&config))
      transition_CC = noise_transitions(*forward, kClasses);
    return robust_loss(config, logits_BC_, targets_, weight_C_, transition_CC);
  }
  /// Weighted mean of `of(p, y)` over known rows, p the probabilities of a row.
  template <class Of>
  double naive(Of&& of) const {
    double sum = 0.0, norm = 0.0;
    for (int64_t i = 0; i < 6; ++i) {
      if (!targets_.mask_B[i].item<bool>()) continue;
      std::vector<double> p;
      const auto row = logits_BC_.detach()[i].softmax(0);
      for (int64_t c = 0; c < kClasses; ++c) p.push_back(row[c].item<double>());
      const auto y = static_cast<size_t>(targets_.y_B[i].item<int64_t>());
      double weight = weight_C_[static_cast<int64_t>(y)].item<double>();
      if (targets_.weight_B.defined()) weight *= targets_.weight_B[i].item<double>();
      sum += weight * of(p, y);
      norm += weight;
    }
    return sum / norm;
  }
  at::Tensor logits_BC_, weight_C_;
  affect::Targets targets_;
};

TEST_F(RobustLossTest, FollowTheirFormulas) {
  using Row = std::vector<double>;
  for (const bool has_weights : {false, true}) {
    if (has_weights) targets_.weight_B = at::tensor({1.0, 0.5, 0.0, 0.7, 0.2, 0.9}, at::kFloat);
    const double tolerance = has_weights ? 1e-7 : 1e-12;  // the rows' weights are float32
    EXPECT_NEAR(loss(GeneralizedCrossEntropy{0.7}).item<double>(),
                naive([](const Row& p, size_t y) { return (1.0 - std::pow(p[y], 0.7)) / 0.7; }), tolerance);
    EXPECT_NEAR(loss(SymmetricCrossEntropy{0.1, 1.0, -4.0}).item<double>(),
                naive([](const Row& p, size_t y) { return -0.1 * std::log(p[y]) + 4.0 * (1.0 - p[y]); }),
                tolerance);
    EXPECT_NEAR(loss(SoftBootstrap{0.95}).item<double>(), naive([](const Row& p, size_t y) {
                  double sum = -0.95 * std::log(p[y]);
                  for (const double q : p) sum -= 0.05 * q * std::log(q);
                  return sum;
                }),
                tolerance);
    EXPECT_NEAR(loss(HardBootstrap{0.8}).item<double>(), naive([](const Row& p, size_t y) {
                  const double best = *std::max_element(p.begin(), p.end());
                  return -0.8 * std::log(p[y]) - 0.2 * std::log(best);
                }),
                tolerance);
    EXPECT_NEAR(loss(kNoise).item<double>(), naive([](const Row& p, size_t y) {
                  double observed = 0.0;
                  for (size_t k = 0; k < p.size(); ++k) observed += p[k] * kNoise.transition[k][y];
                  return -std::log(observed);
                }),
                tolerance);
  }
}

TEST_F(RobustLossTest, WithoutForgivenessTheyAreCrossEntropy) {
  const double plain = cross_entropy({}, logits_BC_, targets_, weight_C_).item<double>();
  EXPECT_NEAR(loss(SymmetricCrossEntropy{1.0, 0.0, -4.0}).item<double>(), plain, 1e-12);
  EXPECT_NEAR(loss(SoftBootstrap{1.0}).item<double>(), plain, 1e-12);
  EXPECT_NEAR(loss(HardBootstrap{1.0}).item<double>(), plain, 1e-12);
  EXPECT_NEAR(loss(ForwardCorrection{}).item<double>(), plain, 1e-12);
  EXPECT_NEAR(loss(GeneralizedCrossEntropy{1e-7}).item<double>(), plain, 1e-5);
}

TEST_F(RobustLossTest, SoftLabelsOfOneClassAreHardLabels) {
  for (const auto& config : kRobust) {
    const double hard = loss(config).item<double>();
    auto soft = targets_;
    soft.soft_BC = at::one_hot(targets_.y_B, kClasses).to(at::kFloat);
    std::swap(soft, targets_);
    EXPECT_NEAR(loss(config).item<double>(), hard, 1e-12);
    std::swap(soft, targets_);
  }
}

TEST_F(RobustLossTest, GradientsAgreeWithCentralDifferences) {
  targets_.weight_B = at::tensor({1.0, 0.5, 0.0, 0.7, 0.2, 0.9}, at::kFloat);
  for (const auto& config : kRobust)
    EXPECT_LT(test::gradient_error([&] { return loss(config); }, {logits_BC_}, 1e-6, 18), 1e-6)
        << config.index();
}

TEST_F(RobustLossTest, WhatUnknownRowsHoldHasNoInfluence) {
  targets_.weight_B = at::ones({6}, at::kFloat);
  for (const auto& config : kRobust) {
    const double before = loss(config).item<double>();
    auto kept = targets_;
    targets_.y_B = targets_.y_B.clone();
    targets_.y_B[3] = -7;
    targets_.weight_B = targets_.weight_B.clone();
    targets_.weight_B[3] = std::numeric_limits<float>::quiet_NaN();
    const auto after = loss(config);
    EXPECT_EQ(after.item<double>(), before);
    after.backward();
    EXPECT_TRUE(logits_BC_.grad().isfinite().all().item<bool>());
    targets_ = kept;
  }
}

TEST_F(RobustLossTest, ABatchOfUnknownLabelsGivesZeroWithGradient) {
  targets_.mask_B.fill_(false);
  for (const auto& config : kRobust) {
    const auto none = loss(config);
    EXPECT_EQ(none.item<double>(), 0.0);
    none.backward();
    EXPECT_EQ(logits_BC_.grad().abs().sum().item<double>(), 0.0);
  }
}

TEST(NoiseTransitions, SymmetricNoiseSpreadsEvenly) {
  const auto transition = noise_transitions(ForwardCorrection{0.3, {}}, 4);
  const auto want = at::full({4, 4}, 0.1, at::kDouble).fill_diagonal_(0.7);
  EXPECT_TRUE(at::allclose(transition, want, 0.0, 1e-12));
}

TEST(NoiseTransitions, RefusesWhatIsNoTransitionMatrix) {
  EXPECT_EQ(test::error_of([] { noise_transitions(kNoise, 4); }, ErrorCode::kConfig),
            "robust.transition has 3 rows, the task has 4 classes");
  const auto problem = [](const std::string& yaml) {
    return test::error_of([&] { config::load_text<SupervisedConfig>("robust: " + yaml, "recipe.yaml", {}); },
                          ErrorCode::kConfig);
  };
  EXPECT_NE(problem("{type: forward, transition: [[0.5, 0.4], [0, 1]]}").find("row 0 must sum to 1, got 0.9"),
            std::string::npos);
  EXPECT_NE(problem("{type: forward, transition: [[1, 0], [1, 0]]}").find("column 1 is 0"),
            std::string::npos);
  EXPECT_NE(problem("{type: forward, transition: [[1, 0]]}").find("must be square"), std::string::npos);
  EXPECT_NE(problem("{type: forward, noise_rate: 0.1, transition: [[1, 0], [0, 1]]}").find("noise_rate"),
            std::string::npos);
  EXPECT_NE(problem("{type: forgiving}").find("unknown type 'forgiving'"), std::string::npos);
}

/// Losses of every kind of task of one batch; every one learns where only weights or levels say so.
class LevelTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(42);
    for (auto& leaf : {&logits_, &labels_, &values_})
      *leaf = at::randn({6, 3}, at::kFloat).set_requires_grad(true);
    const auto all = at::ones({6}, at::kBool);
    const auto all_BC = at::ones({6, 3}, at::kBool);
    batch_.targets["class"] = {at::tensor({0, 2, 1, 1, 0, 2}, at::kLong), all};
    batch_.targets["grade"] = {at::tensor({0, 2, 1, 1, 0, 2}, at::kLong), all};
    for (const char* task : {"labels", "values"}) {
      batch_.targets[task].mask_B = all;
      batch_.targets[task].value_BC = at::randint(2, {6, 3}, at::kFloat);
      batch_.targets[task].known_BC = all_BC;
    }
    auto& frames = batch_.targets["frames"];
    frames.mask_B = all;
    frames.value_BTC = at::randn({6, 4, 3});
    frames.known_BTC = at::ones({6, 4, 3}, at::kBool);
    context_.tasks = {{"class", {"a", "b", "c"}},
                      {"frames", {"a", "b", "c"}, {affect::TaskKind::kContinuous, {}, 2.0}},
                      {"grade", {"a", "b", "c"}, {affect::TaskKind::kOrdinal}},
                      {"labels", {"a", "b", "c"}, {affect::TaskKind::kMultiLabel}},
                      {"values", {"a", "b", "c"}, {affect::TaskKind::kContinuous}}};
    for (const auto& task : context_.tasks) context_.counts[task.task] = {1, 1, 1};
    batch_.ids.resize(6);
  }
  affect::ModelOutput output(const at::Tensor& rows_N) const {
    affect::ModelOutput output;
    output.logits_BC["class"] = logits_.index_select(0, rows_N);
    output.logits_BC["grade"] = logits_.index_select(0, rows_N).log_softmax(1);
    output.label_logits_BC["labels"] = labels_.index_select(0, rows_N);
    output.value_BC["values"] = values_.index_select(0, rows_N);
    output.value_BTC["frames"] = values_.index_select(0, rows_N).unsqueeze(1).expand({-1, 4, -1});
    output.covered_BT["frames"] = at::ones({rows_N.size(0), 4}, at::kBool);
    return output;
  }
  affect::Batch batch(const at::Tensor& rows_N) const {
    affect::Batch chosen;
    for (const auto& [task, targets] : batch_.targets) {
      const auto take = [&](const at::Tensor& x) { return x.defined() ? x.index_select(0, rows_N) : x; };
      auto& part = chosen.targets[task];
      part.y_B = take(targets.y_B);
      part.mask_B = take(targets.mask_B);
      part.value_BC = take(targets.value_BC);
      part.known_BC = take(targets.known_BC);
      part.value_BTC = take(targets.value_BTC);
      part.known_BTC = take(targets.known_BTC);
      part.weight_B = take(targets.weight_B);
      part.level_B = take(targets.level_B);
    }
    return chosen;
  }
  double loss(const std::string& yaml, const at::Tensor& rows_N) const {
    const auto config = config::load_text<SupervisedConfig>(yaml, "recipe.yaml", {});
    const auto made = output(rows_N);
    const auto chosen = batch(rows_N);
    return build_objective(config, context_)->compute({chosen, made}).total.item<double>();
  }
  void set_weights(const at::Tensor& weight_B) {
    for (auto& [task, targets] : batch_.targets) targets.weight_B = weight_B;
  }
  void set_levels(const at::Tensor& level_B) {
    for (auto& [task, targets] : batch_.targets) targets.level_B = level_B;
  }

  const std::vector<std::string> kLosses = {"task: class",
                                            "{task: class, label_smoothing: 0.1, focal_gamma: 2}",
                                            "{task: class, robust: {type: generalized_ce}}",
                                            "{task: grade, ordinal: coral}",
                                            "{task: grade}",
                                            "{task: labels}",
                                            "{task: values}",
                                            "{task: values, regression: mae}",
                                            "{task: values, regression: ccc}",
                                            "{task: frames}",
                                            "{task: frames, regression: ccc}"};
  const at::Tensor kAll = at::arange(6, at::kLong);
  at::Tensor logits_, labels_, values_;
  affect::Batch batch_;
  ObjectiveContext context_;
};

TEST_F(LevelTest, ARowOfWeightZeroIsNoRow) {
  const auto some = at::tensor({0, 2, 3, 5}, at::kLong);
  for (const auto& yaml : kLosses) {
    set_weights({});
    const double want = loss(yaml, some);
    set_weights(at::tensor({0.5, 0.0, 0.5, 0.5, 0.0, 0.5}, at::kFloat));
    EXPECT_NEAR(loss(yaml, kAll), want, 1e-5) << yaml;
  }
}

TEST_F(LevelTest, ARowOfTwiceTheWeightIsTwoRows) {
  const auto twice = at::tensor({0, 1, 1, 2, 3, 4, 5, 5}, at::kLong);
  for (const auto& yaml : kLosses) {
    set_weights({});
    const double want = loss(yaml, twice);
    set_weights(at::tensor({0.5, 1.0, 0.5, 0.5, 0.5, 1.0}, at::kFloat));
    EXPECT_NEAR(loss(yaml, kAll), want, 1e-5) << yaml;
  }
}

TEST_F(LevelTest, LearnsFromTheLevelThatItIsToldTo) {
  set_levels(at::tensor({2, 1, 2, 1, 0, 1}, at::kLong));
  for (auto yaml : kLosses) {
    if (yaml.front() == '{') yaml = yaml.substr(1, yaml.size() - 2);
    const auto of = [&](const std::string& level) { return "{" + yaml + ", level: " + level + "}"; };
    EXPECT_NEAR(loss(of("full"), kAll), loss(of("any"), at::tensor({0, 2}, at::kLong)), 1e-5) << yaml;
    EXPECT_NEAR(loss(of("weak"), kAll), loss(of("any"), at::tensor({1, 3, 5}, at::kLong)), 1e-5) << yaml;
  }
  set_levels({});
  EXPECT_EQ(loss("{task: class, level: full}", kAll), loss("{task: class}", kAll));
  EXPECT_EQ(loss("{task: class, level: weak}", kAll), 0.0);
}

TEST_F(LevelTest, LogitAdjustmentAddsTheLogarithmsOfThePriors) {
  context_.counts["class"] = {6, 3, 1};
  const double got = loss("{task: class, logit_adjustment: 1.5}", kAll);
  const auto shift = 1.5 * at::tensor({0.6, 0.3, 0.1}, at::kFloat).log();
  const double want =
      cross_entropy({}, logits_ + shift, batch_.targets.at("class"), at::ones({3})).item<double>();
  EXPECT_NEAR(got, want, 1e-6);
  EXPECT_NEAR(log_priors({3, 0})[1], std::log(0.5 / 3.5), 1e-12);
}

TEST_F(LevelTest, RefusesWhatHasNoMeaningTogether) {
  EXPECT_EQ(test::error_of([&] { loss("{task: class, focal_gamma: 1, robust: {type: symmetric_ce}}", kAll); },
                           ErrorCode::kConfig),
            "robust takes the place of plain cross-entropy: label_smoothing and focal_gamma must be 0 beside "
            "it");
  EXPECT_NE(test::error_of([&] { loss("{task: values, logit_adjustment: 1}", kAll); }, ErrorCode::kConfig)
                .find("which task 'values' does not minimise"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
