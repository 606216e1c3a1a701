#include "limbic/signals/eye/eye_analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "limbic/config/config.h"
#include "signals/eye/gaze_simulation.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

using test::GazeSimulation;

double value(const Table& table, const char* column, size_t row = 0) {
  return table.at(row, table.column(column));
}

/// Four rests at the corners of a square of 10 degrees, visited twice, and one blink.
GazeSimulation square(double rate_hz, double noise_deg = 0.01) {
  GazeSimulation simulation(rate_hz, noise_deg);
  simulation.jump_at_once(-5, -5);
  for (int round = 0; round < 2; ++round) {
    simulation.rest(0.4).jump(10, 0, 0.04).rest(0.4).jump(0, 10, 0.04);
    simulation.rest(0.4).jump(-10, 0, 0.04).rest(0.4).jump(0, -10, 0.04);
  }
  return simulation.rest(0.3).lose(0.15).rest(0.3);
}

TEST(EyeAnalysis, CountsAndMeasuresWhatWasPlanted) {
  const auto gaze = square(500).gaze();
  const EyeAnalysis analysis({}, gaze);
  EXPECT_EQ(analysis.method(), EyeMethod::kAdaptive);
  const Table row = analysis.intervals({{0, 10}});
  const double seconds = static_cast<double>(gaze.size()) / 500;
  EXPECT_EQ(value(row, "saccade_count"), 8);
  EXPECT_EQ(value(row, "fixation_count"), 10);
  EXPECT_EQ(value(row, "blink_count"), 1);
  EXPECT_NEAR(value(row, "saccade_rate_per_s"), 8 / seconds, 1e-9);
  EXPECT_NEAR(value(row, "blink_rate_per_min"), 60 / seconds, 1e-9);
  EXPECT_NEAR(value(row, "blink_duration_mean_s"), 0.15, 0.005);
  EXPECT_NEAR(value(row, "valid_share"), 1 - 0.15 / seconds, 0.002);
  EXPECT_NEAR(value(row, "perclos"), 0.15 / seconds, 0.002);
  EXPECT_NEAR(value(row, "fixation_duration_median_s"), 0.4, 0.02);
  EXPECT_NEAR(value(row, "saccade_amplitude_mean_deg"), 10, 0.3);
  // 1.875 * 10 deg / 40 ms = 469 deg/s; the filter's 19 ms round the top off.
  EXPECT_NEAR(value(row, "saccade_peak_velocity_mean_deg_s"), 469, 40);
  EXPECT_NEAR(value(row, "scanpath_length_deg"), 80, 0.5);
  // Four cells: 10 fixations as 4, 2, 2, 2 (the blink parts the last one).
  EXPECT_NEAR(value(row, "gaze_entropy_bits"), 0.4 * std::log2(2.5) + 0.6 * std::log2(5.0), 1e-9);
  // Corners lead on with certainty, but the first one leads to the next twice and to itself once (of 9).
  EXPECT_NEAR(value(row, "gaze_transition_entropy_bits"),
              3.0 / 9 * (2.0 / 3 * std::log2(1.5) + 1.0 / 3 * std::log2(3.0)), 1e-9);
  EXPECT_NEAR(value(row, "gaze_spread_deg"), std::hypot(5, 5), 0.4);
  EXPECT_EQ(value(row, "min_resolvable_ms"), analysis.min_resolvable_ms());
  EXPECT_NEAR(analysis.min_resolvable_ms(), 4, 1e-9);
  EXPECT_TRUE(std::isnan(value(row, "pupil_mean")));
}

TEST(EyeAnalysis, EventsAreAsBidsHasThem) {
  const auto gaze = square(500).gaze();
  const EventTable table = EyeAnalysis({}, gaze).events();
  ASSERT_EQ(table.events[1].label, "saccade");
  EXPECT_NEAR(table.events[1].onset_s, 0.4, 0.008);
  EXPECT_NEAR(table.events[1].duration_s, 0.04, 0.015);
  EXPECT_NEAR(table.events[1].values[0], -5, 0.3);
  EXPECT_NEAR(table.events[1].values[2], 5, 0.3);
  double end_s = 0;
  std::set<std::string> labels;
  for (const auto& e : table.events) {
    EXPECT_EQ(e.values.size(), table.columns.size());
    EXPECT_GE(e.onset_s, end_s - 1e-9);  // by onset, without overlap
    end_s = e.onset_s + e.duration_s;
    labels.insert(e.label);
  }
  EXPECT_EQ(labels.count("blink"), 1u);
}

