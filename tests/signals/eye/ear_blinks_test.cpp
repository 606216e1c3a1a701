#include "limbic/signals/eye/ear_blinks.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

/// The aspect ratio of one person: open at `open`, dips with smooth sides at the planted times.
struct Lids {
  double rate_hz;
  double open;
  double noise;
  std::vector<double> time_s;
  std::vector<double> ear;

  Lids(double rate, double seconds, double open_ratio, double noise_sd, uint64_t seed = 1)
      : rate_hz(rate), open(open_ratio), noise(noise_sd) {
    core::Rng rng(seed);
    for (size_t i = 0; i < static_cast<size_t>(std::lround(seconds * rate)); ++i) {
      time_s.push_back(static_cast<double>(i) / rate);
      ear.push_back(open + noise * rng.normal());
    }
  }
  /// Closed for `seconds` at half depth and more; sides of 60 ms.
  void close(double onset_s, double seconds, double depth = 0.8) {
    for (size_t i = 0; i < ear.size(); ++i) {
      const double inside = std::min(time_s[i] - onset_s, onset_s + seconds - time_s[i]) / 0.06 + 0.5;
      ear[i] -= open * depth * std::min(1.0, std::max(0.0, inside));
    }
  }
};

size_t count(const std::vector<SignalEvent>& events, const char* label) {
  size_t n = 0;
  for (const auto& e : events) n += e.label == label ? 1 : 0;
  return n;
}

TEST(EyeAspectRatio, IsHeightOverWidth) {
  EXPECT_DOUBLE_EQ(eye_aspect_ratio({0, 1, 3, 4, 3, 1}, {0, 1, 1, 0, -1, -1}), 0.5);
  EXPECT_DOUBLE_EQ(eye_aspect_ratio({0, 1, 3, 4, 3, 1}, {0, 0, 0, 0, 0, 0}), 0.0);
  EXPECT_TRUE(std::isnan(eye_aspect_ratio({1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1})));
}

/// Narrow and wide eyes alike, which no fixed threshold does; recall and precision of planted blinks.
TEST(EarBlinks, FindsPlantedBlinksOfEveryEye) {
  for (const double rate_hz : {25.0, 30.0, 60.0}) {
    for (const double open : {0.18, 0.28, 0.42}) {
      Lids lids(rate_hz, 120, open, 0.04 * open);
      core::Rng rng(9);
      std::vector<double> planted_s;
      for (double t = 1; t < 117; t += rng.uniform(2, 5)) {
        planted_s.push_back(t);
        lids.close(t, rng.uniform(0.12, 0.3));
      }
      const EarBlinks blinks({}, lids.time_s, lids.ear);
      size_t found = 0;
      for (const double onset_s : planted_s) {
        for (const auto& e : blinks.events().events) {
          if (e.label == "blink" && std::abs(e.onset_s - onset_s) < 0.1) ++found;
        }
      }
      EXPECT_EQ(found, planted_s.size()) << rate_hz << " fps, open " << open;
      EXPECT_EQ(blinks.events().events.size(), planted_s.size()) << rate_hz << " fps, open " << open;
    }
  }
}

TEST(EarBlinks, DurationsTellNoiseBlinkAndClosure) {
  Lids lids(60, 30, 0.3, 0);
  lids.ear[300] = 0.1;  // 17 ms
  lids.close(10, 0.2);
  lids.close(20, 1.5);
  const EarBlinks blinks({}, lids.time_s, lids.ear);
  const auto events = blinks.events().events;
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].label, "blink");
  EXPECT_NEAR(events[0].onset_s, 10, 0.03);
  EXPECT_NEAR(events[0].duration_s, 0.2, 0.05);
  EXPECT_NEAR(events[0].values[0], 0.2, 1e-9);
  EXPECT_NEAR(events[0].values[1], 0.8, 1e-9);
  EXPECT_EQ(events[1].label, "closure");
  EXPECT_NEAR(events[1].duration_s, 1.5, 0.05);

  const Table row = blinks.intervals({{0, 30}, {9, 12}, {100, 110}});
  EXPECT_EQ(row.at(0, row.column("blink_count")), 1);
  EXPECT_EQ(row.at(0, row.column("closure_count")), 1);
  EXPECT_NEAR(row.at(0, row.column("blink_rate_per_min")), 2, 1e-6);
  EXPECT_NEAR(row.at(0, row.column("perclos")), 1.7 / 30, 0.1 / 30);
  EXPECT_NEAR(row.at(0, row.column("min_resolvable_ms")), 2000.0 / 60, 1e-6);
  EXPECT_EQ(row.at(1, row.column("closure_count")), 0);
  EXPECT_NEAR(row.at(1, row.column("blink_rate_per_min")), 20, 1e-6);
  for (size_t c = 0; c < row.num_columns(); ++c) EXPECT_TRUE(std::isnan(row.at(2, c))) << c;
}

TEST(EarBlinks, TheBaselineFollowsThePerson) {
  // The person moves nearer: the ratio drifts from 0.2 to 0.35 in two minutes. A threshold of 0.21 calls a
  // quarter of it closed.
  Lids lids(30, 120, 0.2, 0.003);
  for (size_t i = 0; i < lids.ear.size(); ++i) lids.ear[i] += 0.15 * lids.time_s[i] / 120;
  EXPECT_TRUE(EarBlinks({}, lids.time_s, lids.ear).events().events.empty());
  const Table frames = EarBlinks({}, lids.time_s, lids.ear).frames();
  EXPECT_NEAR(frames.at(3599, frames.column("baseline")), 0.346, 0.01);
}

