#include "limbic/signals/eda/eda_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>

#include "limbic/signals/eda/eda_simulator.h"
#include "signals/eda/e4_file.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

/// Ten minutes of a dry wrist: level 0.3, responses up to 0.15 microsiemens.
TimeSeries weak_wrist(double rate_hz = 4) {
  EdaSimulatorConfig config;
  config.rate_hz = rate_hz;
  config.level_microsiemens = 0.3;
  config.drift_microsiemens = 0.05;
  config.min_amplitude_microsiemens = 0.02;
  config.max_amplitude_microsiemens = 0.15;
  return simulate_eda(config).eda;
}

size_t count(const EdaQuality& quality, EdaFlaw flaw) {
  size_t n = 0;
  for (size_t i = 0; i < quality.flaws.size(); ++i) n += quality.has(i, flaw) ? 1 : 0;
  return n;
}

TEST(EdaQuality, WeakButGoodSignalIsGood) {
  for (const double rate_hz : {4.0, 32.0, 1000.0}) {
    const EdaQuality quality = eda_quality(weak_wrist(rate_hz));
    EXPECT_EQ(quality.good_share, 1.0) << rate_hz;
    EXPECT_TRUE(quality.stretches.events.empty()) << rate_hz;
  }
}

TEST(EdaQuality, EveryFlawIsFoundWhereItWasMade) {
  TimeSeries eda = weak_wrist();
  auto& x = eda.values;
  for (size_t i = 100; i < 140; ++i) x[i] = 0.0;           // off the skin
  for (size_t i = 300; i < 340; ++i) x[i] = x[300];        // frozen for 10 s
  for (size_t i = 500; i < 520; ++i) x[i] = std::nan("");  // lost
  for (size_t i = 700; i < 712; ++i) x[i] = 1.25;          // at the rail for 3 s
  x[900] += 0.5;                                           // spike
  x[1100] = -0.2;
  const EdaQuality quality = eda_quality(eda);
  for (size_t i = 100; i < 140; ++i) EXPECT_TRUE(quality.has(i, EdaFlaw::kDisconnected)) << i;
  for (size_t i = 300; i < 340; ++i) EXPECT_TRUE(quality.has(i, EdaFlaw::kFlat)) << i;
  for (size_t i = 500; i < 520; ++i) EXPECT_TRUE(quality.has(i, EdaFlaw::kAbsent)) << i;
  for (size_t i = 700; i < 712; ++i) EXPECT_TRUE(quality.has(i, EdaFlaw::kClipped)) << i;
  EXPECT_TRUE(quality.has(900, EdaFlaw::kJump));
  EXPECT_TRUE(quality.has(1100, EdaFlaw::kOutOfRange));
  EXPECT_EQ(count(quality, EdaFlaw::kFlat), 80u) << "zeros are flat, too";
  EXPECT_EQ(count(quality, EdaFlaw::kAbsent), 20u);
  EXPECT_EQ(count(quality, EdaFlaw::kClipped), 12u);
  EXPECT_LT(count(quality, EdaFlaw::kJump), 80u);
  for (const size_t i : {0u, 50u, 200u, 450u, 600u, 800u, 1000u, 1300u, 2399u})
    EXPECT_TRUE(quality.good[i]) << i;
  EXPECT_GT(quality.good_share, 0.9);

  std::map<std::string, double> seconds;
  for (const SignalEvent& e : quality.stretches.events) seconds[e.label] += e.duration_s;
  EXPECT_DOUBLE_EQ(seconds["missing"], 5.0);
  EXPECT_DOUBLE_EQ(seconds["flat"], 20.0);
  EXPECT_DOUBLE_EQ(seconds["clipped"], 3.0);
  for (size_t k = 1; k < quality.stretches.events.size(); ++k) {
    EXPECT_LE(quality.stretches.events[k - 1].onset_s, quality.stretches.events[k].onset_s);
  }
}

