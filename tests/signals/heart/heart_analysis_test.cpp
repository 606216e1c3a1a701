#include "limbic/signals/heart/heart_analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "heart_signals.h"
#include "limbic/signals/heart/beat_correction.h"

namespace limbic::signals {
namespace {

using namespace test;

/// 400 breathing intervals with an early beat (60), a late one (200), a missed one (150) and an extra one
/// (300).
struct Planted {
  std::vector<double> truth = beat_times(breathing_intervals(400), 0);
  std::vector<double> seen = truth;
  std::vector<double> ibi{kMissing};

  Planted() {
    seen[60] -= 0.25;
    seen[200] += 0.22;
    seen.insert(seen.begin() + 301, seen[300] + 0.32);
    seen.erase(seen.begin() + 150);
    for (size_t i = 1; i < seen.size(); ++i) ibi.push_back(seen[i] - seen[i - 1]);
  }
  RawBeats raw() const {
    return beats_from_intervals({seen.begin() + 1, seen.end()}, {ibi.begin() + 1, ibi.end()});
  }
};

std::vector<size_t> places(const std::vector<IntervalClass>& classes, IntervalClass wanted) {
  std::vector<size_t> out;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] == wanted) out.push_back(i);
  }
  return out;
}

TEST(BeatCorrection, ClassifiesPlantedArtefactsAsNeuroKitDoes) {
  // neurokit2 0.2.0 signal_fixpeaks(method="kubios") on the same beats: ectopic 61 200, missed 150, extra
  // 300. It also calls 60, 199 and 301 long or short: the other halves of the same pairs.
  const auto classes = classify_intervals(Planted().ibi, {});
  EXPECT_EQ(places(classes, IntervalClass::kEctopic), (std::vector<size_t>{61, 200}));
  EXPECT_EQ(places(classes, IntervalClass::kMissed), (std::vector<size_t>{150}));
  EXPECT_EQ(places(classes, IntervalClass::kExtra), (std::vector<size_t>{300}));
  EXPECT_TRUE(places(classes, IntervalClass::kLongShort).empty());
}

TEST(BeatCorrection, PutsPlantedArtefactsBack) {
  const Planted planted;
  const auto corrected = correct_beats(planted.raw().beats, {});
  ASSERT_EQ(corrected.beats.size(), planted.truth.size());
  double worst = 0;
  for (size_t i = 0; i < planted.truth.size(); ++i) {
    worst = std::max(worst, std::abs(corrected.beats[i].time_s - planted.truth[i]));
  }
  EXPECT_LT(worst, 0.04);  // half the breathing's swing; NeuroKit 0.2.0 moves a neighbour: up to 0.25
  EXPECT_EQ(corrected.counts.num_ectopic, 2);
  EXPECT_EQ(corrected.counts.num_missed, 1);
  EXPECT_EQ(corrected.counts.num_extra, 1);
  EXPECT_EQ(corrected.counts.num_long_short, 0);
  EXPECT_EQ(corrected.beats[60].flag, BeatFlag::kEctopic);
  EXPECT_EQ(corrected.beats[150].flag, BeatFlag::kInserted);
  EXPECT_EQ(corrected.beats[200].flag, BeatFlag::kEctopic);
  ASSERT_EQ(corrected.removed.size(), 1u);
  EXPECT_NEAR(corrected.removed[0].time_s, planted.truth[300] + 0.32, 1e-9);
  // Intervals still fit the times.
  for (size_t i = 1; i < corrected.beats.size(); ++i) {
    EXPECT_NEAR(corrected.beats[i].ibi_s, corrected.beats[i].time_s - corrected.beats[i - 1].time_s, 1e-9)
        << i;
  }
  const auto clean = hrv_time(beats_from_durations(breathing_intervals(400)).beats, {});
  EXPECT_NEAR(hrv_time(corrected.beats, {}).rmssd_ms, clean.rmssd_ms, 0.03 * clean.rmssd_ms);
  EXPECT_GT(hrv_time(planted.raw().beats, {}).rmssd_ms, 1.3 * clean.rmssd_ms);
}

