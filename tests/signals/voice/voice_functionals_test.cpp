#include "limbic/signals/voice/voice_functionals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "limbic/core/error.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

constexpr double kTestPi = 3.14159265358979323846;

double hiss_of(uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return static_cast<double>(state >> 16) / 65536.0 - 0.5;
}

/// Pulses of a glottis at `f0_hz(t)` through one resonance, in faint noise.
template <class F0>
std::vector<float> pulses(double duration_s, F0 f0_hz, double gain = 1.0) {
  std::vector<float> x;
  uint32_t state = 7;
  double phase = 0;
  double y1 = 0;
  double y2 = 0;
  for (int64_t n = 0; n < static_cast<int64_t>(16000 * duration_s); ++n) {
    phase += f0_hz(static_cast<double>(n) / 16000.0) / 16000.0;
    const double pulse = phase >= 1 ? 1.0 : 0.0;
    phase -= pulse;
    const double y = pulse + 2 * 0.97 * std::cos(2 * kTestPi * 700 / 16000) * y1 - 0.97 * 0.97 * y2;
    y2 = y1;
    y1 = y;
    x.push_back(static_cast<float>(gain * (0.2 * y + 0.002 * hiss_of(state))));
  }
  return x;
}

std::vector<float> noise(int64_t num_samples, double amplitude) {
  std::vector<float> x;
  uint32_t state = 99;
  for (int64_t i = 0; i < num_samples; ++i) x.push_back(static_cast<float>(amplitude * hiss_of(state)));
  return x;
}

/// Gliding harmonics that come and go, between silences, on the grid of int16.
std::vector<float> sung_clip() {
  std::vector<float> x;
  uint32_t state = 12345;
  double phase = 0;
  for (int64_t n = 0; n < 32000; ++n) {
    const double hiss = hiss_of(state);
    const double t = static_cast<double>(n) / 16000.0;
    phase += 2 * kTestPi * 180.0 * std::exp2(0.3 * std::sin(2 * kTestPi * 1.5 * t)) / 16000.0;
    const bool is_loud = t >= 0.3 && t < 1.7;
    double v = 0;
    if (is_loud && std::fmod(t, 0.5) < 0.4) {
      for (int h = 1; h < 16; ++h) v += std::sin(h * phase) / h;
      v *= 0.2 * (0.6 + 0.4 * std::sin(2 * kTestPi * 3 * t));
    }
    v += (is_loud ? 0.02 : 0.0005) * hiss;
    x.push_back(static_cast<float>(std::floor(v * 32768 + 0.5) / 32768));
  }
  return x;
}

VoiceTrack track_of(const std::vector<float>& x, const VoiceFramesConfig& config = {}) {
  return VoiceFrames(config).compute(x.data(), static_cast<int64_t>(x.size()));
}

std::map<std::string, double> values_of(const std::vector<float>& x,
                                        const VoiceFunctionalsConfig& config = {}) {
  const VoiceFunctionals functionals(config);
  std::vector<float> values;
  functionals.compute(x.data(), static_cast<int64_t>(x.size()), values);
  EXPECT_EQ(values.size(), functionals.names().size());
  std::map<std::string, double> named;
  for (size_t i = 0; i < values.size(); ++i) named[functionals.names()[i]] = static_cast<double>(values[i]);
  return named;
}

TEST(VoiceFrames, FindTheF0OfPulses) {
  for (const double f0_hz : {80.0, 120.0, 230.0, 400.0, 600.0}) {
    const auto track = track_of(pulses(1.0, [f0_hz](double) { return f0_hz; }));
    int64_t num_right = 0;
    for (int64_t t = 0; t < track.num_frames; ++t)
      num_right += std::abs(track.f0_log2[static_cast<size_t>(t)] - std::log2(f0_hz)) < 0.015 ? 1 : 0;
    EXPECT_GE(num_right, track.num_frames - 6) << f0_hz << " Hz";
  }
}

