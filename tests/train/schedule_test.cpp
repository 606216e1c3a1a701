#include "limbic/train/schedule.h"

#include <gtest/gtest.h>

namespace limbic::train {
namespace {

TEST(Schedule, WarmsUpLinearlyThenFollowsTheCosine) {
  const ScheduleConfig config{/*warmup_epochs=*/1.0, /*final_scale=*/0.0};
  constexpr int64_t kPerEpoch = 4;
  constexpr int64_t kTotal = 12;
  EXPECT_DOUBLE_EQ(lr_scale(config, 0, kPerEpoch, kTotal), 1.0 / 5);
  EXPECT_DOUBLE_EQ(lr_scale(config, 3, kPerEpoch, kTotal), 4.0 / 5);
  EXPECT_DOUBLE_EQ(lr_scale(config, 4, kPerEpoch, kTotal), 1.0);
  EXPECT_NEAR(lr_scale(config, 8, kPerEpoch, kTotal), 0.5, 1e-12);
  EXPECT_NEAR(lr_scale(config, 12, kPerEpoch, kTotal), 0.0, 1e-12);
  EXPECT_NEAR(lr_scale(config, 99, kPerEpoch, kTotal), 0.0, 1e-12);
}

TEST(Schedule, EndsAtTheFinalScaleAndNeverLeavesItsRange) {
  const ScheduleConfig config{/*warmup_epochs=*/0.5, /*final_scale=*/0.1};
  for (int64_t step = 0; step <= 100; ++step) {
    const double scale = lr_scale(config, step, 10, 100);
    EXPECT_GT(scale, 0.0);
    EXPECT_LE(scale, 1.0);
  }
  EXPECT_NEAR(lr_scale(config, 100, 10, 100), 0.1, 1e-12);
}

TEST(Schedule, WarmUpLongerThanTheRunStaysFinite) {
  const ScheduleConfig config{/*warmup_epochs=*/50, /*final_scale=*/0.0};
  EXPECT_NEAR(lr_scale(config, 9, 1, 10), 10.0 / 11.0, 1e-12);
}

}  // namespace
}  // namespace limbic::train
