#include "limbic/objectives/loss_balance.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "limbic/core/rng.h"
#include "limbic/nn/state.h"

namespace limbic::objectives {
namespace {

/// Two objectives that pull two shared parameters and one of a head.
class LossBalanceTest : public testing::Test {
 protected:
  void SetUp() override { core::seed_torch(3); }

  static StepLoss loss_of(const std::vector<at::Tensor>& parts) {
    StepLoss loss;
    for (const auto& part : parts) loss.parts.push_back({part, {}});
    return loss;
  }
  std::vector<std::pair<std::string, at::Tensor>> parameters() const {
    return {{"encoders.face.w", shared_}, {"heads.emotion.w", head_}};
  }
  at::Tensor first() const { return (shared_ * first_).sum() + head_.sum() * 2.0; }
  at::Tensor second() const { return (shared_ * second_).sum(); }

  at::Tensor shared_ = at::tensor({1.0, 2.0}, at::kDouble).set_requires_grad(true);
  at::Tensor head_ = at::tensor({1.0}, at::kDouble).set_requires_grad(true);
  at::Tensor first_ = at::tensor({3.0, 0.0}, at::kDouble);
  at::Tensor second_ = at::tensor({-1.0, 1.0}, at::kDouble);
};

TEST_F(LossBalanceTest, FixedIsThePlainSum) {
  const auto balance = build_loss_balance(FixedBalance{}, 2);
  EXPECT_DOUBLE_EQ(balance->backward(loss_of({first(), second()}), parameters()), 3.0 + 2.0 + 1.0);
  EXPECT_TRUE(shared_.grad().allclose(first_ + second_));
  EXPECT_DOUBLE_EQ(head_.grad().item<double>(), 2.0);
}

TEST_F(LossBalanceTest, UncertaintyIsKendallsSumAndItsWeightsLearn) {
  const auto balance = build_loss_balance(UncertaintyBalance{}, 1);
  auto s_N = balance->as_module()->named_parameters()["log_variance"];
  {
    const at::NoGradGuard no_gradient;
    s_N[0] = 0.5;
    s_N[1] = -1.0;
  }
  balance->backward(loss_of({first(), second()}), parameters());
  EXPECT_TRUE(shared_.grad().allclose(first_ * std::exp(-0.5) + second_ * std::exp(1.0), 1e-6));
  // d/ds of exp(-s) L + s / 2
  EXPECT_NEAR(s_N.grad()[0].item<double>(), -std::exp(-0.5) * 5.0 + 0.5, 1e-6);
  EXPECT_NEAR(s_N.grad()[1].item<double>(), -std::exp(1.0) * 1.0 + 0.5, 1e-6);
  EXPECT_NEAR(balance->weights()[1], std::exp(1.0), 1e-6);
}

TEST_F(LossBalanceTest, GradientsThatConflictLoseWhatPointsAgainstTheOther) {
  build_loss_balance(PcGradBalance{}, 1)->backward(loss_of({first(), second()}), parameters());
  // <(3, 0), (-1, 1)> = -3: each is projected onto the normal plane of the other.
  const auto first = first_ + second_ * 1.5;
  const auto second = second_ + first_ / 3.0;
  EXPECT_TRUE(shared_.grad().allclose(first + second)) << shared_.grad();
  EXPECT_DOUBLE_EQ(head_.grad().item<double>(), 2.0);
}

TEST_F(LossBalanceTest, GradientsThatAgreeStayAsTheyAre) {
  second_ = at::tensor({1.0, 1.0}, at::kDouble);
  build_loss_balance(PcGradBalance{}, 1)->backward(loss_of({first(), second()}), parameters());
  EXPECT_TRUE(shared_.grad().allclose(first_ + second_));
}

TEST_F(LossBalanceTest, GradNormWeakensTheObjectiveWithTheLargerGradient) {
  const auto balance = build_loss_balance(GradNormBalance{}, 1);
  const auto minimised = [&] { return loss_of({first() + 20.0, second()}); };
  balance->backward(minimised(), parameters());
  EXPECT_TRUE(shared_.grad().allclose(first_ + second_)) << "the first step has weights of one";
  for (int step = 0; step < 20; ++step) balance->backward(minimised(), parameters());
  const auto weights = balance->weights();
  EXPECT_LT(weights[0], weights[1]);
  EXPECT_NEAR(weights[0] + weights[1], 2.0, 1e-12);
  // Both at the same rate: the sizes of the gradients meet.
  for (int step = 0; step < 500; ++step) balance->backward(minimised(), parameters());
  const double ratio = balance->weights()[0] * 3.0 / (balance->weights()[1] * std::sqrt(2.0));
  EXPECT_NEAR(ratio, 1.0, 0.15);
}

TEST_F(LossBalanceTest, WhatGradNormHasLearnedSurvivesInItsState) {
  const auto balance = build_loss_balance(GradNormBalance{}, 1);
  for (int step = 0; step < 5; ++step) balance->backward(loss_of({first() + 20.0, second()}), parameters());
  const auto other = build_loss_balance(GradNormBalance{}, 1);
  nn::load_state(*other->as_module(), nn::state_of(*balance->as_module()));
  EXPECT_EQ(other->weights(), balance->weights());
}

TEST_F(LossBalanceTest, ALossThatIsNotFiniteChangesNothing) {
  const std::vector<BalanceConfig> all = {FixedBalance{}, UncertaintyBalance{}, GradNormBalance{},
                                          PcGradBalance{}};
  for (const auto& config : all) {
    const auto balance = build_loss_balance(config, 2);
    const auto bad = first() * std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(std::isfinite(balance->backward(loss_of({bad, second()}), parameters())));
    EXPECT_FALSE(shared_.grad().defined());
  }
}

}  // namespace
}  // namespace limbic::objectives
