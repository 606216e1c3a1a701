#include "limbic/signals/audio/energy_vad.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "limbic/signals/audio/voice_activity.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

constexpr int64_t kVadRate_hz = 16000;

std::vector<float> white_noise(double seconds, double rms, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, rms);
  std::vector<float> x(static_cast<size_t>(seconds * kVadRate_hz));
  for (float& sample : x) sample = static_cast<float>(normal(random));
  return x;
}

/// Adds a voice-like buzz (harmonics of 140 Hz that fall by 6 dB an octave, four syllables a second) of this
/// RMS.
void add_voice(std::vector<float>& x, double start_s, double end_s, double rms) {
  for (auto i = static_cast<size_t>(start_s * kVadRate_hz); i < static_cast<size_t>(end_s * kVadRate_hz);
       ++i) {
    const double t = static_cast<double>(i) / kVadRate_hz;
    double voice = 0;
    for (int k = 1; k <= 25; ++k) voice += std::sin(2 * M_PI * 140 * k * t) / k;
    x[i] += static_cast<float>(rms * 1.1 * (0.6 + 0.4 * std::sin(2 * M_PI * 4 * t)) * voice);
  }
}

std::vector<double> scores_of(const std::vector<float>& x, const EnergyVadConfig& config = {}) {
  EnergyVad vad(config);
  std::vector<double> scores;
  vad.accept(x.data(), static_cast<int64_t>(x.size()), scores);
  return scores;
}

double active_fraction(const std::vector<double>& scores, size_t first = 0, size_t end = SIZE_MAX) {
  end = std::min(end, scores.size());
  const auto at = [&](size_t i) { return scores.begin() + static_cast<std::ptrdiff_t>(i); };
  return static_cast<double>(std::count_if(at(first), at(end), [](double p) { return p >= 0.5; })) /
         static_cast<double>(end - first);
}

/// F1 of 10 ms frames.
double f1_of(const std::vector<Interval>& have, const std::vector<Interval>& want, double end_s) {
  const auto inside = [](const std::vector<Interval>& intervals, double t) {
    return std::any_of(intervals.begin(), intervals.end(),
                       [t](const Interval& i) { return t >= i.start_s && t < i.end_s; });
  };
  double both = 0;
  double either = 0;
  for (double t = 0.005; t < end_s; t += 0.01) {
    const int count = static_cast<int>(inside(have, t)) + static_cast<int>(inside(want, t));
    both += count == 2 ? 1 : 0;
    either += count;
  }
  return either > 0 ? 2 * both / either : 0;
}

double f1_of_sound(const std::vector<float>& x, const std::vector<Interval>& truth) {
  const EnergyVad vad(EnergyVadConfig{});
  const double end_s = static_cast<double>(x.size()) / kVadRate_hz;
  return f1_of(speech_segments(scores_of(x), vad.frame_s(), vad.first_frame_s(), end_s), truth, end_s);
}

TEST(EnergyVad, FindsVoicesInNoise) {
  const std::vector<Interval> truth = {{2, 4}, {5, 6}, {8, 9.5}};
  for (const double noise_rms : {0.0003, 0.01, 0.03}) {  // 50, 20 and 10 dB below the voice
    auto x = white_noise(12, noise_rms);
    for (const auto& voice : truth) add_voice(x, voice.start_s, voice.end_s, 0.1);
    EXPECT_GT(f1_of_sound(x, truth), 0.9) << noise_rms;
  }
}

TEST(EnergyVad, SteadySoundIsNotSpeech) {
  EXPECT_LT(active_fraction(scores_of(white_noise(60, 0.05))), 0.002);
  EXPECT_EQ(active_fraction(scores_of(std::vector<float>(160000, 0.0f))), 0);
  EXPECT_EQ(active_fraction(scores_of(std::vector<float>(160000, 0.7f))), 0);
  std::vector<float> hum;
  for (int i = 0; i < 160000; ++i)
    hum.push_back(static_cast<float>(0.3 * std::sin(2 * M_PI * 50 * i / 16000)));
  EXPECT_EQ(active_fraction(scores_of(hum)), 0);
}

TEST(EnergyVad, FollowsANoiseThatGetsLouder) {
  auto x = white_noise(20, 0.005);
  const auto louder = white_noise(20, 0.05, 2);
  std::copy(louder.begin() + 10 * kVadRate_hz, louder.end(), x.begin() + 10 * kVadRate_hz);
  const auto scores = scores_of(x);
  EXPECT_LT(active_fraction(scores, 0, 990), 0.002);
  EXPECT_GT(active_fraction(scores, 1010, 1100), 0.9);  // nobody can know yet
  EXPECT_LT(active_fraction(scores, 1330), 0.002);      // floor_window_s later
}

TEST(EnergyVad, ScoresAreInRangeAndDoNotDependOnTheLevel) {
  auto x = white_noise(8, 0.01);
  add_voice(x, 3, 6, 0.1);
  auto softer = x;
  for (float& sample : softer) sample *= 0.25f;
  const auto a = scores_of(x);
  const auto b = scores_of(softer);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_GE(a[i], 0);
    EXPECT_LE(a[i], 1);
    EXPECT_NEAR(a[i], b[i], 1e-4) << i;
  }
}