TEST(EarBlinks, AnEyeThatStaysClosedDoesNotBecomeOpen) {
  Lids lids(30, 120, 0.3, 0.003);
  lids.close(30, 45);
  const auto events = EarBlinks({}, lids.time_s, lids.ear).events().events;
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].label, "closure");
  EXPECT_NEAR(events[0].duration_s, 45, 0.1);
}

TEST(EarBlinks, AChangeForGoodIsLearnedAfterAMinute) {
  Lids lids(30, 200, 0.3, 0.003);
  for (size_t i = 30 * 30; i < lids.ear.size(); ++i) lids.ear[i] *= 0.5;  // another camera position
  lids.close(150, 0.2, 0.4);
  const auto events = EarBlinks({}, lids.time_s, lids.ear).events().events;
  ASSERT_EQ(events.size(), 2u);
  EXPECT_NEAR(events[0].duration_s, 60, 0.1);
  EXPECT_EQ(events[1].label, "blink");
  EXPECT_NEAR(events[1].onset_s, 150, 0.1);
}

TEST(EarBlinks, TurnedHeadsAndLostFacesAreMissing) {
  Lids lids(30, 60, 0.3, 0.003);
  lids.close(20, 0.2);
  lids.close(40, 0.2);
  std::vector<double> yaw(lids.ear.size(), 0.0);
  for (size_t i = 19 * 30; i < 22 * 30; ++i) yaw[i] = -45;
  for (size_t i = 50 * 30; i < 60 * 30; ++i) lids.ear[i] = kMissing;
  const EarBlinks blinks({}, lids.time_s, lids.ear, yaw);
  ASSERT_EQ(blinks.events().events.size(), 1u);
  EXPECT_NEAR(blinks.events().events[0].onset_s, 40, 0.05);
  const Table frames = blinks.frames();
  EXPECT_TRUE(std::isnan(frames.at(20 * 30, frames.column("ear"))));
  EXPECT_TRUE(std::isnan(frames.at(20 * 30, frames.column("closed"))));
  const Table row = blinks.intervals({{0, 60}});
  EXPECT_NEAR(row.at(0, 0), 47.0 / 60, 1e-9);
}

TEST(EarBlinks, FramesThatComeLiveGiveTheSame) {
  Lids lids(30, 90, 0.3, 0.01);
  for (double t = 0.5; t < 89; t += 3.1) lids.close(t, 0.2);
  const EarBlinks whole({}, lids.time_s, lids.ear);
  EarBlinkDetector live;
  std::vector<SignalEvent> events;
  std::vector<EarBlinkDetector::Frame> frames;
  for (size_t i = 0; i < lids.ear.size(); ++i) {
    live.push(lids.time_s[i], lids.ear[i]);
    for (const auto& f : live.take_frames()) frames.push_back(f);
    for (const auto& e : live.take_events()) events.push_back(e);
    // Once warm, a frame is decided when it comes.
    if (lids.time_s[i] >= 2) {
      ASSERT_EQ(frames.size(), i + 1);
    }
  }
  live.finish();
  for (const auto& e : live.take_events()) events.push_back(e);
  const auto expected = whole.events().events;
  ASSERT_EQ(events.size(), expected.size());
  EXPECT_EQ(count(events, "blink"), 29u);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].onset_s, expected[i].onset_s);
  const Table table = whole.frames();
  for (size_t i = 0; i < frames.size(); ++i) {
    ASSERT_EQ(table.at(i, table.column("closed")), frames[i].is_closed ? 1 : 0) << i;
  }
}

TEST(EarBlinks, BadInputHasADefinedResult) {
  EXPECT_EQ(EarBlinks({}, {}, {}).frames().num_rows(), 0u);
  EXPECT_EQ(EarBlinks({}, {1.0}, {0.3}).frames().num_rows(), 1u);
  EXPECT_TRUE(EarBlinks({}, {1.0}, {0.0}).events().events.empty());
  Lids lids(30, 10, 0.3, 0);
  const std::vector<double> none(lids.ear.size(), kMissing);
  const EarBlinks nobody({}, lids.time_s, none);
  EXPECT_TRUE(nobody.events().events.empty());
  const Table row = nobody.intervals({{0, 10}});
  EXPECT_EQ(row.at(0, row.column("valid_share")), 0);
  EXPECT_TRUE(std::isnan(row.at(0, row.column("perclos"))));
  EXPECT_TRUE(std::isnan(row.at(0, row.column("blink_rate_per_min"))));
  const std::vector<double> shut(lids.ear.size(), 0.0);
  EXPECT_TRUE(EarBlinks({}, lids.time_s, shut).events().events.empty());

  EXPECT_EQ(test::error_of(
                [] {
                  EarBlinks({}, {1, 1}, {0.3, 0.3});
                },
                ErrorCode::kData),
            "ear_blinks: a frame at 1.000000 s after one at 1.000000 s; expected increasing times");
  test::error_of([] { EarBlinks({}, {1, 2}, {0.3}); }, ErrorCode::kData);
  test::error_of([] { EarBlinks({}, {kMissing}, {0.3}); }, ErrorCode::kData);
  EarBlinkConfig c;
  c.open_ratio = 0.5;
  EXPECT_EQ(test::error_of([&] { EarBlinkDetector detector(c); }, ErrorCode::kConfig),
            "ear_blinks.open_ratio: must be in [close_ratio, 1), got 0.5");
}

}  // namespace
}  // namespace limbic::signals
