#include "limbic/signals/eda/scr.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "limbic/signals/eda/eda_simulator.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

/// One response of amplitude 1 (0.7 s, 2 s) from `onset_s` on a level of 2.
std::vector<double> one_response(double rate_hz, double onset_s, double amplitude = 1) {
  std::vector<double> x;
  for (int i = 0; i < static_cast<int>(60 * rate_hz); ++i) {
    const double t = i / rate_hz - onset_s;
    x.push_back(2 + (t > 0 ? amplitude / 0.3693 * (std::exp(-t / 2) - std::exp(-t / 0.7)) : 0));
  }
  return x;
}

struct Scores {
  double precision = 0;
  double recall = 0;
  double noise = 0;  // measured over true
};
/// Means over five recordings of ten minutes; a detection counts within 1 s of the planted onset.
Scores scores(EdaSimulatorConfig config) {
  Scores out;
  for (int seed = 1; seed <= 5; ++seed) {
    config.seed = seed;
    const SimulatedEda eda = simulate_eda(config);
    const ScrResult found = find_scr(eda.eda.values, config.rate_hz);
    std::vector<double> truth_s, found_s;
    for (const PlantedResponse& r : eda.responses) truth_s.push_back(r.onset_s);
    for (const Scr& r : found.responses) found_s.push_back(static_cast<double>(r.onset) / config.rate_hz);
    const DetectionScore score = score_detections(truth_s, found_s, 1.0);
    out.precision += score.precision / 5;
    out.recall += score.recall / 5;
    out.noise += found.noise_deviation / eda.noise_deviation / 5;
  }
  return out;
}

TEST(Scr, FindsPlantedResponsesAt20Decibel) {
  for (const double rate_hz : {4.0, 8.0, 32.0, 100.0, 1000.0}) {
    EdaSimulatorConfig config;
    config.rate_hz = rate_hz;
    const Scores at5 = scores(config);
    EXPECT_GE(at5.precision, 0.95) << rate_hz;
    EXPECT_GE(at5.recall, 0.95) << rate_hz;
    EXPECT_NEAR(at5.noise, 1.0, 0.2) << rate_hz;
    config.responses_per_min = 10;
    const Scores at10 = scores(config);
    EXPECT_GE(at10.precision, 0.95) << rate_hz;
    EXPECT_GE(at10.recall, 0.95) << rate_hz;
    config.responses_per_min = 5;
    config.min_amplitude_microsiemens = 0.05;
    const Scores small = scores(config);
    EXPECT_GE(small.precision, 0.95) << rate_hz;
    EXPECT_GE(small.recall, 0.93) << rate_hz;
    RecordProperty("at_" + std::to_string(static_cast<int>(rate_hz)) + "_hz",
                   std::to_string(at5.precision) + " " + std::to_string(at5.recall));
  }
}

TEST(Scr, At10DecibelItMissesSomeButInventsNone) {
  EdaSimulatorConfig config;
  config.snr_db = 10;
  const Scores at4 = scores(config);
  EXPECT_GE(at4.precision, 0.95);
  EXPECT_GE(at4.recall, 0.7);
  config.rate_hz = 100;
  const Scores at100 = scores(config);
  EXPECT_GE(at100.precision, 0.95);
  EXPECT_GE(at100.recall, 0.95);
}

TEST(Scr, SeparatesOverlappingResponses) {
  EdaSimulatorConfig config;
  config.rate_hz = 32;
  config.responses_per_min = 20;
  config.min_gap_s = 2;
  config.snr_db = 30;
  const Scores dense = scores(config);
  EXPECT_GE(dense.precision, 0.95);
  EXPECT_GE(dense.recall, 0.93);
}

TEST(Scr, SeparatesCloseResponsesAt4Hz) {
  for (const double gap_s : {1.0, 1.5}) {
    EdaSimulatorConfig config;
    config.min_gap_s = gap_s;
    config.responses_per_min = 10;
    const Scores dense = scores(config);
    EXPECT_GE(dense.precision, 0.98) << gap_s;
    EXPECT_GE(dense.recall, 0.95) << gap_s;
    RecordProperty("gap_" + std::to_string(gap_s), std::to_string(dense.recall));
    // Of another shape than the model's, nothing is made up of what the model leaves.
    config.rise_tau_s = 0.2;
    config.decay_tau_s = 1.4;
    EXPECT_GE(scores(config).precision, 0.95) << gap_s;
  }
}

