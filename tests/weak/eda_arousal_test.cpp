#include "limbic/weak/eda_arousal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "limbic/core/rng.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/sensor_recording.h"
#include "limbic/signals/eda/eda_simulator.h"
#include "support/paths.h"

namespace limbic::weak {
namespace {

constexpr double kWindow_s = 4.0;

/// Recordings whose responses follow high windows `lag_s` later.
struct PlantedArousal {
  std::vector<EdaTrack> tracks;
  std::vector<EdaWindow> windows;
  std::vector<int32_t> truth_N;

  std::vector<double> membership(double share_known) const {
    std::vector<double> rows(2 * truth_N.size(), 0.0);
    core::Rng rng(19);
    for (size_t i = 0; i < truth_N.size(); ++i) {
      if (rng.chance(share_known)) rows[2 * i + static_cast<size_t>(truth_N[i])] = 1;
    }
    return rows;
  }
};

PlantedArousal planted_arousal(double lag_s, const EdaArousalConfig& config, int num_people = 8) {
  PlantedArousal world;
  for (int person = 0; person < num_people; ++person) {
    core::Rng rng(41, static_cast<uint64_t>(person));
    constexpr double kRateHz = 4;
    constexpr int kNumWindows = 60;
    signals::TimeSeries series{kRateHz, 0, {}};
    std::vector<int32_t> high;
    while (high.size() < kNumWindows) {
      const auto length = 1 + rng.below(3);
      const auto level = static_cast<int32_t>(rng.below(2));
      for (int64_t k = 0; k < length; ++k) high.push_back(level);
    }
    std::vector<double> onsets;
    double quiet_until_s = 0;
    for (double t_s = 0; t_s < kNumWindows * kWindow_s; t_s += 0.05) {
      const double cause_s = t_s - lag_s;
      const auto w = static_cast<size_t>(std::max(0.0, cause_s) / kWindow_s);
      if (t_s < quiet_until_s || !rng.chance(0.05 * (high[w] == 1 ? 0.4 : 0.03))) continue;
      onsets.push_back(t_s);
      quiet_until_s = t_s + 1;
    }
    const double level = 1 + 4 * rng.uniform();
    for (int i = 0; i < kNumWindows * 16; ++i) {
      const double t_s = i / kRateHz;
      double value = level;
      for (const double onset : onsets) {
        const double d = t_s - onset;
        if (d > 0 && d < 40) value += 0.15 * level * 1.6 * (std::exp(-d / 3) - std::exp(-d / 0.5));
      }
      series.values.push_back(value + 0.003 * level * rng.normal());
    }
    for (int w = 0; w < kNumWindows; ++w) {
      world.windows.push_back({static_cast<size_t>(person), person, w * kWindow_s, (w + 1) * kWindow_s});
      world.truth_N.push_back(high[static_cast<size_t>(w)]);
    }
    world.tracks.emplace_back(series, config);
  }
  return world;
}

double auc_of(const std::vector<double>& score_N, const std::vector<int32_t>& truth_N) {
  double wins = 0;
  double pairs = 0;
  for (size_t i = 0; i < score_N.size(); ++i) {
    for (size_t k = 0; k < score_N.size(); ++k) {
      if (truth_N[i] != 1 || truth_N[k] != 0 || std::isnan(score_N[i]) || std::isnan(score_N[k])) continue;
      pairs += 1;
      wins += score_N[i] > score_N[k] ? 1 : score_N[i] == score_N[k] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

TEST(EdaTrack, CountsResponsesAndIntegratesBetweenAnyTwoMoments) {
  signals::EdaSimulatorConfig made;
  made.duration_s = 300;
  made.min_gap_s = 6;
  made.snr_db = 30;
  const auto planted = signals::simulate_eda(made);
  const EdaTrack track(planted.eda, {});
  const auto all = track.at(0, 300);
  EXPECT_NEAR(all.scr_rate_hz * 300, static_cast<double>(planted.responses.size()), 2.5);
  EXPECT_NEAR(all.good_share, 1, 1e-3);
  EXPECT_NEAR(all.tonic, 2.0, 0.4);
  // Stretches add up, wherever they are cut.
  const auto first = track.at(0, 100.1);
  const auto second = track.at(100.1, 300);
  EXPECT_NEAR(first.driver * 100.1 + second.driver * 199.9, all.driver * 300, 2e-3);
  EXPECT_NEAR(first.scr_amplitude + second.scr_amplitude, all.scr_amplitude, 1e-2);
  // Beyond the end nothing is good.
  EXPECT_NEAR(track.at(290, 310).good_share, 0.5, 0.02);
  EXPECT_TRUE(std::isnan(track.at(400, 410).tonic));
}

TEST(EdaTrack, BadSignalHasNoSay) {
  signals::EdaSimulatorConfig made;
  made.duration_s = 200;
  auto planted = signals::simulate_eda(made);
  for (size_t i = 400; i < 480; ++i) planted.eda.values[i] = std::nan("");  // 100 to 120 s
  for (size_t i = 600; i < 640; ++i) planted.eda.values[i] = 0.0;           // 150 to 160 s
  const EdaTrack track(planted.eda, {});
  EXPECT_LT(track.at(100, 120).good_share, 0.05);
  EXPECT_LT(track.at(150, 160).good_share, 0.05);
  EXPECT_GT(track.at(50, 90).good_share, 0.99);
  const auto scores = eda_scores({track}, {{0, 1, 100, 120}, {0, 1, 10, 30}, {0, 1, 40, 60}}, {}, 0);
  EXPECT_TRUE(std::isnan(scores.score_N[0]));
  EXPECT_TRUE(std::isfinite(scores.score_N[1]));
  // A dead electrode is no recording.
  const EdaTrack dead({4, 0, std::vector<double>(400, std::nan(""))}, {});
  EXPECT_EQ(dead.at(0, 50).good_share, 0);
}

TEST(EdaArousal, EveryScoreRisesWithThePlantedArousal) {
  EdaArousalConfig config;
  const auto world = planted_arousal(2.0, config, 4);
  for (const auto score :
       {EdaScore::kScrRate, EdaScore::kScrAmplitude, EdaScore::kDriver, EdaScore::kCombined}) {
    for (const auto normalise :
         {WithinSubject::kRobust, WithinSubject::kZ, WithinSubject::kRank, WithinSubject::kNone}) {
      config.score = score;
      config.normalise = normalise;
      const auto scores = eda_scores(world.tracks, world.windows, config, 2.0);
      EXPECT_GT(auc_of(scores.score_N, world.truth_N), 0.75)
          << static_cast<int>(score) << " " << static_cast<int>(normalise);
      // What the skin did at the wrong time tells less.
      const auto early = eda_scores(world.tracks, world.windows, config, 9.0);
      EXPECT_LT(auc_of(early.score_N, world.truth_N), auc_of(scores.score_N, world.truth_N) - 0.05);
    }
  }
}

TEST(EdaArousal, TheTonicScoreFollowsTheLevel) {
  signals::TimeSeries series{4, 0, {}};
  core::Rng rng(6);
  for (int i = 0; i < 1600; ++i) series.values.push_back((i < 800 ? 2 : 3) + 0.002 * rng.normal());
  EdaArousalConfig config;
  config.score = EdaScore::kTonic;
  const auto scores =
      eda_scores({EdaTrack(series, config)}, {{0, 0, 20, 60}, {0, 0, 80, 120}, {0, 0, 260, 300}}, config, 0);
  EXPECT_GT(scores.score_N[2], scores.score_N[0] + 1);
  EXPECT_NEAR(scores.score_N[1], scores.score_N[0], 0.1);
}

TEST(EdaArousal, FindsThePlantedLagFromFewLabels) {
  const EdaArousalConfig config;
  for (const double lag_s : {1.0, 2.0, 3.5}) {
    const auto world = planted_arousal(lag_s, config, 20);
    const auto all = learn_lag(world.tracks, world.windows, world.membership(1.0), 2, config);
    EXPECT_NEAR(all.lag_s, lag_s, 0.4) << "all labels";
    // What a state's inertia explains is not the skin's.
    EXPECT_LT(all.latency_s, all.lag_s);
    EXPECT_GT(all.latency_s, all.lag_s - 1);
    EXPECT_EQ(all.num_known, 1200);
    ASSERT_EQ(all.lags_s.size(), 25u);
    EXPECT_LE(all.low_s, all.lag_s);
    EXPECT_GE(all.high_s, all.lag_s);
    const auto few = learn_lag(world.tracks, world.windows, world.membership(0.4), 2, config);
    EXPECT_NEAR(few.lag_s, lag_s, 0.8) << "two fifths of the labels";
  }
}

TEST(EdaArousal, ALagWithoutTwoClassesIsRefused) {
  const EdaArousalConfig config;
  const auto world = planted_arousal(2.0, config, 1);
  const auto text = test::error_of(
      [&] { learn_lag(world.tracks, world.windows, world.membership(0.0), 2, config); }, ErrorCode::kData);
  EXPECT_NE(text.find("fix lag_s"), std::string::npos) << text;
}

TEST(NormaliseWithin, PutsEveryPersonOnTheirOwnScale) {
  const double nan = std::nan("");
  const std::vector<double> scores{1, 2, 3, nan, 10, 20, 90, 5};
  const std::vector<int32_t> people{1, 1, 1, 1, 2, 2, 2, 3};
  const auto z = normalise_within(scores, people, WithinSubject::kZ);
  EXPECT_NEAR(z[0], -std::sqrt(1.5), 1e-12);
  EXPECT_NEAR(z[1], 0, 1e-12);
  EXPECT_TRUE(std::isnan(z[3]));
  EXPECT_EQ(z[7], 0);
  const auto robust = normalise_within(scores, people, WithinSubject::kRobust);
  EXPECT_NEAR(robust[6], 70 / (1.4826 * 10), 1e-12);
  const auto rank = normalise_within(scores, people, WithinSubject::kRank);
  EXPECT_NEAR(rank[0], -0.6744897501960817, 1e-8);  // quantile of 1/4
  EXPECT_NEAR(rank[1], 0, 1e-12);
  EXPECT_NEAR(rank[6], -rank[4], 1e-12);
  EXPECT_EQ(normalise_within(scores, people, WithinSubject::kNone)[4], 10);
}

/// No label is used: windows of 60 s of a wrist, its owner's own scale, against the protocol's phases.
TEST(EdaArousal, TellsStressFromRestOnStressPredict) {
  LIMBIC_REQUIRE_DATA("stress_predict/intervals.csv");
  const std::string root = test::real_data() + "/stress_predict";
  EdaArousalConfig config;
  std::vector<EdaTrack> tracks;
  std::vector<EdaWindow> windows;
  std::vector<int32_t> truth_N;
  formats::CsvReader csv(root + "/intervals.csv");
  formats::CsvRow row;
  std::map<std::string, size_t> track_of;
  std::map<std::string, double> start_of;
  while (csv.next(row)) {
    const auto who = std::string(row.text("participant"));
    // A few people: the whole corpus takes a minute.
    if (who > "S06" || !std::filesystem::is_directory(root + "/" + who)) continue;
    if (track_of.count(who) == 0) {
      const auto recording = formats::read_sensors(root + "/" + who);
      const auto& eda = recording.stream("eda");
      track_of[who] = tracks.size();
      start_of[who] = *recording.start_unix_s;
      tracks.emplace_back(signals::TimeSeries{eda.rate_hz, eda.t0_s, eda.channel(0)}, config);
    }
    for (double t_s = row.real("start_unix"); t_s + 60 <= row.real("end_unix"); t_s += 60) {
      windows.push_back({track_of[who], static_cast<int32_t>(track_of[who]), t_s - start_of[who],
                         t_s - start_of[who] + 60});
      truth_N.push_back(row.integer("stress") != 0 ? 1 : 0);
    }
  }
  ASSERT_GT(windows.size(), 100u);
  const auto scores = eda_scores(tracks, windows, config, 2.0);
  EXPECT_GT(auc_of(scores.score_N, truth_N), 0.55);
}

}  // namespace
}  // namespace limbic::weak
