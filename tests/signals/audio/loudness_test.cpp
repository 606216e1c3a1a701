#include "limbic/signals/audio/loudness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "signals/dsp/python_judge.h"

namespace limbic::signals {
namespace {

/// A sine of 1 kHz on every channel: seconds at each level (dBFS of its peak), after each other.
std::vector<float> tones(const std::vector<std::pair<double, double>>& seconds_and_db, double rate_hz,
                         int channels) {
  std::vector<float> x;
  int64_t i = 0;
  for (const auto& [seconds, db] : seconds_and_db) {
    const double amplitude = std::pow(10.0, db / 20.0);
    for (int64_t end = i + std::llround(seconds * rate_hz); i < end; ++i) {
      const double v = amplitude * std::sin(2 * M_PI * 1000 * static_cast<double>(i) / rate_hz);
      x.insert(x.end(), static_cast<size_t>(channels), static_cast<float>(v));
    }
  }
  return x;
}

LoudnessMeter metered(const std::vector<float>& x, double rate_hz, size_t channels) {
  LoudnessMeter meter(rate_hz, std::vector<double>(channels, 1.0));
  meter.push(x.data(), static_cast<int64_t>(x.size() / channels));
  return meter;
}

TEST(Loudness, KWeightingAt48KilohertzHasTheStandardsCoefficients) {
  const auto k = k_weighting(48000);
  ASSERT_EQ(k.size(), 2u);
  EXPECT_NEAR(k[0].b0, 1.53512485958697, 1e-12);
  EXPECT_NEAR(k[0].b1, -2.69169618940638, 1e-12);
  EXPECT_NEAR(k[0].b2, 1.19839281085285, 1e-12);
  EXPECT_NEAR(k[0].a1, -1.69065929318241, 1e-12);
  EXPECT_NEAR(k[0].a2, 0.73248077421585, 1e-12);
  EXPECT_NEAR(k[1].a1, -1.99004745483398, 1e-12);
  EXPECT_NEAR(k[1].a2, 0.99007225036621, 1e-12);
}

// Cases 1 to 4 of EBU Tech 3341 (stereo tone of 1 kHz), within its 0.1 LU.
TEST(Loudness, MeetsTheEbusTestCases) {
  for (const double rate : {48000.0, 44100.0, 16000.0}) {
    EXPECT_NEAR(metered(tones({{20, -23}}, rate, 2), rate, 2).integrated_lufs(), -23.0, 0.1) << rate;
    EXPECT_NEAR(metered(tones({{20, -33}}, rate, 2), rate, 2).integrated_lufs(), -33.0, 0.1) << rate;
    EXPECT_NEAR(metered(tones({{10, -36}, {60, -23}, {10, -36}}, rate, 2), rate, 2).integrated_lufs(), -23.0,
                0.1);
    EXPECT_NEAR(metered(tones({{10, -72}, {10, -36}, {60, -23}, {10, -36}, {10, -72}}, rate, 2), rate, 2)
                    .integrated_lufs(),
                -23.0, 0.1);
  }
  const auto meter = metered(tones({{20, -23}}, 48000, 2), 48000, 2);
  EXPECT_NEAR(meter.momentary_lufs(100), -23, 0.1);
  EXPECT_NEAR(meter.short_term_lufs(100), -23, 0.1);
}

// Cases 1 to 4 of EBU Tech 3342, within its 1 LU.
TEST(Loudness, RangeMeetsTheEbusTestCases) {
  const auto range = [](const std::vector<std::pair<double, double>>& levels) {
    return metered(tones(levels, 16000, 2), 16000, 2).range_lu();
  };
  EXPECT_NEAR(range({{20, -20}, {20, -30}}), 10, 1);
  EXPECT_NEAR(range({{20, -20}, {20, -15}}), 5, 1);
  EXPECT_NEAR(range({{20, -40}, {20, -20}}), 20, 1);
  EXPECT_NEAR(range({{20, -50}, {20, -35}, {20, -20}, {20, -35}, {20, -50}}), 15, 1);
}

TEST(Loudness, AgreesWithFfmpegWithinATenthOfALoudnessUnit) {
  if (std::system("ffmpeg -version >/dev/null 2>&1") != 0) GTEST_SKIP() << "ffmpeg is absent";
  const test::TempDir dir;
  for (const auto& [rate, channels] : {std::pair{48000, 1}, std::pair{16000, 1}, std::pair{44100, 2}}) {
    // Noise that swells and breathes over 20 dB, with a pause: gates and range have work.
    std::vector<float> x;
    uint32_t state = 7;
    double last = 0;
    for (int64_t i = 0; i < 40 * rate; ++i) {
      const double t = static_cast<double>(i) / rate;
      for (int c = 0; c < channels; ++c) {
        state = state * 1664525u + 1013904223u;
        last = 0.8 * last + (static_cast<double>(state >> 16) / 65536.0 - 0.5) * (c == 0 ? 1.0 : 0.4);
        const double level = t > 16 && t < 18 ? 1e-4 : 0.2 * std::pow(10.0, std::sin(0.31 * t) / 2);
        x.push_back(static_cast<float>(level * last));
      }
    }
    std::ofstream(dir / "x", std::ios::binary)
        .write(reinterpret_cast<const char*>(x.data()),
               static_cast<std::streamsize>(x.size() * sizeof(float)));
    const std::string command = "ffmpeg -nostdin -v error -f f32le -ar " + std::to_string(rate) + " -ac " +
                                std::to_string(channels) + " -i " + (dir / "x") +
                                " -af ebur128=metadata=1,ametadata=print:file=" + (dir / "log") +
                                " -f null - 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0);
    std::map<std::string, std::vector<double>> ffmpeg;
    std::ifstream log(dir / "log");
    for (std::string line; std::getline(log, line);) {
      const auto equals = line.find('=');
      if (line.rfind("lavfi.r128.", 0) == 0)
        ffmpeg[line.substr(11, equals - 11)].push_back(std::stod(line.substr(equals + 1)));
    }
    ASSERT_GE(ffmpeg["M"].size(), 390u);
    const auto meter = metered(x, rate, static_cast<size_t>(channels));
    double worst = 0;
    for (size_t s = 0; s < ffmpeg["M"].size(); ++s) {
      const auto step = static_cast<int64_t>(s);
      // ffmpeg calls silence what is below -120.
      if (s >= 4 && ffmpeg["M"][s] > -70)
        worst = std::max(worst, std::abs(meter.momentary_lufs(step) - ffmpeg["M"][s]));
      if (s >= 30 && ffmpeg["S"][s] > -70)
        worst = std::max(worst, std::abs(meter.short_term_lufs(step) - ffmpeg["S"][s]));
    }
    EXPECT_LT(worst, 0.1) << rate;
    EXPECT_NEAR(meter.integrated_lufs(), ffmpeg["I"].back(), 0.1) << rate;
    // ffmpeg counts ranks from its histogram, Tech 3342 from (n - 1) p: neighbours of 371 values.
    EXPECT_NEAR(meter.range_lu(), ffmpeg["LRA"].back(), 0.2) << rate;
  }
}

TEST(Loudness, DoesNotDependOnThePieces) {
  const auto x = tones({{2, -20}, {2, -40}}, 22050, 1);
  const auto whole = metered(x, 22050, 1);
  LoudnessMeter meter(22050);
  for (size_t i = 0; i < x.size(); i += 777)
    meter.push(x.data() + i, static_cast<int64_t>(std::min<size_t>(777, x.size() - i)));
  ASSERT_EQ(meter.num_steps(), whole.num_steps());
  EXPECT_EQ(meter.num_steps(), 40);
  for (int64_t s = 3; s < 40; ++s) EXPECT_EQ(meter.momentary_lufs(s), whole.momentary_lufs(s));
}

TEST(Loudness, BadInputIsDefined) {
  const auto silent = metered(std::vector<float>(16000, 0.0f), 16000, 1);
  EXPECT_NEAR(silent.momentary_lufs(9), -120.691, 1e-9);
  EXPECT_TRUE(std::isnan(silent.integrated_lufs()));
  EXPECT_TRUE(std::isnan(silent.range_lu()));
  EXPECT_TRUE(std::isnan(silent.momentary_lufs(2)));
  EXPECT_TRUE(std::isnan(silent.momentary_lufs(10)));
  EXPECT_TRUE(std::isnan(metered({0.5f}, 16000, 1).integrated_lufs()));
  auto x = tones({{2, -20}}, 16000, 1);
  x[100] = std::nanf("");
  x[200] = HUGE_VALF;
  EXPECT_NEAR(metered(x, 16000, 1).integrated_lufs(), -23, 0.2);
  for (const double rate : {0.0, -1.0, 99.0, std::nan(""), HUGE_VAL})
    test::error_of([&] { LoudnessMeter meter(rate); }, ErrorCode::kConfig);
  test::error_of([] { LoudnessMeter meter(16000, {}); }, ErrorCode::kConfig);
  for (const double rate : {100.0, 1000.0, 4000.0}) {  // stable where the shelf does not fit
    LoudnessMeter meter(rate);
    const std::vector<float> noise(static_cast<size_t>(4 * rate), 0.5f);
    meter.push(noise.data(), static_cast<int64_t>(noise.size()));
    EXPECT_LT(meter.momentary_lufs(39), 0) << rate;
  }
}

TEST(Loudness, LevelIsTheRootMeanSquareInDecibels) {
  const std::vector<float> square{1, -1, 1, -1};
  EXPECT_NEAR(level_db(square.data(), 4), 0, 1e-12);
  const auto sine = tones({{1, 0}}, 16000, 1);
  EXPECT_NEAR(level_db(sine.data(), 16000), -3.0103, 1e-3);
  const float silence = 0;
  EXPECT_NEAR(level_db(&silence, 1), -120, 1e-9);
  EXPECT_TRUE(std::isnan(level_db(&silence, 0)));
}

}  // namespace
}  // namespace limbic::signals
