#include "limbic/eval/seed_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limbic::eval {
namespace {

TEST(SeedStatistics, QuantilesAreThoseOfTheTables) {
  // scipy.stats.t.ppf
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706204736432095, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.302652729911275, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.7764451051977987, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.95, 9), 1.8331129326536335, 1e-9);
  // R's qt: scipy 1.10 is off by 8e-9 here.
  EXPECT_NEAR(student_t_quantile(0.05, 30), -1.697260886593957, 1e-9);
}

TEST(SeedStatistics, TheIntervalIsStudents) {
  const auto s = seed_statistics({1.0, 2.0, 3.0, 4.0});
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  EXPECT_NEAR(s.deviation, std::sqrt(5.0 / 3.0), 1e-12);
  EXPECT_NEAR(s.high - s.mean, 3.182446305284263 * std::sqrt(5.0 / 3.0) / 2.0, 1e-9);
  EXPECT_NEAR(s.low + s.high, 5.0, 1e-12);
}

TEST(SeedStatistics, OneRepetitionSaysNothingOfTheSpread) {
  const auto s = seed_statistics({0.7});
  EXPECT_EQ(s.deviation, 0.0);
  EXPECT_TRUE(std::isinf(s.high));
}

}  // namespace
}  // namespace limbic::eval