TEST(BeatCorrection, LeavesCleanBeatsAlone) {
  const auto raw = beats_from_durations(breathing_intervals(1000));
  const auto corrected = correct_beats(raw.beats, {});
  EXPECT_EQ(corrected.counts.num_ectopic + corrected.counts.num_missed + corrected.counts.num_extra +
                corrected.counts.num_long_short + corrected.counts.num_rejected,
            0);
  const auto constant = correct_beats(beats_from_durations(std::vector<double>(100, 0.8)).beats, {});
  EXPECT_EQ(constant.counts.num_long_short, 0);
  for (size_t n : {0u, 1u, 2u, 3u}) {
    EXPECT_EQ(correct_beats(beats_from_durations(std::vector<double>(n, 0.8)).beats, {}).beats.size(),
              n == 0 ? 0 : n + 1);
  }
}

TEST(BeatCorrection, MaliksRuleRefusesAndDoesNotMove) {
  const Planted planted;
  CorrectionConfig config;
  config.method = BeatCorrection::kMalik;
  const auto raw = planted.raw();
  const auto corrected = correct_beats(raw.beats, config);
  ASSERT_EQ(corrected.beats.size(), planted.seen.size());
  // Two intervals each of the ectopic beats and of the extra one, one of the missed beat.
  EXPECT_EQ(corrected.counts.num_rejected, 7);
  for (size_t i = 0; i < planted.seen.size(); ++i) EXPECT_EQ(corrected.beats[i].time_s, raw.beats[i].time_s);
}

TEST(BeatCorrection, RunsOfPoorBeatsPartTheSeries) {
  auto raw = beats_from_durations(breathing_intervals(50));
  raw.beats[20].flag = BeatFlag::kPoor;
  const auto corrected = correct_beats(raw.beats, {});
  EXPECT_TRUE(std::isnan(corrected.beats[20].ibi_s));
  EXPECT_TRUE(std::isnan(corrected.beats[21].ibi_s));
  EXPECT_TRUE(std::isfinite(corrected.beats[22].ibi_s));
}

TEST(BeatCorrection, IntervalsThatStandAloneAreRefused) {
  auto raw = beats_from_durations(breathing_intervals(50));
  raw.beats[20].flag = BeatFlag::kPoor;
  raw.beats[23].flag = BeatFlag::kPoor;  // leaves the interval of beat 22 alone
  EXPECT_TRUE(std::isnan(correct_beats(raw.beats, {}).beats[22].ibi_s));
  EXPECT_EQ(correct_beats(raw.beats, {}).counts.num_rejected, 1);
  CorrectionConfig any;
  any.min_run_intervals = 1;
  EXPECT_TRUE(std::isfinite(correct_beats(raw.beats, any).beats[22].ibi_s));
}

TEST(HeartAnalysis, FramesFollowTheIntervalsAndStopAtGaps) {
  // 75 a minute for 20 s, 5 s nothing, then 60 a minute.
  std::vector<double> end_s;
  std::vector<double> ibi_s;
  for (int i = 1; i <= 25; ++i) {
    end_s.push_back(0.8 * i);
    ibi_s.push_back(0.8);
  }
  for (int i = 1; i <= 20; ++i) {
    end_s.push_back(25 + i);
    ibi_s.push_back(1);
  }
  const HeartAnalysis heart(HeartConfig{}, beats_from_intervals(end_s, ibi_s));
  const auto frames = heart.frames();
  EXPECT_EQ(frames.num_rows(), 180u);  // 45 s at 4 Hz
  for (size_t i = 0; i < frames.num_rows(); ++i) {
    const double t = frames.start_s[i];
    const double hr = frames.at(i, 0);
    if (t > 0.1 && t < 19.9) {
      EXPECT_NEAR(hr, 75, 1e-9) << t;
    } else if (t > 20.1 && t <= 25) {
      EXPECT_TRUE(std::isnan(hr)) << t;
    } else if (t > 25.1) {
      EXPECT_NEAR(hr, 60, 1e-9) << t;
    }
  }
  const auto rows = heart.intervals({{0, 20.1}, {20.2, 24.9}, {25, 45.1}, {100, 200}, {10, 10}});
  const auto value = [&](size_t row, const char* name) { return rows.at(row, rows.column(name)); };
  EXPECT_NEAR(value(0, "hr_mean_bpm"), 75, 1e-9);
  EXPECT_NEAR(value(0, "coverage"), 20 / 20.1, 1e-6);
  EXPECT_TRUE(std::isnan(value(1, "hr_mean_bpm")));
  EXPECT_EQ(value(1, "coverage"), 0);
  EXPECT_NEAR(value(2, "mean_nn_ms"), 1000, 1e-9);
  EXPECT_EQ(value(2, "num_intervals"), 20);
  EXPECT_TRUE(std::isnan(value(3, "rmssd_ms")));
  EXPECT_EQ(value(4, "num_beats"), 0);
}