TEST(Scr, NoiseAloneIsNoResponse) {
  EdaSimulatorConfig config;
  config.responses_per_min = 60.0 / 600.0;  // one, for the noise to have a scale
  config.max_amplitude_microsiemens = 0.101;
  config.snr_db = -20;
  int64_t found = 0;
  for (config.seed = 1; config.seed <= 10; ++config.seed) {
    found += static_cast<int64_t>(find_scr(simulate_eda(config).eda.values, 4).responses.size());
  }
  EXPECT_LE(found, 5) << "in 100 min";
}

TEST(Scr, MeasuresOneResponse) {
  for (const double rate_hz : {4.0, 32.0, 1000.0}) {
    const ScrResult result = find_scr(one_response(rate_hz, 20.1), rate_hz);
    ASSERT_EQ(result.responses.size(), 1u) << rate_hz;
    const Scr& scr = result.responses[0];
    EXPECT_NEAR(static_cast<double>(scr.onset) / rate_hz, 20.1, 0.4);
    EXPECT_NEAR(static_cast<double>(scr.peak) / rate_hz, 20.1 + 1.13, 0.3);
    EXPECT_NEAR(scr.amplitude, 1.0, 0.06);
    EXPECT_NEAR(scr.height, 3.0, 0.06);
    EXPECT_NEAR(scr.rise_s, 1.13, 0.5);
    EXPECT_NEAR(scr.recovery_s, 2.19, 0.3);    // 0.5 of the peak at 3.32 s after the onset
    EXPECT_NEAR(scr.recovery63_s, 2.83, 0.3);  // 0.37 at 3.96 s
    EXPECT_FALSE(scr.overlapped);
    EXPECT_EQ(result.rule, ScrRule::kAbsolute);
  }
}

TEST(Scr, AResponseOnAFallingFlankIsFoundAndMarked) {
  std::vector<double> x = one_response(32, 20);
  const std::vector<double> second = one_response(32, 22.2, 0.15);
  for (size_t i = 0; i < x.size(); ++i) x[i] += second[i] - 2;
  const ScrResult result = find_scr(x, 32);
  ASSERT_EQ(result.responses.size(), 2u);
  EXPECT_NEAR(static_cast<double>(result.responses[1].onset) / 32, 22.2, 0.5);
  EXPECT_TRUE(result.responses[1].overlapped);
  EXPECT_GT(result.responses[1].amplitude, 0.03) << "it climbs by 0.01";
  EXPECT_LT(result.responses[1].amplitude, 0.16);
  EXPECT_FALSE(result.responses[0].overlapped);
  EXPECT_TRUE(std::isnan(result.responses[0].recovery63_s));
}

TEST(Scr, TheAbsoluteThresholdIsInMicrosiemens) {
  ScrConfig config;
  config.min_amplitude_microsiemens = 0.05;
  EXPECT_EQ(find_scr(one_response(8, 20, 0.045), 8, config).responses.size(), 0u);
  EXPECT_EQ(find_scr(one_response(8, 20, 0.06), 8, config).responses.size(), 1u);
  EXPECT_EQ(find_scr(one_response(8, 20, 0.045), 8).responses.size(), 1u);
}

