#include "limbic/signals/dsp/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/signals/table.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

using ::testing::HasSubstr;

/// Bursts of movement as a function of true time: what two devices on one body see, each on its own clock.
class Movement {
 public:
  Movement(uint64_t seed, double duration_s) {
    core::Rng rng(seed);
    for (double t = -20; t < duration_s + 20; t += 0.5 + 6 * rng.uniform()) {
      parts_.push_back({t, 0.1 + 0.5 * rng.uniform(), 1 + 4 * rng.uniform(), 6 * rng.uniform()});
    }
  }
  double at(double t) const {
    double sum = 0;
    for (const auto& p : parts_) {
      const double u = (t - p[0]) / p[1];
      if (std::abs(u) < 5) sum += std::exp(-u * u / 2) * (1 + std::sin(2 * M_PI * p[2] * (t - p[0]) + p[3]));
    }
    return sum;
  }

 private:
  std::vector<std::array<double, 4>> parts_;
};

/// A device whose clock reads (true - offset) / (1 + drift).
TimeSeries device(const Movement& movement, double rate, double from_s, double duration_s, double offset_s,
                  double drift, double noise, uint64_t seed) {
  core::Rng rng(seed);
  TimeSeries series{rate, from_s, {}};
  for (int64_t i = 0; i < static_cast<int64_t>(duration_s * rate); ++i)
    series.values.push_back(movement.at(series.time_of(i) * (1 + drift) + offset_s) + rng.normal(0, noise));
  return series;
}

TEST(Clock, PlantedOffsetsAreFoundWithin20msAt32Hz) {
  const Movement movement(3, 400);
  const TimeSeries reference = device(movement, 32, 0, 300, 0, 0, 0.2, 1);
  double worst = 0;
  for (const double offset : {-41.337, -3.2, -0.013, 0.0, 0.5, 7.77, 55.5}) {
    for (const double rate : {25.0, 32.0, 50.0}) {
      const TimeSeries other = device(movement, rate, 11.3, 250, offset, 0, 0.2, 7);
      const ClockMatch match = match_activity(reference, other);
      ASSERT_TRUE(match.is_usable()) << offset << ": " << match.refusal;
      worst = std::max(worst, std::abs(match.offset_s - offset));
      EXPECT_GT(match.confidence, 0.3);
    }
  }
  RecordProperty("worst_ms", std::to_string(worst * 1000));
  EXPECT_LT(worst, 0.020);
  EXPECT_LT(worst, 0.005);  // what it reaches: tighter than promised, so that a loss shows
}

TEST(Clock, GapsAndUnequalStartsDoNotMoveTheOffset) {
  const Movement movement(5, 400);
  TimeSeries reference = device(movement, 32, -30, 300, 0, 0, 0.1, 1);
  TimeSeries other = device(movement, 32, 100, 200, 4.25, 0, 0.1, 2);
  for (size_t i = 1000; i < 3000; ++i) reference.values[i] = kMissing;
  for (size_t i = 4000; i < 5000; ++i) other.values[i] = kMissing;
  const ClockMatch match = match_activity(reference, other);
  ASSERT_TRUE(match.is_usable()) << match.refusal;
  EXPECT_NEAR(match.offset_s, 4.25, 0.005);
}

TEST(Clock, DriftIsFollowed) {
  const Movement movement(9, 1900);
  const TimeSeries reference = device(movement, 32, 0, 1800, 0, 0, 0.1, 1);
  const TimeSeries other = device(movement, 32, 5, 1700, 2.5, 1e-4, 0.1, 2);
  ClockMatchConfig config;
  config.estimate_drift = true;
  config.max_offset_s = 20;
  const ClockMatch match = match_activity(reference, other, config);
  ASSERT_TRUE(match.is_usable()) << match.refusal;
  EXPECT_NEAR(match.drift, 1e-4, 1e-5);
  for (const double t : {5.0, 900.0, 1700.0}) EXPECT_NEAR(match.to_reference(t), t * (1 + 1e-4) + 2.5, 0.020);
}