TEST(HeartAnalysis, EventsNameEveryBeatAndEveryBadStretch) {
  auto ecg = ecg_at(beat_times(breathing_intervals(60)), 250);
  for (size_t i = 2500; i < 3200; ++i) ecg.values[i] = 0.5;
  const HeartAnalysis heart(HeartConfig{}, find_beats(ecg, HeartSource::kEcg));
  const auto events = heart.events();
  std::set<std::string> labels;
  for (size_t i = 0; i < events.events.size(); ++i) {
    const auto& e = events.events[i];
    labels.insert(e.label);
    EXPECT_EQ(e.values.size(), events.columns.size());
    EXPECT_GE(e.onset_s, events.events[i == 0 ? 0 : i - 1].onset_s);
  }
  EXPECT_EQ(labels, (std::set<std::string>{"beat", "flat"}));
}

TEST(HeartAnalysis, MotionTakesBeatsOut) {
  const auto bvp = bvp_at(beat_times(breathing_intervals(75)), 64);
  TimeSeries motion{32, 0, std::vector<double>(32 * 60, 0.02)};
  for (size_t i = 32 * 20; i < 32 * 30; ++i) motion.values[i] = 1;
  const auto raw = find_beats(bvp, HeartSource::kBvp);
  const HeartAnalysis still(HeartConfig{}, raw);
  const HeartAnalysis moved(HeartConfig{}, raw, &motion);
  const auto poor = [](const HeartAnalysis& heart, double from, double to) {
    const auto rows = heart.intervals({{from, to}});
    return rows.at(0, rows.column("num_poor"));
  };
  EXPECT_EQ(poor(still, 0, 60), 0);
  EXPECT_GE(poor(moved, 20, 30), 11);
  EXPECT_EQ(poor(moved, 0, 19) + poor(moved, 31, 60), 0);
  int motion_events = 0;
  for (const auto& e : moved.events().events) motion_events += e.label == "motion" ? 1 : 0;
  EXPECT_EQ(motion_events, 1);
}

TEST(HeartAnalysis, ColumnsDoNotDependOnTheData) {
  const HeartAnalysis empty(HeartConfig{}, RawBeats{});
  const HeartAnalysis full(HeartConfig{}, beats_from_durations(breathing_intervals(400)));
  const auto a = empty.intervals({{0, 1}});
  const auto b = full.intervals({full.extent()});
  ASSERT_EQ(a.num_columns(), b.num_columns());
  std::set<std::string> names;
  for (size_t k = 0; k < a.num_columns(); ++k) {
    EXPECT_EQ(a.columns[k].name, b.columns[k].name);
    names.insert(a.columns[k].name);
    EXPECT_TRUE(std::isfinite(b.at(0, k)) || a.columns[k].name == "beat_quality_mean") << a.columns[k].name;
  }
  EXPECT_EQ(names.size(), a.num_columns());
  EXPECT_EQ(empty.frames().num_rows(), 0u);
}

TEST(HeartAnalysis, RefusesBadConfigs) {
  HeartConfig config;
  config.frame_rate_hz = 0;
  EXPECT_NE(limbic::test::error_of([&] { HeartAnalysis(config, RawBeats{}); }, ErrorCode::kConfig)
                .find("frame_rate_hz"),
            std::string::npos);
  config = {};
  config.hrv.hf_high_hz = 3;
  limbic::test::error_of([&] { HeartAnalysis(config, RawBeats{}); }, ErrorCode::kConfig);
  config = {};
  config.correction.median_beats = 4;
  limbic::test::error_of([&] { HeartAnalysis(config, RawBeats{}); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::signals