TEST(VoiceFrames, FollowAGlideOfAnOctave) {
  const auto f0_hz = [](double t_s) { return 150.0 * std::exp2(t_s); };
  const auto track = track_of(pulses(1.0, f0_hz));
  ASSERT_GT(track.num_frames, 80);
  for (int64_t t = 5; t < track.num_frames - 5; ++t) {
    const double center_s = 0.01 * static_cast<double>(track.first_frame + t) + 0.0125;
    EXPECT_NEAR(track.f0_log2[static_cast<size_t>(t)], std::log2(f0_hz(center_s)), 0.02);
  }
}

TEST(VoiceFrames, HearNoVoiceInNoiseAndSilence) {
  const auto hiss = track_of(noise(16000, 0.3));
  EXPECT_LT(std::count_if(hiss.f0_log2.begin(), hiss.f0_log2.end(), [](double f) { return f > 0; }), 10);
  const auto silence = track_of(std::vector<float>(16000, 0.0f));
  EXPECT_EQ(silence.num_frames, 98);
  for (int64_t t = 0; t < silence.num_frames; ++t) EXPECT_FALSE(silence.is_voiced(t));
}

TEST(VoiceFrames, TrimSilenceButForTenFrames) {
  std::vector<float> x = noise(16000, 1e-4);
  const auto voice = pulses(0.5, [](double) { return 200.0; });
  x.insert(x.end(), voice.begin(), voice.end());
  const auto after = noise(16000, 1e-4);
  x.insert(x.end(), after.begin(), after.end());
  const auto track = track_of(x);
  // Voice from frame 98 (its end touches sample 16000) to 149; smoothing over five frames adds up to two.
  EXPECT_NEAR(static_cast<double>(track.first_frame), 98 - 10, 3);
  EXPECT_NEAR(static_cast<double>(track.num_frames), 52 + 20, 4);
  VoiceFramesConfig whole;
  whole.trim_nats = 0;
  EXPECT_EQ(track_of(x, whole).num_frames, 248);
}

TEST(VoiceFrames, CountZeroCrossingsAndEnergyOfATone) {
  std::vector<float> x;
  for (int n = 0; n < 16000; ++n)
    x.push_back(static_cast<float>(0.5 * std::sin(2 * kTestPi * 1000 * n / 16000.0 + 0.1)));
  const auto track = track_of(x);
  EXPECT_NEAR(track.zero_crossing[20], 2 * 1000 / 16000.0, 0.003);
  EXPECT_NEAR(track.log_energy[20], std::log(0.125 * 32768.0 * 32768.0), 1e-3);
}