TEST(Clock, NoiseGaitConstantAndStrangersAreRefused) {
  const Movement movement(3, 400), stranger(77, 400);
  const TimeSeries reference = device(movement, 32, 0, 300, 0, 0, 0.1, 1);
  const ClockMatch unrelated = match_activity(reference, device(stranger, 32, 0, 300, 0, 0, 0.1, 2));
  EXPECT_THAT(unrelated.refusal, HasSubstr("share too little"));
  EXPECT_EQ(unrelated.confidence, 0);
  TimeSeries gait{32, 0, {}};
  for (int i = 0; i < 3200; ++i) gait.values.push_back(std::sin(2 * M_PI * 2 * i / 32.0));
  EXPECT_THAT(match_activity(gait, gait).refusal, HasSubstr("ambiguous"));
  const TimeSeries constant{32, 0, std::vector<double>(3200, 1.0)};
  EXPECT_THAT(match_activity(reference, constant).refusal, HasSubstr("that vary"));
  const TimeSeries missing{32, 0, std::vector<double>(3200, kMissing)};
  EXPECT_FALSE(match_activity(reference, missing).is_usable());
  EXPECT_FALSE(match_activity(reference, {32, 0, {}}).is_usable());
  EXPECT_FALSE(match_activity(reference, {32, 0, {1.0}}).is_usable());
  TimeSeries far = reference;
  far.t0_s = 1e6;
  EXPECT_THAT(match_activity(reference, far).refusal, HasSubstr("do not meet"));
  EXPECT_THAT(test::error_of(
                  [&] {
                    match_activity({0, 0, {1}}, reference);
                  },
                  ErrorCode::kData),
              HasSubstr("reference"));
  EXPECT_THAT(test::error_of(
                  [&] {
                    match_activity(reference, {kMissing, 0, {1}});
                  },
                  ErrorCode::kData),
              HasSubstr("other"));
  ClockMatchConfig config;
  config.rate_hz = 0;
  EXPECT_THAT(test::error_of([&] { match_activity(reference, reference, config); }, ErrorCode::kConfig),
              HasSubstr("clock.rate_hz: must be positive"));
}

TEST(Clock, TagsPairUpWithSomeMissing) {
  const std::vector<double> reference = {12, 100.5, 333, 471.25, 800, 1203, 1500.75};
  std::vector<double> other;
  core::Rng rng(4);
  for (const double t : reference) other.push_back(t - 17.3 + rng.normal(0, 0.01));
  other.erase(other.begin() + 2);
  other.push_back(50);
  const ClockMatch match = match_events(reference, other);
  ASSERT_TRUE(match.is_usable()) << match.refusal;
  EXPECT_NEAR(match.offset_s, 17.3, 0.02);
  EXPECT_NEAR(match.correlation, 6.0 / 7.0, 1e-12);
  // Tags every 60 s fit anywhere.
  std::vector<double> even;
  for (int i = 0; i < 10; ++i) even.push_back(60.0 * i);
  ClockMatchConfig wide;
  wide.max_offset_s = 300;
  EXPECT_THAT(match_events(even, even, wide).refusal, HasSubstr("ambiguous"));
  EXPECT_THAT(match_events({1, 2}, {1, 2}).refusal, HasSubstr("at least 3"));
  EXPECT_FALSE(match_events({}, {}).is_usable());
}