TEST(EnergyVad, PiecesGiveTheSameBits) {
  auto x = white_noise(3, 0.01);
  add_voice(x, 1, 2, 0.1);
  const auto whole = scores_of(x);
  EXPECT_EQ(whole.size(), (x.size() - 400) / 160 + 1);
  EnergyVad vad(EnergyVadConfig{});
  for (const size_t piece : {size_t{1}, size_t{399}, size_t{20000}}) {
    std::vector<double> scores;
    for (size_t at = 0; at < x.size(); at += piece) {
      vad.accept(x.data() + at, static_cast<int64_t>(std::min(piece, x.size() - at)), scores);
    }
    EXPECT_EQ(scores, whole) << piece;
    vad.reset();
  }
  EXPECT_NEAR(vad.first_frame_s(), 0.0075, 1e-12);
  EXPECT_NEAR(vad.frame_s(), 0.01, 1e-12);
}

TEST(EnergyVad, BadSamplesCountAsZeroAndShortSoundHasNoFrame) {
  auto x = white_noise(2, 0.01);
  auto zeros = x;
  for (size_t i = 16000; i < 16500; ++i) {
    x[i] = i % 2 == 0 ? NAN : INFINITY;
    zeros[i] = 0;
  }
  EXPECT_EQ(scores_of(x), scores_of(zeros));
  EXPECT_TRUE(scores_of({}).empty());
  EXPECT_TRUE(scores_of(std::vector<float>(399, 0.1f)).empty());
  EXPECT_EQ(scores_of(std::vector<float>(400, 0.1f)).size(), 1u);
  const std::vector<float> clipped(32000, 1.0f);
  EXPECT_EQ(active_fraction(scores_of(clipped)), 0);
}

TEST(EnergyVad, BadConfigsAreRefused) {
  EnergyVadConfig config;
  config.sample_rate_hz = 0;
  EXPECT_EQ(test::error_of([&] { EnergyVad{config}; }, ErrorCode::kConfig),
            "energy_vad.sample_rate_hz: must be in [4000, 384000], got 0");
  config = {};
  config.high_hz = 9000;
  EXPECT_NE(test::error_of([&] { EnergyVad{config}; }, ErrorCode::kConfig).find("half the sample rate"),
            std::string::npos);
  config = {};
  config.slope_db = 0;
  EXPECT_NE(test::error_of([&] { EnergyVad{config}; }, ErrorCode::kConfig).find("slope_db"),
            std::string::npos);
}

/// Where the clean clip is within 38 dB of its loudest 30 ms, pauses up to 0.2 s filled.
std::vector<Interval> active_parts(const std::vector<float>& x) {
  std::vector<double> power;
  for (size_t i = 0; i + 480 <= x.size(); i += 160) {
    double sum = 0;
    for (size_t k = i; k < i + 480; ++k) sum += static_cast<double>(x[k]) * x[k];
    power.push_back(sum);
  }
  const double least = *std::max_element(power.begin(), power.end()) * std::pow(10, -3.8);
  std::vector<Interval> parts;
  for (size_t i = 0; i < power.size(); ++i) {
    if (power[i] < least) continue;
    const double t = 0.01 * static_cast<double>(i + 1);
    if (parts.empty() || t > parts.back().end_s + 0.2) parts.push_back({t, t + 0.01});
    parts.back().end_s = t + 0.01;
  }
  return parts;
}

TEST(EnergyVad, FindsRealSpeechInWhiteNoise) {
  LIMBIC_REQUIRE_DATA("ravdess_speech16k");
  const test::TempDir dir;
  std::vector<float> x(kVadRate_hz, 0.0f);
  std::vector<Interval> truth;
  for (const char* clip : {"01/03-01-01-01-01-02-01", "02/03-01-05-02-01-01-02", "07/03-01-06-01-02-01-07",
                           "10/03-01-04-01-01-01-10"}) {
    const std::string command = "ffmpeg -v error -y -i " + test::real_data() + "/ravdess_speech16k/Actor_" +
                                clip + ".flac -f f32le -ac 1 -ar 16000 '" + (dir / "x.f32") + "'";
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "ffmpeg could not read " << clip;
    const std::string bytes = core::read_file(dir / "x.f32");
    std::vector<float> speech(bytes.size() / sizeof(float));
    std::memcpy(speech.data(), bytes.data(), speech.size() * sizeof(float));
    const auto parts = active_parts(speech);
    double energy = 0;
    double count = 0;
    for (const auto& part : parts) {
      truth.push_back({part.start_s + static_cast<double>(x.size()) / kVadRate_hz,
                       part.end_s + static_cast<double>(x.size()) / kVadRate_hz});
      for (auto i = static_cast<size_t>(part.start_s * kVadRate_hz);
           i < static_cast<size_t>(part.end_s * kVadRate_hz) && i < speech.size(); ++i, ++count) {
        energy += static_cast<double>(speech[i]) * speech[i];
      }
    }
    const auto gain = static_cast<float>(0.05 / std::sqrt(energy / count));
    for (const float sample : speech) x.push_back(gain * sample);
  }
  // Measured: 0.93, 0.92, 0.85 at 20, 10 and 0 dB over eight longer mixtures.
  const std::vector<std::pair<double, double>> snr_and_least = {{20, 0.85}, {10, 0.85}, {0, 0.7}};
  for (const auto& [snr_db, least] : snr_and_least) {
    auto noisy =
        white_noise(static_cast<double>(x.size()) / kVadRate_hz + 0.001, 0.05 * std::pow(10, -snr_db / 20));
    noisy.resize(x.size());
    for (size_t i = 0; i < x.size(); ++i) noisy[i] += x[i];
    EXPECT_GT(f1_of_sound(noisy, truth), least) << snr_db << " dB";
  }
}

}  // namespace
}  // namespace limbic::signals