// Made with tests' sung_clip in Python: torchaudio.compliance.kaldi.fbank, numpy (rfft, percentile, polyfit)
// and scipy.fft.dct. Tolerance 1e-3 relative or absolute: torchaudio works in float32.
TEST(VoiceFunctionals, AgreeWithNumpy) {
  VoiceFunctionalsConfig config;
  config.groups = voice_functional_groups();
  const auto x = sung_clip();
  const auto track = track_of(x);
  EXPECT_EQ(track.num_frames, 163);
  EXPECT_EQ(track.first_frame, 18);
  EXPECT_EQ(std::count_if(track.f0_log2.begin(), track.f0_log2.end(), [](double f) { return f > 0; }), 118);
  const auto values = values_of(x, config);
  const std::map<std::string, double> golden{
      {"mfcc18_mean", -1.38789},
      {"mfcc14_delta_std", 1.13374},
      {"mfcc13_p90", 0.02993},
      {"mfcc16_p90", -0.16219},
      {"mel8_mean", 13.84941},
      {"mel32_mean", 17.13958},
      {"mel15_std", 5.00261},
      {"mel63_std", 2.55529},
      {"energy_p25", 10.51849},
      {"energy_p95", 17.27866},
      {"energy_p95_relative", 3.81627},
      {"energy_change_mean", 0.51004},
      {"f0_log2_mean", 7.48713},
      {"f0_log2_p5", 7.19850},
      {"f0_log2_std", 0.19882},
      {"f0_log2_quarter2_relative", -0.12740},
      {"strength_std", 0.34891},
      {"strength_voiced_std", 0.08331},
      {"voiced_spectrum1", -3.38828},
      {"voiced_spectrum15", -2.04222},
      {"tilt_p25", -5.75971},
      {"tilt_p50", -1.42842},
      {"modulation_1.0-2.0hz_band0", 4.95412},
      {"modulation_12.1-20.1hz_band1", 1.74104},
      {"energy_fifth0_relative", -2.67375},
      {"energy_fifth0_std", 5.55341},
      {"mfcc0_quarter0_relative", -13.62187},
      {"mfcc2_quarter3_relative", -0.00407},
      {"mfcc6_quarter0_relative", 0.54956},
      {"mfcc9_quarter2_relative", -0.76380},
      {"mfcc5_quarter1_std", 2.21026},
      {"mfcc0_quarter3_std", 40.54638},
      {"mfcc1_voiced_std", 4.78752},
      {"mfcc11_voiced_std", 1.78982},
      {"f0_log2_sixth0_relative", -0.03656},
      {"strength_sixth4_relative", -0.01943},
      {"mfcc1_quadratic", -1.49307},
      {"mfcc2_cubic", -0.04253},
      {"correlation_mfcc3_f0_log2", 0.71000},
      {"correlation_mfcc4_mfcc6", -0.39982},
      {"energy_perturbation_p75_log", -1.64781},
      {"energy_peak_std", 0.88210},
      {"flux_std", 1.23293},
      {"flux_p75", 1.05426},
      {"mfcc4_contour4", -1.07752},
      {"mfcc2_contour8", 3.44922},
      {"f0_log2_contour1", -0.22012},
      {"f0_log2_contour5", 0.97120},
  };
  for (const auto& [name, expected] : golden) {
    ASSERT_EQ(values.count(name), 1u) << name;
    EXPECT_NEAR(values.at(name), expected, 1e-3 * std::max(1.0, std::abs(expected))) << name;
  }
}

TEST(VoiceFunctionals, HaveOneNameAValue) {
  const VoiceFunctionals usual(VoiceFunctionalsConfig{});
  EXPECT_EQ(usual.num_values(), 687);
  const std::set<std::string> unique(usual.names().begin(), usual.names().end());
  EXPECT_EQ(unique.size(), usual.names().size());
  VoiceFunctionalsConfig one;
  one.groups = {"flux"};
  EXPECT_THAT(VoiceFunctionals(one).names(),
              ::testing::ElementsAre("flux_mean", "flux_std", "flux_p5", "flux_p25", "flux_p50", "flux_p75",
                                     "flux_p95"));
  one.groups = {"f0", "energy"};
  EXPECT_EQ(VoiceFunctionals(one).names().front(), "energy_std") << "the order is the table's";
  int64_t sum = 0;
  for (const auto& group : voice_functional_groups()) {
    one.groups = {group};
    sum += VoiceFunctionals(one).num_values();
  }
  EXPECT_EQ(sum, 687 + 80);
}

TEST(VoiceFunctionals, AreFiniteForAnyClip) {
  VoiceFunctionalsConfig config;
  config.groups = voice_functional_groups();
  const VoiceFunctionals functionals(config);
  std::vector<std::vector<float>> clips;
  const auto voice = pulses(1.0, [](double) { return 200.0; });
  for (const int64_t length : {0, 1, 399, 400, 559, 560, 720, 880, 1040, 1200, 2000, 4000}) {
    clips.emplace_back(voice.begin(), voice.begin() + length);
    clips.emplace_back(static_cast<size_t>(length), 0.0f);
    clips.emplace_back(static_cast<size_t>(length), 1.0f);
    clips.push_back(noise(length, 1e-30));
  }
  std::vector<float> clipped;
  for (int n = 0; n < 16000; ++n) clipped.push_back(n / 40 % 2 == 0 ? 1.0f : -1.0f);
  clips.push_back(clipped);
  std::vector<float> click(16000, 0.0f);
  click[8000] = 1.0f;
  clips.push_back(click);
  clips.push_back(noise(16000 * 20, 0.3));
  for (const auto& clip : clips) {
    std::vector<float> values{1.0f};
    functionals.compute(clip.data(), static_cast<int64_t>(clip.size()), values);
    ASSERT_EQ(values.size(), functionals.names().size());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_TRUE(std::isfinite(values[i])) << functionals.names()[i] << " of " << clip.size() << " samples";
    if (clip.size() < 400) {
      EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), functionals.num_values());
    }
  }
}