TEST(Scr, RelativeRulesDependOnTheLargestResponse) {
  std::vector<double> x = one_response(32, 15);
  const std::vector<double> half = one_response(32, 30, 0.5);
  const std::vector<double> tiny = one_response(32, 45, 0.05);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] += half[i] + tiny[i] - 4 + 0.001 * std::sin(0.02 * static_cast<double>(i));
  for (const ScrRule rule : {ScrRule::kNeurokit, ScrRule::kKim2004}) {
    ScrConfig config;
    config.rule = rule;
    const ScrResult found = find_scr(x, 32, config);
    ASSERT_EQ(found.responses.size(), 2u);
    EXPECT_EQ(found.rule, rule);
    EXPECT_NEAR(static_cast<double>(found.responses[0].peak) / 32, 16.13, 0.05);
    EXPECT_NEAR(static_cast<double>(found.responses[1].peak) / 32, 31.13, 0.05);
    EXPECT_NEAR(found.responses[1].amplitude, 0.5, 0.02);
    config.relative_min = 0.02;
    EXPECT_EQ(find_scr(x, 32, config).responses.size(), 3u);
  }
  ScrConfig config;
  config.rule = ScrRule::kGamboa2008;
  EXPECT_GE(find_scr(x, 32, config).responses.size(), 3u);
}

TEST(Scr, AGapSplitsAndBadInputIsDefined) {
  std::vector<double> x = one_response(32, 20);
  for (size_t i = 640; i < 680; ++i) x[i] = kMissing;
  for (const ScrRule rule :
       {ScrRule::kAbsolute, ScrRule::kNeurokit, ScrRule::kKim2004, ScrRule::kGamboa2008}) {
    ScrConfig config;
    config.rule = rule;
    for (const Scr& scr : find_scr(x, 32, config).responses) {
      for (int64_t i = scr.onset; i <= scr.peak; ++i) EXPECT_FALSE(std::isnan(x[static_cast<size_t>(i)]));
    }
    for (const auto& bad : {std::vector<double>{}, std::vector<double>{1}, std::vector<double>(200, 0.3),
                            std::vector<double>(200, kMissing), std::vector<double>{1, 2, 1, 2, 1}}) {
      const size_t found = find_scr(bad, 4, config).responses.size();
      EXPECT_LE(found, bad.size() == 5 && rule != ScrRule::kAbsolute ? 2u : 0u);
    }
    EXPECT_FALSE(test::error_of([&] { find_scr(x, 0, config); }, ErrorCode::kConfig).empty());
  }
  ScrConfig config;
  config.false_share = 0;
  EXPECT_NE(test::error_of([&] { find_scr(x, 4, config); }, ErrorCode::kConfig).find("false_share"),
            std::string::npos);
}

TEST(EdaSimulator, PlantsWhatItSays) {
  EdaSimulatorConfig config;
  config.rate_hz = 100;
  const SimulatedEda eda = simulate_eda(config);
  ASSERT_EQ(eda.responses.size(), 50u);
  ASSERT_EQ(eda.eda.values.size(), 60000u);
  for (size_t k = 0; k < eda.responses.size(); ++k) {
    const PlantedResponse& r = eda.responses[k];
    EXPECT_TRUE(r.amplitude >= 0.1 && r.amplitude <= 1.0);
    if (k > 0) {
      EXPECT_GE(r.onset_s - eda.responses[k - 1].onset_s, 3.0);
    }
    const double before = eda.phasic[static_cast<size_t>(r.onset_s * 100)];
    const double at_peak = eda.phasic[static_cast<size_t>(std::lround(r.peak_s * 100))];
    EXPECT_NEAR(at_peak, r.amplitude + before * std::exp(-(r.peak_s - r.onset_s) / 2), 0.05 * (before + 0.1));
  }
  EXPECT_EQ(simulate_eda(config).eda.values, eda.eda.values);
  config.min_gap_s = 60;
  EXPECT_NE(test::error_of([&] { simulate_eda(config); }, ErrorCode::kConfig).find("do not fit"),
            std::string::npos);
}

TEST(EdaSimulator, ScoresMatchOneToOne) {
  const DetectionScore score = score_detections({1, 2, 10}, {1.5, 2.9, 20}, 1.0);
  EXPECT_EQ(score.matched, 2);
  EXPECT_DOUBLE_EQ(score.precision, 2.0 / 3);
  EXPECT_EQ(score_detections({1}, {0.5, 1.5}, 1.0).matched, 1);
  EXPECT_TRUE(std::isnan(score_detections({1}, {}, 1.0).precision));
}

}  // namespace
}  // namespace limbic::signals
