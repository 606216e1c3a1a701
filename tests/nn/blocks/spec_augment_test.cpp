#include "limbic/nn/spec_augment.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limbic/core/rng.h"

namespace limbic::nn {
namespace {

TEST(SpecAugment, MasksWholeFramesAndFeaturesWithinTheirLimits) {
  core::seed_torch(1);
  SpecAugmentConfig config;
  config.time_masks = 1;
  config.time_width = 7;
  config.feature_masks = 1;
  config.feature_width = 3;
  const auto x = at::rand({1000, 40, 20}) + 1.0;
  const auto y = spec_augment(config, x, at::ones({1000, 40}, at::kBool));
  const auto hidden = y == 0;
  EXPECT_TRUE(at::equal(y.masked_select(~hidden), x.masked_select(~hidden)));
  const auto hidden_BT = hidden.all(2);
  const auto hidden_BF = hidden.all(1);
  EXPECT_TRUE(at::equal(hidden, hidden_BT.unsqueeze(2).logical_or(hidden_BF.unsqueeze(1))));
  EXPECT_EQ(hidden_BT.sum(1).max().item<int64_t>(), 7);
  EXPECT_EQ(hidden_BF.sum(1).max().item<int64_t>(), 3);
  EXPECT_EQ(hidden_BT.sum(1).min().item<int64_t>(), 0);
  // Every frame and feature is reached by some mask, the first and the last too.
  EXPECT_TRUE(hidden_BT.any(0).all().item<bool>());
  EXPECT_TRUE(hidden_BF.any(0).all().item<bool>());
}

TEST(SpecAugment, TimeMasksLieOnRealFramesAndKeepTheirShare) {
  core::seed_torch(2);
  SpecAugmentConfig config;
  config.time_masks = 1;
  config.time_width = 100;
  config.max_time_share = 0.5;
  auto mask = at::zeros({1000, 40}, at::kBool);
  mask.narrow(1, 5, 20).fill_(true);
  const auto y = spec_augment(config, at::ones({1000, 40, 3}), mask);
  const auto hidden_BT = (y == 0).all(2);
  EXPECT_FALSE(hidden_BT.narrow(1, 0, 5).any().item<bool>());
  EXPECT_FALSE(hidden_BT.narrow(1, 25, 15).any().item<bool>());
  EXPECT_TRUE(hidden_BT.narrow(1, 5, 20).any(0).all().item<bool>());
  EXPECT_EQ(hidden_BT.sum(1).max().item<int64_t>(), 10);
}

TEST(SpecAugment, OffReturnsItsInput) {
  const auto x = at::ones({1, 4, 2});
  EXPECT_TRUE(spec_augment({}, x, at::ones({1, 4}, at::kBool)).is_same(x));
}

TEST(SpecAugment, SurvivesASampleWithoutRealFrames) {
  SpecAugmentConfig config;
  config.time_masks = 2;
  config.feature_masks = 2;
  config.feature_width = 50;
  const auto y = spec_augment(config, at::ones({3, 4, 2}), at::zeros({3, 4}, at::kBool));
  EXPECT_TRUE(y.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace limbic::nn
