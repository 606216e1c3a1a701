#include "limbic/signals/heart/beats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "heart_signals.h"
#include "limbic/signals/heart/heart_analysis.h"

namespace limbic::signals {
namespace {

using namespace test;

TEST(BeatFeed, FindsPlantedRPeaksAtEveryRate) {
  const auto truth = beat_times(breathing_intervals(150));
  for (const double rate_hz : {100.0, 128.0, 250.0, 512.0, 1000.0}) {
    const auto found = find_beats(ecg_at(truth, rate_hz), HeartSource::kEcg);
    const auto a = agreement(truth, times_of(found.beats), 0.05);
    EXPECT_EQ(a.sensitivity, 1) << rate_hz;
    EXPECT_EQ(a.predictivity, 1) << rate_hz;
    EXPECT_NEAR(a.median_offset_s, 0, 0.002) << rate_hz;
    EXPECT_LT(a.worst_s, 0.006) << rate_hz;
  }
}

TEST(BeatFeed, FindsInvertedRPeaksAtTheSameTimes) {
  const auto ecg = ecg_at(beat_times(breathing_intervals(60)), 250);
  auto inverted = ecg;
  for (double& v : inverted.values) v = -v;
  const auto up = times_of(find_beats(ecg, HeartSource::kEcg).beats);
  const auto down = times_of(find_beats(inverted, HeartSource::kEcg).beats);
  ASSERT_EQ(up.size(), down.size());
  for (size_t i = 0; i < up.size(); ++i) EXPECT_NEAR(up[i], down[i], 1e-9);
}

TEST(BeatFeed, FindsBeatsThroughAnArtefactAndATallTWave) {
  const auto truth = beat_times(breathing_intervals(100));
  auto ecg = bumps_at(truth, {{0, 0.011, 1}, {0.3, 0.05, 0.9}}, 250, 0.05, 0.3);
  for (int64_t i = 0; i < 50; ++i) ecg.values[static_cast<size_t>(10000 + i)] += i % 2 == 0 ? 30 : -30;
  const auto a = agreement(truth, times_of(find_beats(ecg, HeartSource::kEcg).beats), 0.05);
  EXPECT_GE(a.sensitivity, 0.98);  // the artefact covers a beat
  EXPECT_GE(a.predictivity, 0.98);
}

TEST(BeatFeed, FindsPlantedPulsesAtWristAndFingerRates) {
  const auto truth = beat_times(breathing_intervals(150));
  for (const double rate_hz : {32.0, 64.0, 100.0, 1000.0}) {
    for (const auto fiducial : {BvpFiducial::kPeak, BvpFiducial::kUpslope}) {
      BeatConfig config;
      config.bvp_fiducial = fiducial;
      const auto a = agreement(
          truth, times_of(find_beats(bvp_at(truth, rate_hz), HeartSource::kBvp, config).beats), 0.05);
      EXPECT_EQ(a.sensitivity, 1) << rate_hz;
      EXPECT_EQ(a.predictivity, 1) << rate_hz;
      EXPECT_LT(a.worst_s, 0.02) << rate_hz;
    }
  }
}

TEST(BeatFeed, TakesThePolarityOfAPulseFromItsSteeperFlank) {
  const auto bvp = bvp_at(beat_times(breathing_intervals(80)), 64);
  auto inverted = bvp;
  for (double& v : inverted.values) v = -v;
  BeatConfig up;
  up.bvp_polarity = BvpPolarity::kUp;
  BeatConfig down;
  down.bvp_polarity = BvpPolarity::kDown;
  const auto expected = times_of(find_beats(bvp, HeartSource::kBvp, up).beats);
  for (const auto& times : {times_of(find_beats(bvp, HeartSource::kBvp).beats),
                            times_of(find_beats(inverted, HeartSource::kBvp).beats),
                            times_of(find_beats(inverted, HeartSource::kBvp, down).beats)}) {
    ASSERT_EQ(times.size(), expected.size());
    for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(times[i], expected[i], 1e-9);
  }
}

TEST(BeatFeed, GivesTheSameInPiecesOfAnySize) {
  auto bvp = bvp_at(beat_times(breathing_intervals(900)), 64);  // three blocks
  for (size_t i = 20000; i < 20500; ++i) bvp.values[i] = kMissing;
  const auto whole = find_beats(bvp, HeartSource::kBvp);
  for (const size_t piece : {1u, 777u, 20000u}) {
    BeatFeed feed(BeatConfig{}, HeartSource::kBvp, bvp.rate_hz, bvp.t0_s);
    for (size_t i = 0; i < bvp.values.size(); i += piece) {
      feed.push(bvp.values.data() + i, std::min(piece, bvp.values.size() - i));
    }
    const auto parts = feed.finish();
    ASSERT_EQ(parts.beats.size(), whole.beats.size()) << piece;
    for (size_t i = 0; i < whole.beats.size(); ++i) EXPECT_EQ(parts.beats[i].time_s, whole.beats[i].time_s);
    EXPECT_EQ(parts.spans.size(), whole.spans.size());
    EXPECT_EQ(parts.end_s, whole.end_s);
  }
}

TEST(BeatFeed, LosesAndDoublesNothingAtTheBordersOfBlocks) {
  for (const double shift_s : {0.0, 0.05, 0.1, 0.3, 0.6}) {
    const auto truth = beat_times(std::vector<double>(1300, 0.75), 0.3 + shift_s);
    const auto a = agreement(truth, times_of(find_beats(ecg_at(truth, 100), HeartSource::kEcg).beats), 0.05);
    EXPECT_EQ(a.sensitivity, 1) << shift_s;
    EXPECT_EQ(a.predictivity, 1) << shift_s;
  }
}

TEST(BeatFeed, NamesBadStretchesAndLinksNoBeatsAcrossThem) {
  const auto truth = beat_times(breathing_intervals(100));
  auto bvp = bvp_at(truth, 64);
  for (size_t i = 640; i < 960; ++i) bvp.values[i] = kMissing;  // 10-15 s
  for (size_t i = 1920; i < 2048; ++i) bvp.values[i] = 3;       // 30-32 s
  for (double& v : bvp.values) v = std::min(v, 95.0);           // every peak
  const auto found = find_beats(bvp, HeartSource::kBvp);
  double missing_s = 0;
  double flat_s = 0;
  int clipped = 0;
  for (const auto& span : found.spans) {
    if (span.label == "missing") missing_s += span.duration_s;
    if (span.label == "flat") flat_s += span.duration_s;
    clipped += span.label == "clipped" ? 1 : 0;
  }
  EXPECT_NEAR(missing_s, 5, 0.02);
  EXPECT_NEAR(flat_s, 2, 0.05);
  EXPECT_GT(clipped, 50);
  for (size_t i = 1; i < found.beats.size(); ++i) {
    const double from = found.beats[i - 1].time_s;
    const double to = found.beats[i].time_s;
    const bool is_across = (from < 10 && to > 15) || (from < 30 && to > 32);
    EXPECT_TRUE(!is_across || std::isnan(found.beats[i].ibi_s)) << to;
    EXPECT_FALSE(to > 10.1 && to < 14.9) << to;
  }
}

TEST(BeatFeed, MarksWavesThatDoNotLookLikeTheOthers) {
  const auto truth = beat_times(breathing_intervals(100));
  auto bvp = bvp_at(truth, 64);
  Noise noise(7);
  for (size_t i = 64 * 30; i < 64 * 40; ++i) bvp.values[i] += 600 * noise.next();
  int poor_inside = 0;
  int poor_outside = 0;
  for (const auto& beat : find_beats(bvp, HeartSource::kBvp).beats) {
    const bool is_inside = beat.time_s > 29 && beat.time_s < 41;
    (is_inside ? poor_inside : poor_outside) += beat.flag == BeatFlag::kPoor ? 1 : 0;
  }
  EXPECT_GE(poor_inside, 4);
  EXPECT_EQ(poor_outside, 0);
}

TEST(BeatFeed, GivesDefinedOutputForPoorInput) {
  for (const auto source : {HeartSource::kEcg, HeartSource::kBvp}) {
    for (const auto& values : {std::vector<double>{}, std::vector<double>{1}, std::vector<double>(6400, 2.5),
                               std::vector<double>(6400, kMissing),
                               std::vector<double>(6400, std::numeric_limits<double>::infinity())}) {
      const auto found = find_beats({64, -5, values}, source);
      EXPECT_TRUE(found.beats.empty());
      EXPECT_EQ(found.start_s, -5);
      EXPECT_NEAR(found.end_s, -5 + static_cast<double>(values.size()) / 64, 1e-12);
      const auto table = HeartAnalysis(HeartConfig{}, found).intervals({{-5, 95}});
      EXPECT_EQ(table.num_rows(), 1u);
      EXPECT_TRUE(std::isnan(table.at(0, table.column("hr_mean_bpm"))));
      EXPECT_EQ(table.at(0, table.column("num_beats")), 0);
    }
  }
}

TEST(BeatFeed, RefusesBadRatesAndConfigs) {
  for (const double rate : {0.0, -4.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto text = limbic::test::error_of(
        [&] {
          find_beats({rate, 0, {1, 2}}, HeartSource::kEcg);
        },
        ErrorCode::kData);
    EXPECT_NE(text.find("ECG: sampling rate"), std::string::npos) << text;
  }
  const auto text = limbic::test::error_of(
      [&] {
        find_beats({4, 0, {1, 2}}, HeartSource::kBvp);
      },
      ErrorCode::kData);
  EXPECT_NE(text.find("at least 10 Hz"), std::string::npos) << text;
  BeatConfig config;
  config.bvp_low_hz = 9;
  limbic::test::error_of([&] { find_beats({64, 0, {}}, HeartSource::kBvp, config); }, ErrorCode::kConfig);
}

TEST(BeatsFromIntervals, JoinsWhatTouchesAndPartsWhatDoesNot) {
  const auto raw = beats_from_intervals({10, 10.8, 11.61, 20, 20.9, 21.0}, {0.9, 0.8, 0.8, 0.7, 0.9, 0.9});
  const std::vector<double> times{9.1, 10, 10.8, 11.61, 19.3, 20, 20.9, 21.0};
  const std::vector<double> ibis{-1, 0.9, 0.8, 0.8, -1, 0.7, 0.9, -1};  // -1: missing; the last one overlaps
  ASSERT_EQ(raw.beats.size(), times.size());
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_NEAR(raw.beats[i].time_s, times[i], 1e-12);
    if (ibis[i] < 0) {
      EXPECT_TRUE(std::isnan(raw.beats[i].ibi_s)) << i;
    } else {
      EXPECT_EQ(raw.beats[i].ibi_s, ibis[i]);
    }
  }
  EXPECT_TRUE(beats_from_intervals({}, {}).beats.empty());
}

TEST(BeatsFromIntervals, RefusesWhatCannotBe) {
  using limbic::test::error_of;
  EXPECT_NE(error_of(
                [] {
                  beats_from_intervals({1, 1}, {0.5, 0.5});
                },
                ErrorCode::kData)
                .find("interval 2"),
            std::string::npos);
  error_of([] { beats_from_intervals({1}, {-0.5}); }, ErrorCode::kData);
  error_of([] { beats_from_intervals({1}, {}); }, ErrorCode::kData);
  error_of([] { beats_from_intervals({std::nan("")}, {0.5}); }, ErrorCode::kData);
  error_of([] { beats_from_durations({0.8, 0}); }, ErrorCode::kData);
}

TEST(BeatsFromDurations, KeepsTheClockRunningOverAMissingInterval) {
  const auto raw = beats_from_durations({0.8, kMissing, 0.9, 0.8}, 100);
  ASSERT_EQ(raw.beats.size(), 5u);
  EXPECT_NEAR(raw.end_s, 100 + 0.8 + 0.8 + 0.9 + 0.8, 1e-12);
  EXPECT_TRUE(std::isnan(raw.beats[0].ibi_s));
  EXPECT_TRUE(std::isnan(raw.beats[2].ibi_s));
  EXPECT_EQ(raw.beats[3].ibi_s, 0.9);
}

TEST(BeatFeed, FindsTheRateOfAnHourOfWristPulse) {
  const auto bvp = bvp_at(beat_times(breathing_intervals(4500)), 64);
  const HeartAnalysis heart(HeartConfig{}, find_beats(bvp, HeartSource::kBvp));
  const auto table = heart.intervals({heart.extent()});
  EXPECT_NEAR(table.at(0, table.column("hr_mean_bpm")), 75, 1);
}

// Real data: two sensors of one heart, and a device's own intervals.

TEST(BeatFeed, EcgAndFingerPulseOfOnePersonAgree) {
  LIMBIC_REQUIRE_DATA("physio_samples/neurokit/bio_resting_5min_100hz.csv");
  const auto table =
      number_table(limbic::test::real_data() + "/physio_samples/neurokit/bio_resting_5min_100hz.csv");
  const auto ecg = find_beats({100, 0, column_of(table, 0)}, HeartSource::kEcg);
  const auto ppg = find_beats({100, 0, column_of(table, 1)}, HeartSource::kBvp);
  const auto a = agreement(times_of(ppg.beats), times_of(ecg.beats), 0.1);
  EXPECT_GE(a.sensitivity, 0.975);  // measured 0.984, 0.979; NeuroKit's R peaks: 0.986, 0.988
  EXPECT_GE(a.predictivity, 0.97);
  const HeartConfig config;
  const HeartAnalysis from_ecg(config, ecg);
  const HeartAnalysis from_ppg(config, ppg);
  const auto e = from_ecg.intervals({from_ecg.extent()});
  const auto p = from_ppg.intervals({from_ppg.extent()});
  EXPECT_NEAR(e.at(0, e.column("hr_mean_bpm")), p.at(0, p.column("hr_mean_bpm")), 0.7);
}

TEST(BeatFeed, WristIntervalsAgreeWithTheDevicesOwn) {
  LIMBIC_REQUIRE_DATA("stress_predict/S20/BVP.csv.gz");
  for (const char* person : {"S02", "S10", "S20"}) {
    const std::string folder = limbic::test::real_data() + "/stress_predict/" + person;
    const auto bvp = number_table(folder + "/BVP.csv.gz");
    const HeartAnalysis ours(HeartConfig{}, find_beats({64, 0, column_of(bvp, 0, 2)}, HeartSource::kBvp));
    const auto device = number_table(folder + "/IBI.csv");
    const auto end_s = column_of(device, 0, 1);
    const auto ibi_s = column_of(device, 1);
    ASSERT_EQ(end_s.size(), ibi_s.size());
    std::vector<double> misses;
    for (size_t i = 0; i < end_s.size(); ++i) {
      const double middle = end_s[i] - 0.5 * ibi_s[i];
      const auto& beats = ours.beats();
      const auto next = std::lower_bound(beats.begin(), beats.end(), middle,
                                         [](const Beat& b, double t) { return b.time_s < t; });
      if (next != beats.end() && next->ibi_s > 0) misses.push_back(std::abs(next->ibi_s - ibi_s[i]));
    }
    ASSERT_GT(misses.size(), end_s.size() / 3) << person;
    std::nth_element(misses.begin(), misses.begin() + static_cast<ptrdiff_t>(misses.size() / 2),
                     misses.end());
    EXPECT_LT(misses[misses.size() / 2], 0.0165) << person;  // about the device's clock, 1/64 s
  }
}

}  // namespace
}  // namespace limbic::signals