TEST(Clock, GridKeepsValuesAndGaps) {
  // A 1.7 Hz sine from 50 Hz to 32 Hz, with two seconds missing.
  TimeSeries sine{50, 2.0, {}};
  for (int64_t i = 0; i < 1000; ++i) sine.values.push_back(std::sin(2 * M_PI * 1.7 * sine.time_of(i)));
  for (size_t i = 400; i < 500; ++i) sine.values[i] = kMissing;
  const ClockGrid grid = grid_over({sine}, 32);
  EXPECT_EQ(grid.num_samples, 640);
  const TimeSeries out = on_grid(sine, grid, known_offset(0));
  double worst = 0;
  int num_missing = 0;
  for (int64_t i = 0; i < grid.num_samples; ++i) {
    const double value = out.values[static_cast<size_t>(i)];
    const double time = out.time_of(i);
    const bool in_gap = time > 9.98 + 1e-6 && time < 12.0 - 1e-6;
    EXPECT_EQ(std::isnan(value), in_gap || time > 21.98 + 1e-6) << time;
    num_missing += in_gap ? 1 : 0;
    const bool is_near_edge = time < 2.5 || time > 21.5 || std::abs(time - 11) < 1.6;
    if (!std::isnan(value) && !is_near_edge)
      worst = std::max(worst, std::abs(value - std::sin(2 * M_PI * 1.7 * time)));
  }
  EXPECT_EQ(num_missing, 64);
  EXPECT_LT(worst, 1e-3);
  // The same rate and phase changes nothing.
  const TimeSeries same = on_grid(sine, {50, 2.0, 1000});
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(std::isnan(same.values[i]), std::isnan(sine.values[i]));
    if (!std::isnan(sine.values[i])) {
      EXPECT_EQ(same.values[i], sine.values[i]);
    }
  }
  // What lies above the new Nyquist frequency does not fold back: 14 Hz to 8 Hz.
  TimeSeries fast{64, 0, {}};
  for (int64_t i = 0; i < 6400; ++i) fast.values.push_back(std::sin(2 * M_PI * 14 * fast.time_of(i)));
  const TimeSeries slow = on_grid(fast, {8, 10, 640});
  for (const double value : slow.values) EXPECT_LT(std::abs(value), 1e-2);
}

TEST(Clock, OffsetsMoveSeriesToTheReference) {
  const TimeSeries line{4, 0, {0, 1, 2, 3, 4, 5, 6, 7}};
  const TimeSeries moved = on_grid(line, {4, 10, 8}, known_offset(10));
  EXPECT_EQ(moved.values, line.values);
  const TimeSeries late = on_grid({0.0, 1.0, 5.0}, {10, 20, 30}, {1, 0, 7}, 2.0, known_offset(1));
  EXPECT_TRUE(std::isnan(late.values[0]));
  EXPECT_EQ(late.values[1], 10);
  EXPECT_EQ(late.values[2], 20);
  EXPECT_TRUE(std::isnan(late.values[4]));  // four seconds without a sample
  EXPECT_EQ(late.values[6], 30);
  const ClockGrid shared =
      grid_over({{4, 0, std::vector<double>(40)}, {2, 5, std::vector<double>(20)}}, 8, true);
  EXPECT_EQ(shared.t0_s, 5);
  EXPECT_EQ(shared.num_samples, 40);
  EXPECT_EQ(grid_over({{4, 0, std::vector<double>(4)}, {4, 50, std::vector<double>(4)}}, 8, true).num_samples,
            0);
}

TEST(Clock, ActivityIsBlindToOrientation) {
  std::vector<double> acc;
  for (int i = 0; i < 320; ++i) {
    const double bump = i == 100 ? 0.5 : 0;
    acc.insert(acc.end(), {0, 0, 1 + bump});
  }
  std::vector<double> turned = acc;
  for (size_t i = 0; i < turned.size(); i += 3) std::swap(turned[i], turned[i + 2]);
  const TimeSeries a = activity_of(acc, 32, 0), b = activity_of(turned, 32, 0);
  EXPECT_EQ(a.values, b.values);
  EXPECT_NEAR(a.values[100], 0.5 - 0.5 / 65, 1e-12);
  EXPECT_NEAR(a.values[300], 0, 1e-12);
}

}  // namespace
}  // namespace limbic::signals