TEST(EdaQuality, AKnownRailClipsWhateverTheMaximumIs) {
  TimeSeries eda = weak_wrist();
  for (size_t i = 200; i < 210; ++i) eda.values[i] = 5.0 + 0.001 * static_cast<double>(i % 2);
  EdaQualityConfig config;
  config.rail_microsiemens = 5.0;
  const EdaQuality quality = eda_quality(eda, config);
  EXPECT_EQ(count(quality, EdaFlaw::kClipped), 10u);
}

TEST(EdaQuality, MotionIsMarkedAndBadOnRequest) {
  const TimeSeries eda = weak_wrist();
  Acceleration acceleration;
  for (TimeSeries* axis : {&acceleration.x, &acceleration.y, &acceleration.z}) {
    axis->rate_hz = 32;
    axis->values.assign(32 * 600, 0.0);
  }
  for (size_t i = 0; i < acceleration.z.values.size(); ++i) {
    const bool moves = i >= 32 * 100 && i < 32 * 110;
    acceleration.z.values[i] = 1.0 + (moves ? 0.5 * std::sin(0.9 * static_cast<double>(i)) : 0.0);
  }
  const EdaQuality marked = eda_quality(eda, {}, &acceleration);
  EXPECT_EQ(count(marked, EdaFlaw::kMotion), 40u);
  EXPECT_TRUE(marked.has(400, EdaFlaw::kMotion) && marked.has(439, EdaFlaw::kMotion));
  EXPECT_EQ(marked.good_share, 1.0);
  EdaQualityConfig strict;
  strict.motion_is_bad = true;
  EXPECT_NEAR(eda_quality(eda, strict, &acceleration).good_share, 1.0 - 40.0 / 2400.0, 1e-12);
  acceleration.y.values.pop_back();
  EXPECT_NE(
      test::error_of([&] { eda_quality(eda, {}, &acceleration); }, ErrorCode::kData).find("axes differ"),
      std::string::npos);
}

TEST(EdaQuality, BadInputIsDefined) {
  TimeSeries eda{4, 0, {}};
  EXPECT_TRUE(std::isnan(eda_quality(eda).good_share));
  eda.values = {0.3};
  EXPECT_EQ(eda_quality(eda).good_share, 1.0);
  eda.values.assign(100, 0.3);
  EXPECT_EQ(count(eda_quality(eda), EdaFlaw::kFlat), 100u);
  eda.values.assign(100, std::nan(""));
  EXPECT_EQ(eda_quality(eda).good_share, 0.0);
  eda.values.assign(3, INFINITY);
  EXPECT_EQ(count(eda_quality(eda), EdaFlaw::kAbsent), 3u);
  for (const double rate_hz : {0.0, -4.0, std::nan("")}) {
    eda.rate_hz = rate_hz;
    EXPECT_NE(test::error_of([&] { eda_quality(eda); }, ErrorCode::kData).find("sampling rate"),
              std::string::npos);
  }
  EdaQualityConfig config;
  config.flat_s = 0;
  EXPECT_NE(test::error_of(
                [&] {
                  eda_quality({4, 0, {}}, config);
                },
                ErrorCode::kConfig)
                .find("flat_s"),
            std::string::npos);
}

TEST(EdaQuality, EveryPersonOfStressPredictIsMostlyUsable) {
  LIMBIC_REQUIRE_DATA("stress_predict");
  int people = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::real_data() + "/stress_predict")) {
    if (!entry.is_directory()) continue;
    const TimeSeries eda = read_e4(entry.path().string() + "/EDA.csv");
    const EdaQuality quality = eda_quality(eda);
    EXPECT_GT(quality.good_share, 0.6) << entry.path();
    // All begin off the skin: the first value is 0.
    EXPECT_TRUE(quality.has(0, EdaFlaw::kDisconnected)) << entry.path();
    ++people;
  }
  EXPECT_GE(people, 25);
}

}  // namespace
}  // namespace limbic::signals