TEST(EyeAnalysis, FramesCarryTheClass) {
  auto gaze = square(500).gaze();
  const Table frames = EyeAnalysis({}, gaze).frames();
  ASSERT_EQ(frames.num_rows(), gaze.size());
  EXPECT_EQ(value(frames, "class", 100), 1);
  EXPECT_EQ(value(frames, "class", 210), 2);
  EXPECT_EQ(value(frames, "class", gaze.size() - 200), 5);
  EXPECT_TRUE(std::isnan(value(frames, "x_deg", gaze.size() - 200)));
  EXPECT_EQ(value(frames, "x_deg", 100), gaze.x_deg[100]);
  EXPECT_EQ(frames.start_s[100], gaze.time_s[100]);
}

TEST(EyeAnalysis, MainSequenceOfMinimumJerkJumpsOfOneDurationIsALine) {
  GazeSimulation simulation(1000);
  for (const double deg : {2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0}) simulation.rest(0.3).jump(deg, 0, 0.05);
  EyeConfig c;
  c.velocity.window_s = 0.005;
  const Table row = EyeAnalysis(c, simulation.rest(0.3).gaze()).intervals({{0, 10}});
  // 1.875 / 50 ms; amplitudes lose what lies below the threshold of the onset.
  EXPECT_NEAR(value(row, "main_sequence_slope_per_s"), 37.5, 0.5);
  EXPECT_NEAR(value(row, "main_sequence_exponent"), 1, 0.03);
}

TEST(EyeAnalysis, PupilLosesOutliersAndKeepsItsCourse) {
  auto gaze = GazeSimulation(100, 0.01).rest(10).gaze();
  core::Rng rng(2);
  for (size_t i = 0; i < gaze.size(); ++i) {
    gaze.pupil.push_back(3 + 0.05 * gaze.time_s[i] + 0.01 * rng.normal());
    if (i % 97 == 50) gaze.pupil[i] += 2;
    if (i >= 400 && i < 430) gaze.pupil[i] = 0;
    if (i >= 600 && i < 700) gaze.pupil[i] = kMissing;
  }
  const auto clean = clean_pupil(gaze);
  EXPECT_NEAR(clean[415], 3 + 0.05 * 4.15, 0.03);  // 0.3 s are filled
  EXPECT_TRUE(std::isnan(clean[650]));             // 1 s is not
  for (const double p : clean) EXPECT_FALSE(p > 3.6);
  const Table row = EyeAnalysis({}, gaze).intervals({{0, 10}});
  EXPECT_NEAR(value(row, "pupil_slope_per_s"), 0.05, 0.001);
  EXPECT_NEAR(value(row, "pupil_mean"), 3.24, 0.02);
  EXPECT_NEAR(value(row, "pupil_sd"), 0.149, 0.01);
}

TEST(EyeAnalysis, CameraRatesGiveCandidates) {
  for (const double rate_hz : {25.0, 30.0, 60.0}) {
    const EyeAnalysis analysis({}, square(rate_hz, 0.2).gaze());
    EXPECT_EQ(analysis.method(), EyeMethod::kCamera);
    const Table row = analysis.intervals({{0, 10}});
    EXPECT_EQ(value(row, "saccade_count"), 8) << rate_hz;
    EXPECT_NEAR(value(row, "saccade_amplitude_mean_deg"), 10, 1) << rate_hz;
    EXPECT_NEAR(value(row, "min_resolvable_ms"), 2000 / rate_hz, 1e-6);
    EXPECT_EQ(value(row, "pso_count"), 0);
  }
}

TEST(EyeAnalysis, JitteredCameraTimesChangeNothing) {
  auto gaze = square(30, 0.05).gaze();
  core::Rng rng(4);
  for (auto& t : gaze.time_s) t += rng.uniform(-0.008, 0.008);
  const Table row = EyeAnalysis({}, gaze).intervals({{-1, 10}});
  EXPECT_EQ(value(row, "saccade_count"), 8);
  EXPECT_EQ(value(row, "blink_count"), 1);
}

