#include "limbic/signals/voice/voice_analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/signals/voice/formants.h"
#include "limbic/signals/voice/harmonicity.h"
#include "limbic/signals/voice/intensity.h"
#include "limbic/signals/voice/periods.h"
#include "limbic/signals/voice/voice_stress.h"
#include "support/paths.h"
#include "test_voice.h"

namespace limbic::signals {
namespace {

constexpr int64_t kRate = 16000;

VoiceAnalysis analysed(const std::vector<float>& x, int64_t rate_hz = kRate, const VoiceConfig& config = {}) {
  return VoiceAnalysis::of(config, x.data(), static_cast<int64_t>(x.size()), static_cast<double>(rate_hz));
}

double whole(const VoiceAnalysis& analysis, const std::string& column) {
  const Table t = analysis.intervals({{0, analysis.duration_s()}});
  return t.at(0, t.column(column));
}

bool same_tables(const Table& a, const Table& b) {
  if (a.start_s != b.start_s || a.values_RC.size() != b.values_RC.size()) return false;
  for (size_t i = 0; i < a.values_RC.size(); ++i) {
    if (!(a.values_RC[i] == b.values_RC[i] || (std::isnan(a.values_RC[i]) && std::isnan(b.values_RC[i]))))
      return false;
  }
  return true;
}

TEST(VoiceAnalysis, GoldenNumbersOfPraat) {
  // Made once by praat 6.3.07 with the script of praat_judge.h from made_voice(16000).
  const auto analysis = analysed(made_voice(kRate));
  const std::vector<std::pair<const char*, double>> golden{
      {"f0_mean_hz_praat_ac", 124.14136},
      {"f0_mean_hz_praat_cc", 123.96106},
      {"f1_mean_hz_burg", 674.7665},
      {"f2_mean_hz_burg", 1665.4781},
      {"f3_mean_hz_burg", 2097.5879},
      {"hnr_db_praat_ac", 12.008232},
      {"hnr_db_praat_cc", 16.010407},
      {"jitter_ddp_praat", 0.018250654},
      {"jitter_local_abs_s_praat", 8.868652e-05},
      {"jitter_local_praat", 0.011016353},
      {"jitter_ppq5_praat", 0.0067535765},
      {"jitter_rap_praat", 0.0060835514},
      {"shimmer_apq11_praat", 0.052215435},
      {"shimmer_apq3_praat", 0.040306701},
      {"shimmer_apq5_praat", 0.043676874},
      {"shimmer_dda_praat", 0.1209201},
      {"shimmer_local_db_praat", 0.62159657},
      {"shimmer_local_praat", 0.070229747},
  };
  for (const auto& [name, value] : golden)
    EXPECT_NEAR(whole(analysis, name), value, 2e-4 * std::abs(value)) << name;
}

TEST(VoiceAnalysis, RowsInPiecesAreTheRows) {
  const auto analysis = analysed(made_voice(kRate));
  const Table rows = analysis.frames();
  ASSERT_EQ(static_cast<int64_t>(rows.num_rows()), analysis.num_frames());
  ASSERT_GT(analysis.num_frames(), 20);
  Table joined;
  for (int64_t first = 0; first < analysis.num_frames(); first += 7) {
    const Table piece = analysis.frames(first, first + 7);
    EXPECT_EQ(piece.num_columns(), rows.num_columns());
    joined.start_s.insert(joined.start_s.end(), piece.start_s.begin(), piece.start_s.end());
    joined.values_RC.insert(joined.values_RC.end(), piece.values_RC.begin(), piece.values_RC.end());
  }
  EXPECT_TRUE(same_tables(joined, rows));
  for (const auto& [first, last] :
       std::vector<std::pair<int64_t, int64_t>>{{-5, 0}, {9, 3}, {1 << 20, 1 << 21}}) {
    EXPECT_EQ(analysis.frames(first, last).num_rows(), 0u);
    EXPECT_EQ(analysis.frames(first, last).num_columns(), rows.num_columns());
  }
}

TEST(VoiceAnalysis, SineHasItsFrequencyInEveryMethod) {
  for (int64_t rate_hz : {8000, 16000, 44100}) {
    for (double hz : {80.0, 123.4, 310.0, 555.0}) {
      const auto x = sine(hz, 0.6, rate_hz);
      for (PitchMethod method : {PitchMethod::kAutocorrelation, PitchMethod::kCrossCorrelation}) {
        PitchConfig config;
        config.method = method;
        const auto track =
            Pitch(config, static_cast<double>(rate_hz)).compute(x.data(), static_cast<int64_t>(x.size()));
        EXPECT_NEAR(track.mean_hz(), hz, 2e-3 * hz) << rate_hz;
        for (size_t t = 0; t < track.num_frames(); ++t) ASSERT_TRUE(track.is_voiced(t)) << hz << " " << t;
      }
    }
  }
  // The Gaussian window needs six periods and gives 1e-5.
  PitchConfig accurate;
  accurate.very_accurate = true;
  const auto x = sine(217.0, 0.6, kRate);
  EXPECT_NEAR(Pitch(accurate, kRate).compute(x.data(), static_cast<int64_t>(x.size())).mean_hz(), 217.0,
              2e-3);
}

TEST(VoiceAnalysis, SubharmonicsFindAMissingFundamental) {
  std::vector<float> x(kRate);
  for (double harmonic : {3.0, 4.0, 5.0, 6.0}) {
    const auto part = sine(150.0 * harmonic, 1.0, kRate, 0.1);
    for (size_t i = 0; i < x.size(); ++i) x[i] += part[i];
  }
  PitchConfig config;
  config.method = PitchMethod::kSubharmonicSum;
  const auto track = Pitch(config, kRate).compute(x.data(), kRate);
  EXPECT_NEAR(track.mean_hz(), 150.0, 1.5);
}

TEST(VoiceAnalysis, NoiseAddedAtAKnownRatioIsItsHnr) {
  auto x = sine(150, 2.0, kRate, 0.5);
  const auto noise = white_noise(static_cast<int64_t>(x.size()), 1.0);
  const double ratio_db = 20;
  const double gain =
      std::sqrt(0.125 / std::pow(10.0, ratio_db / 10.0) * 3.0);  // uniform noise: a third of its square
  for (size_t i = 0; i < x.size(); ++i) x[i] += static_cast<float>(gain) * noise[i];
  const auto track = harmonicity(x.data(), static_cast<int64_t>(x.size()), kRate);
  EXPECT_NEAR(track.mean_db(), ratio_db, 1.0);
}

TEST(VoiceAnalysis, JitterAndShimmerByHand) {
  // Periods 10, 11, 10, 11, 10, 11 ms; then a break that no measure may count.
  std::vector<double> pulses{0};
  for (int i = 0; i < 6; ++i) pulses.push_back(pulses.back() + (i % 2 == 0 ? 0.010 : 0.011));
  const Jitter j = jitter_of(pulses);
  EXPECT_NEAR(j.local_s, 0.001, 1e-12);
  EXPECT_NEAR(j.local, 0.001 / 0.0105, 1e-12);
  EXPECT_NEAR(j.rap, (2.0 / 3.0) * 0.001 / 0.0105, 1e-12);
  EXPECT_NEAR(j.ppq5, 0.0004 / 0.0105, 1e-12);
  EXPECT_DOUBLE_EQ(j.ddp, 3 * j.rap);
  pulses.push_back(pulses.back() + 0.5);
  EXPECT_NEAR(jitter_of(pulses).local, j.local, 1e-12);
  EXPECT_TRUE(std::isnan(jitter_of({}).local));
  EXPECT_TRUE(std::isnan(jitter_of({0.1, 0.11}).local));
  EXPECT_TRUE(std::isnan(jitter_of({0.1, 0.11, 0.12, 0.13}).ppq5));

  std::vector<PulseAmplitude> amplitudes;
  for (int i = 0; i < 12; ++i) amplitudes.push_back({0.01 * i, i % 2 == 0 ? 1.0 : 1.1});
  const Shimmer s = shimmer_of(amplitudes);
  EXPECT_NEAR(s.local_db, 20 * std::log10(1.1), 1e-12);
  EXPECT_NEAR(s.local, 0.1 / (11.5 / 11.0), 1e-12);  // the mean leaves out the last, as Praat's
  EXPECT_DOUBLE_EQ(s.dda, 3 * s.apq3);
  EXPECT_FALSE(std::isnan(s.apq11));
  amplitudes[6].rms = 3.0;  // beyond the factor 1.6: the runs around it do not count
  EXPECT_NEAR(shimmer_of(amplitudes).local_db, 20 * std::log10(1.1), 1e-12);
  EXPECT_TRUE(std::isnan(shimmer_of(amplitudes).apq11));
}

TEST(VoiceAnalysis, PulsesLieOnThePulsesThatMadeTheVoice) {
  std::vector<float> x(kRate, 0.0f);
  for (int64_t i = 800; i < kRate - 800; i += 128) x[static_cast<size_t>(i)] = 0.8f;
  const auto track = Pitch({}, kRate).compute(x.data(), kRate);
  const auto pulses = find_periods(x.data(), kRate, kRate, track);
  ASSERT_GT(pulses.size(), 90u);
  for (double t : pulses) {
    const double at = t * kRate - 0.5 - 800;
    EXPECT_NEAR(at / 128, std::round(at / 128), 0.01);
  }
}

TEST(VoiceAnalysis, FormantsOfAMadeVoiceAreItsResonances) {
  const auto analysis = analysed(made_voice(kRate));
  EXPECT_NEAR(whole(analysis, "f1_voiced_mean_hz_burg"), 650, 30);
  EXPECT_NEAR(whole(analysis, "f2_voiced_mean_hz_burg"), 1700, 60);
}

TEST(VoiceAnalysis, IntensityOfAFullScaleSine) {
  const auto x = sine(200, 1.0, kRate, 1.0);
  const auto track = intensity(x.data(), kRate, kRate);
  ASSERT_FALSE(track.level_db.empty());
  for (double db : track.level_db) EXPECT_NEAR(db, 10 * std::log10(0.5 / 4e-10), 0.01);
}

TEST(VoiceAnalysis, TrackingTakesTheContinuousFormant) {
  std::vector<FormantFrame> frames(20);
  for (size_t t = 0; t < frames.size(); ++t) {
    frames[t] = {Formant{500, 50}, Formant{1500, 80}, Formant{2500, 100}};
    // A spurious pole below F1 shifts the ranks of two frames.
    if (t == 8 || t == 9) frames[t] = {Formant{160, 400}, Formant{500, 50}, Formant{1500, 80}};
  }
  track_formants(frames, 5500);
  for (const FormantFrame& f : frames) {
    EXPECT_EQ(f[0].hz, 500);
    EXPECT_EQ(f[1].hz, 1500);
  }
  EXPECT_TRUE(std::isnan(frames[8][2].hz));
}

TEST(VoiceAnalysis, SyllablesAndPausesOfTones) {
  // Three tones of 150 ms with dips, a pause of 0.7 s, two tones; silence around.
  std::vector<float> x(static_cast<size_t>(0.4 * kRate), 0.0f);
  const auto tone = [&x] {
    const auto t = sine(150, 0.15, kRate);
    for (size_t i = 0; i < t.size(); ++i) {
      const double u = static_cast<double>(i) / static_cast<double>(t.size());
      x.push_back(t[i] * static_cast<float>(std::sin(3.14159265 * u)));
    }
  };
  const auto quiet = [&x](double s) { x.insert(x.end(), static_cast<size_t>(s * kRate), 0.0f); };
  for (int i = 0; i < 3; ++i) tone(), quiet(0.05);
  quiet(0.65);
  for (int i = 0; i < 2; ++i) tone(), quiet(0.05);
  quiet(0.5);
  const auto analysis = analysed(x);
  EXPECT_EQ(whole(analysis, "num_syllables"), 5);
  EXPECT_EQ(whole(analysis, "num_pauses"), 1);
  EXPECT_NEAR(whole(analysis, "pause_total_s"), 0.7, 0.1);
  EXPECT_NEAR(whole(analysis, "speech_rate_hz"), 5 / analysis.duration_s(), 1e-9);
  EXPECT_GT(whole(analysis, "articulation_rate_hz"), whole(analysis, "speech_rate_hz"));
  const EventTable events = analysis.events();
  EXPECT_EQ(std::count_if(events.events.begin(), events.events.end(),
                          [](const SignalEvent& e) { return e.label == "syllable"; }),
            5);
  EXPECT_TRUE(
      std::is_sorted(events.events.begin(), events.events.end(),
                     [](const SignalEvent& a, const SignalEvent& b) { return a.onset_s < b.onset_s; }));
}

TEST(VoiceAnalysis, ChunksDoNotMatterAndPiecesHardly) {
  // 131.1 s: beyond 2^21 samples, so in three pieces; the voice of one second repeats.
  const auto second = made_voice(kRate);
  std::vector<float> x;
  // Half a hop more than a whole number of them: frames of the shorter recording below lie on the same times.
  const int64_t length = 1311 * kRate / 10 + 80;
  while (static_cast<int64_t>(x.size()) < length) x.insert(x.end(), second.begin(), second.end());
  x.resize(static_cast<size_t>(length));
  VoiceConfig config;
  config.has_cc = false;
  config.has_shs = false;
  const auto n = static_cast<int64_t>(x.size());
  const auto once = VoiceAnalysis::of(config, x.data(), n, kRate);
  VoiceLevel level;
  level.add(x.data(), n);
  VoiceAnalysis pushed(config, kRate, level);
  for (int64_t i = 0, step = 1; i < n; i += step, step = 7 * step % 99991 + 1)
    pushed.push(x.data() + i, std::min(step, n - i));
  pushed.finish();
  const Table frames = once.frames();
  EXPECT_TRUE(same_tables(frames, pushed.frames()));
  EXPECT_TRUE(same_tables(once.intervals({{0, 131}, {58, 63}}), pushed.intervals({{0, 131}, {58, 63}})));

  // The piece around the border at 60 s, analysed as part of a recording of 70 s in one piece.
  const auto part = VoiceAnalysis::of(config, x.data(), 70 * kRate + 80, kRate);
  const Table all = once.intervals({{56, 64}});
  const Table alone = part.intervals({{56, 64}});
  for (const char* name :
       {"f0_mean_hz_praat_ac", "jitter_local_praat", "shimmer_local_db_praat", "hnr_db_praat_ac"})
    EXPECT_NEAR(all.at(0, all.column(name)), alone.at(0, alone.column(name)), 1e-6) << name;
  for (const char* name : {"f1_voiced_mean_hz_burg", "f2_voiced_mean_hz_burg"})
    EXPECT_NEAR(all.at(0, all.column(name)) / alone.at(0, alone.column(name)), 1.0, 1e-3) << name;
}

TEST(VoiceAnalysis, ColumnsAreThoseOfTheConfigWhateverTheSound) {
  const auto names = [](const Table& t) {
    std::vector<std::string> all;
    for (const Column& c : t.columns) all.push_back(c.name);
    return all;
  };
  const auto voice = analysed(made_voice(kRate, 1.0));
  for (const std::vector<float>& x :
       {std::vector<float>{}, std::vector<float>{0.5f}, std::vector<float>(100, 0.1f),
        std::vector<float>(kRate, 0.0f), std::vector<float>(kRate, 0.7f)}) {
    const auto analysis = analysed(x);
    EXPECT_EQ(names(analysis.frames()), names(voice.frames()));
    EXPECT_EQ(names(analysis.intervals({})), names(voice.intervals({{0, 1}})));
    EXPECT_TRUE(std::isnan(whole(analysis, "f0_mean_hz_praat_ac"))) << x.size();
    EXPECT_TRUE(std::isnan(whole(analysis, "jitter_local_praat"))) << x.size();
    EXPECT_TRUE(std::isnan(whole(analysis, "hnr_db_praat_ac"))) << x.size();
    const Table frames = analysis.frames();
    for (size_t r = 0; r < frames.num_rows(); ++r)
      ASSERT_TRUE(std::isnan(frames.at(r, frames.column("f0_hz_praat_ac"))));
  }
}

TEST(VoiceAnalysis, NoiseIsHardlyVoiced) {
  const auto analysis = analysed(white_noise(2 * kRate, 0.3));
  EXPECT_LT(whole(analysis, "voiced_ratio"), 0.02);
}

TEST(VoiceAnalysis, BadInputIsNamed) {
  std::vector<float> x(kRate, 0.1f);
  const auto of = [&](double rate_hz) { VoiceAnalysis::of({}, x.data(), kRate, rate_hz); };
  for (double rate_hz : {0.0, -1.0, std::nan(""), 100.0})
    EXPECT_NE(test::error_of([&] { of(rate_hz); }, ErrorCode::kConfig).find("sample rate"),
              std::string::npos);
  x[77] = std::nanf("");
  EXPECT_NE(test::error_of([&] { of(kRate); }, ErrorCode::kData).find("sample 77 is not finite"),
            std::string::npos);
  EXPECT_NE(test::error_of([&] { Pitch({}, kRate).compute(x.data(), kRate); }, ErrorCode::kData).find("77"),
            std::string::npos);
  x[77] = 0;
  VoiceLevel level;
  level.add(x.data(), kRate);
  VoiceAnalysis fed(VoiceConfig{}, kRate, level);
  fed.push(x.data(), 100);
  EXPECT_NE(
      test::error_of([&] { fed.finish(); }, ErrorCode::kData).find("100 samples pushed; expected 16000"),
      std::string::npos);
  VoiceConfig config;
  config.pitch.method = PitchMethod::kCrossCorrelation;
  test::error_of([&] { VoiceAnalysis::of(config, x.data(), kRate, kRate); }, ErrorCode::kConfig);
  config = {};
  config.pitch.ceiling_hz = 50;
  EXPECT_NE(test::error_of([&] { VoiceAnalysis::of(config, x.data(), kRate, kRate); }, ErrorCode::kConfig)
                .find("pitch.ceiling_hz"),
            std::string::npos);
}

TEST(VoiceAnalysis, IntervalsOutsideTheRecordingAreMissing) {
  const auto analysis = analysed(made_voice(kRate));
  const Table t = analysis.intervals({{-5, -1}, {100, 200}, {1.5, 1.2}, {0, 1}});
  for (size_t r = 0; r < 3; ++r) {
    EXPECT_TRUE(std::isnan(t.at(r, t.column("f0_mean_hz_praat_ac"))));
    EXPECT_TRUE(std::isnan(t.at(r, t.column("speech_rate_hz"))));
  }
  EXPECT_GT(t.at(3, t.column("f0_mean_hz_praat_ac")), 100);
}

TEST(VoiceStress, RaisedVoiceStandsOutAgainstItsOwnBaseline) {
  const auto analysis = analysed(made_voice(kRate));
  Table windows = analysis.intervals({});
  std::vector<double> row(windows.num_columns(), kMissing);
  for (int i = 0; i < 12; ++i) {
    const bool is_stressed = i >= 9;
    row[windows.column("f0_mean_hz_praat_ac")] = 120 + (i % 3) + (is_stressed ? 30 : 0);
    row[windows.column("jitter_local_praat")] = 0.02 + 0.001 * (i % 3) - (is_stressed ? 0.01 : 0);
    row[windows.column("hnr_db_praat_ac")] = i == 10 ? kMissing : 12 + 0.5 * (i % 3);
    windows.add_row(5.0 * i, 5.0 * i + 5, row);
  }
  const Table stress = voice_stress(windows, {});
  const size_t index = stress.column("voice_stress_index");
  for (size_t r = 0; r < 9; ++r) EXPECT_LT(std::abs(stress.at(r, index)), 1.0);
  for (size_t r = 9; r < 12; ++r) EXPECT_GT(stress.at(r, index), 1.5);
  EXPECT_EQ(stress.at(9, stress.column("num_components")), 3);
  EXPECT_EQ(stress.at(10, stress.column("num_components")), 2);
  EXPECT_TRUE(std::isnan(stress.at(9, stress.column("z_f1"))));
  EXPECT_EQ(stress.at(9, stress.column("z_f0_mean")), 4.0);  // clipped
  // The median of the baseline is 121, its absolute deviation 1: z of 122 is 1 / 1.4826.
  EXPECT_NEAR(stress.at(2, stress.column("z_f0_mean")), 1 / 1.4826, 1e-12);
  // A given baseline elsewhere turns it round.
  const Table turned = voice_stress(windows, {{45, 60}});
  EXPECT_LT(turned.at(0, index), -1.0);
  EXPECT_NE(test::error_of(
                [&] {
                  voice_stress(windows, {{100, 200}});
                },
                ErrorCode::kData)
                .find("baseline"),
            std::string::npos);
  EXPECT_EQ(voice_stress(analysis.intervals({}), {}).num_rows(), 0u);
}

}  // namespace
}  // namespace limbic::signals