TEST(VoiceFunctionals, DoNotDependOnTheVolumeButForLevelAndMelMean) {
  VoiceFunctionalsConfig config;
  for (const auto& group : voice_functional_groups()) {
    if (group != "level" && group != "mel_mean") config.groups.push_back(group);
  }
  const auto f0_hz = [](double t_s) { return 180.0 + 60.0 * std::sin(5 * t_s); };
  const auto loud = values_of(pulses(2.0, f0_hz, 0.8), config);
  const auto quiet = values_of(pulses(2.0, f0_hz, 0.2), config);
  for (const auto& [name, value] : loud)
    EXPECT_NEAR(quiet.at(name), value, 0.01 * std::max(1.0, std::abs(value))) << name;
  config.groups = {"level", "mel_mean"};
  const double step = 2 * std::log(4.0);
  EXPECT_NEAR(values_of(pulses(2.0, f0_hz, 0.8), config)["energy_mean"] -
                  values_of(pulses(2.0, f0_hz, 0.2), config)["energy_mean"],
              step, 0.01);
}

TEST(VoiceFunctionals, DescribeWhatWasSaid) {
  auto rising = values_of(pulses(1.5, [](double t) { return 150.0 * std::exp2(0.4 * t); }));
  EXPECT_NEAR(rising["f0_log2_slope"], 0.4 * 1.5, 0.06);
  EXPECT_NEAR(rising["f0_log2_mean"], std::log2(150.0) + 0.3, 0.02);
  EXPECT_GT(rising["voiced_fraction"], 0.95);
  EXPECT_LT(rising["f0_log2_quarter0_relative"], -0.15);
  EXPECT_GT(rising["f0_log2_quarter3_relative"], 0.15);
  // Beats of 4.2 Hz show in their octave.
  std::vector<float> beats = noise(48000, 0.3);
  for (size_t n = 0; n < beats.size(); ++n)
    beats[n] *= static_cast<float>(1.1 + std::sin(2 * kTestPi * 4.2 * static_cast<double>(n) / 16000.0));
  auto beaten = values_of(beats);
  EXPECT_GT(beaten["modulation_3.1-5.1hz_energy"], beaten["modulation_1.0-2.0hz_energy"] + 2);
  EXPECT_GT(beaten["modulation_3.1-5.1hz_energy"], beaten["modulation_12.1-20.1hz_energy"] + 2);
}

TEST(VoiceFunctionals, AreSharedByThreads) {
  const VoiceFunctionals functionals(VoiceFunctionalsConfig{});
  const auto x = sung_clip();
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { functionals.compute(x.data(), static_cast<int64_t>(x.size()), result); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results.front());
}

TEST(VoiceFunctionals, SayWhatIsWrongInTheirConfig) {
  VoiceFunctionalsConfig config;
  config.groups = {"mfcc", "fluxx"};
  EXPECT_THAT(
      test::error_of([&] { VoiceFunctionals bad(config); }, ErrorCode::kConfig),
      ::testing::AllOf(::testing::StartsWith("voice_functionals.groups: no group 'fluxx'; groups: mfcc, "),
                       ::testing::EndsWith("; did you mean 'flux'?")));
  config.groups = {"mfcc", "mfcc"};
  EXPECT_EQ(test::error_of([&] { VoiceFunctionals bad(config); }, ErrorCode::kConfig),
            "voice_functionals.groups: 'mfcc' is named twice");
  VoiceFramesConfig frames;
  frames.f0_high_hz = 50;
  EXPECT_EQ(
      test::error_of([&] { VoiceFrames bad(frames); }, ErrorCode::kConfig),
      "voice_frames.f0_high_hz: must be above f0_low_hz and at most a sixth of the rate, got 50.000000");
}

}  // namespace
}  // namespace limbic::signals