TEST(EyeAnalysis, EveryMethodRunsAndHasTheSameColumns) {
  const auto gaze = square(250).gaze();
  for (const auto& [method, name] : enum_names(EyeMethod{})) {
    EyeConfig c;
    c.method = method;
    const EyeAnalysis analysis(c, gaze);
    const Table row = analysis.intervals({{0, 10}});
    EXPECT_EQ(row.num_columns(), EyeFeatures::columns().size());
    EXPECT_EQ(value(row, "saccade_count"), 8) << name;
    EXPECT_EQ(analysis.events().columns.size(), 9u);
  }
}

TEST(EyeAnalysis, WindowsTakeEventsByTheirOnset) {
  const EyeAnalysis analysis({}, square(500).gaze());
  std::vector<Interval> windows;
  for (int i = 0; i < 8; ++i) windows.push_back({0.5 * i, 0.5 * (i + 1)});
  const Table rows = analysis.intervals(windows);
  double fixations = 0;
  double saccades = 0;
  for (size_t r = 0; r < 8; ++r) {
    fixations += value(rows, "fixation_count", r);
    saccades += value(rows, "saccade_count", r);
    EXPECT_EQ(rows.start_s[r], windows[r].start_s);
  }
  const Table whole = analysis.intervals({{0, 4}});
  EXPECT_EQ(fixations, value(whole, "fixation_count"));
  EXPECT_EQ(saccades, value(whole, "saccade_count"));
}

TEST(EyeAnalysis, BadInputHasADefinedResult) {
  const size_t num_columns = EyeFeatures::columns().size();
  for (const auto& gaze : {GazeSamples{}, GazeSimulation(500).rest(0.002).gaze(),
                           GazeSimulation(500).lose(2).gaze(), GazeSimulation(500).rest(2).gaze()}) {
    const EyeAnalysis analysis({}, gaze);
    EXPECT_EQ(analysis.frames().num_rows(), gaze.size());
    const Table rows = analysis.intervals({{0, 1}, {-7, -6}});
    ASSERT_EQ(rows.values_RC.size(), 2 * num_columns);
    for (size_t c = 0; c < num_columns; ++c) EXPECT_TRUE(std::isnan(rows.at(1, c))) << c;
    for (const double v : rows.values_RC) EXPECT_FALSE(std::isinf(v));
  }
  for (const double x : {1.0, kMissing}) {
    EXPECT_TRUE(EyeAnalysis({}, GazeSamples{{3.0}, {x}, {x}, {}}).events().events.empty()) << x;
  }
  const EyeAnalysis lost({}, GazeSimulation(500).lose(2).gaze());
  EXPECT_EQ(value(lost.intervals({{0, 2}}), "valid_share"), 0);
  EXPECT_EQ(value(lost.intervals({{0, 2}}), "fixation_count"), 0);
  EXPECT_TRUE(std::isnan(value(lost.intervals({{0, 2}}), "fixation_duration_mean_s")));

  EXPECT_EQ(test::error_of([] { EyeAnalysis({}, GazeSimulation(5).rest(2).gaze()); }, ErrorCode::kData),
            "gaze: 5.000000 Hz; expected 10 to 2000; are the times in seconds?");
  test::error_of([] { EyeAnalysis({}, GazeSimulation(5000).rest(2).gaze()); }, ErrorCode::kData);
  EyeConfig c;
  c.ivt.velocity_deg_s = 0;
  EXPECT_EQ(test::error_of([&] { EyeAnalysis({c}, GazeSamples{}); }, ErrorCode::kConfig),
            "eye.ivt.velocity_deg_s: must be positive, got 0");
}

TEST(EyeConfig, ReadsFromYamlAndReportsItsFields) {
  const auto c = config::load_text<EyeConfig>("method: ivt\nivt: {velocity_deg_s: 30}\n", "eye.yaml");
  EXPECT_EQ(c.method, EyeMethod::kIvt);
  EXPECT_EQ(c.ivt.velocity_deg_s, 30);
  EXPECT_EQ(config::dump(config::load_text<EyeConfig>(config::dump(c), "again.yaml")), config::dump(c));
  const std::string problem = test::error_of(
      [] { config::load_text<EyeConfig>("adaptive: {turn_ratio: 2}\n", "eye.yaml"); }, ErrorCode::kConfig);
  EXPECT_NE(problem.find("turn_ratio: must be in [0, 1), got 2"), std::string::npos) << problem;
}

}  // namespace
}  // namespace limbic::signals
