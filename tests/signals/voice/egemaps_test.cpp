#include "limbic/signals/voice/egemaps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "limbic/core/error.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

constexpr double kTau = 6.283185307179586;

// As printed in openSMILE's CSV header for config/egemaps/v02.
const std::vector<std::string>& published_names() {
  static const std::vector<std::string> names = [] {
    std::istringstream text(R"(
F0semitoneFrom27.5Hz_sma3nz_amean F0semitoneFrom27.5Hz_sma3nz_stddevNorm
F0semitoneFrom27.5Hz_sma3nz_percentile20.0 F0semitoneFrom27.5Hz_sma3nz_percentile50.0
F0semitoneFrom27.5Hz_sma3nz_percentile80.0 F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2
F0semitoneFrom27.5Hz_sma3nz_meanRisingSlope F0semitoneFrom27.5Hz_sma3nz_stddevRisingSlope
F0semitoneFrom27.5Hz_sma3nz_meanFallingSlope F0semitoneFrom27.5Hz_sma3nz_stddevFallingSlope
loudness_sma3_amean loudness_sma3_stddevNorm loudness_sma3_percentile20.0
loudness_sma3_percentile50.0 loudness_sma3_percentile80.0 loudness_sma3_pctlrange0-2
loudness_sma3_meanRisingSlope loudness_sma3_stddevRisingSlope loudness_sma3_meanFallingSlope
loudness_sma3_stddevFallingSlope spectralFlux_sma3_amean spectralFlux_sma3_stddevNorm
mfcc1_sma3_amean mfcc1_sma3_stddevNorm mfcc2_sma3_amean mfcc2_sma3_stddevNorm mfcc3_sma3_amean
mfcc3_sma3_stddevNorm mfcc4_sma3_amean mfcc4_sma3_stddevNorm jitterLocal_sma3nz_amean
jitterLocal_sma3nz_stddevNorm shimmerLocaldB_sma3nz_amean shimmerLocaldB_sma3nz_stddevNorm
HNRdBACF_sma3nz_amean HNRdBACF_sma3nz_stddevNorm logRelF0-H1-H2_sma3nz_amean
logRelF0-H1-H2_sma3nz_stddevNorm logRelF0-H1-A3_sma3nz_amean logRelF0-H1-A3_sma3nz_stddevNorm
F1frequency_sma3nz_amean F1frequency_sma3nz_stddevNorm F1bandwidth_sma3nz_amean
F1bandwidth_sma3nz_stddevNorm F1amplitudeLogRelF0_sma3nz_amean F1amplitudeLogRelF0_sma3nz_stddevNorm
F2frequency_sma3nz_amean F2frequency_sma3nz_stddevNorm F2bandwidth_sma3nz_amean
F2bandwidth_sma3nz_stddevNorm F2amplitudeLogRelF0_sma3nz_amean F2amplitudeLogRelF0_sma3nz_stddevNorm
F3frequency_sma3nz_amean F3frequency_sma3nz_stddevNorm F3bandwidth_sma3nz_amean
F3bandwidth_sma3nz_stddevNorm F3amplitudeLogRelF0_sma3nz_amean F3amplitudeLogRelF0_sma3nz_stddevNorm
alphaRatioV_sma3nz_amean alphaRatioV_sma3nz_stddevNorm hammarbergIndexV_sma3nz_amean
hammarbergIndexV_sma3nz_stddevNorm slopeV0-500_sma3nz_amean slopeV0-500_sma3nz_stddevNorm
slopeV500-1500_sma3nz_amean slopeV500-1500_sma3nz_stddevNorm spectralFluxV_sma3nz_amean
spectralFluxV_sma3nz_stddevNorm mfcc1V_sma3nz_amean mfcc1V_sma3nz_stddevNorm mfcc2V_sma3nz_amean
mfcc2V_sma3nz_stddevNorm mfcc3V_sma3nz_amean mfcc3V_sma3nz_stddevNorm mfcc4V_sma3nz_amean
mfcc4V_sma3nz_stddevNorm alphaRatioUV_sma3nz_amean hammarbergIndexUV_sma3nz_amean
slopeUV0-500_sma3nz_amean slopeUV500-1500_sma3nz_amean spectralFluxUV_sma3nz_amean
loudnessPeaksPerSec VoicedSegmentsPerSec MeanVoicedSegmentLengthSec StddevVoicedSegmentLengthSec
MeanUnvoicedSegmentLength StddevUnvoicedSegmentLength equivalentSoundLevel_dBp
)");
    return std::vector<std::string>(std::istream_iterator<std::string>(text), {});
  }();
  return names;
}

// What openSMILE 3.0.2 (built from its commit 341aea9; config/egemaps/v02/eGeMAPSv02.conf)
// printed for sung_int16(16000) as a 16-bit file.
const double kGolden88[] = {
    30.57696,   0.05351954, 28.85451,  30.82419,    32.13867,  3.284161,   17.61418,   4.322545,   10.04682,
    4.177416,   0.5939308,  0.7063536, 0.113477,    0.7420382, 1.002169,   0.8886917,  2.94167,    1.570952,
    3.619566,   0.952834,   0.1219394, 1.101568,    23.97637,  1.204733,   1.628035,   3.127722,   -12.10207,
    -0.6965362, 10.82572,   0.9372583, 0.005994707, 0.4848994, 0.2487779,  0.4680758,  10.07564,   0.2012144,
    3.669891,   0.08431727, 37.462,    0.2801629,   689.2473,  0.2463877,  1535.228,   0.1230238,  -89.58401,
    -1.011215,  1567.664,   0.1051498, 1139.468,    0.1205674, -91.411,    -0.946944,  2849.112,   0.1225282,
    994.1656,   0.2319249,  -105.7915, -0.712002,   -11.54507, -0.3274515, 32.58724,   0.4355834,  0.04281387,
    0.3014227,  -0.0110332, -0.673911, 0.1735274,   0.6854538, 46.4463,    0.264821,   2.756166,   2.223729,
    -18.32685,  -0.2690676, 17.88169,  0.3791774,   5.251064,  1.539706,   0.03387561, 0.01967684, 0.05506146,
    1.886793,   1.298701,   0.455,     0.055,       0.1933333, 0.03399346, -22.18001,
};

double noise_of(uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return static_cast<double>(state >> 16) / 65536.0 - 0.5;
}

/// Two gliding voices of twelve harmonics between faint noise, 1.6 s on the grid of int16.
std::vector<float> sung_int16(int64_t rate_hz) {
  std::vector<float> x;
  uint32_t state = 12345;
  double phase = 0;
  const auto rate = static_cast<double>(rate_hz);
  for (int64_t n = 0; n < rate_hz * 8 / 5; ++n) {
    const double t = static_cast<double>(n) / rate;
    const bool voiced = (t >= 0.2 && t < 0.6) || (t >= 0.8 && t < 1.3);
    phase += (130.0 + 40.0 * t + 8.0 * std::sin(kTau * 5.0 * t)) / rate;
    double y = 0.004 * noise_of(state);
    for (int k = 1; voiced && k <= 12; ++k) {
      y += (0.12 + 0.04 * std::sin(kTau * 3.0 * t)) * std::sin(kTau * k * phase + 0.3 * k * k) / k;
    }
    x.push_back(static_cast<float>(std::lround(y * 32767.0)) / 32768.0f);
  }
  return x;
}

std::vector<float> harmonics(double f0_hz, double seconds, double amplitude, int64_t rate_hz,
                             double noise = 0) {
  std::vector<float> x;
  uint32_t state = 7;
  for (int64_t n = 0; n < static_cast<int64_t>(seconds * static_cast<double>(rate_hz)); ++n) {
    double y = noise * noise_of(state) * std::sqrt(12.0);
    for (int k = 1; k <= 10; ++k) {
      y += amplitude / k * std::sin(kTau * k * f0_hz * static_cast<double>(n) / static_cast<double>(rate_hz));
    }
    x.push_back(static_cast<float>(y));
  }
  return x;
}

Egemaps at_rate(int64_t rate_hz, EgemapsUnvoiced unvoiced = EgemapsUnvoiced::kNan) {
  EgemapsConfig config;
  config.sample_rate_hz = rate_hz;
  config.unvoiced = unvoiced;
  return Egemaps(config);
}

std::map<std::string, double> summary(const std::vector<float>& x, int64_t rate_hz = 16000) {
  const auto values = at_rate(rate_hz).functionals(x.data(), static_cast<int64_t>(x.size()));
  std::map<std::string, double> out;
  for (size_t i = 0; i < values.size(); ++i) out[Egemaps::functional_names()[i]] = values[i];
  return out;
}

Table frames_of(const std::vector<float>& x, EgemapsUnvoiced unvoiced = EgemapsUnvoiced::kNan) {
  return at_rate(16000, unvoiced).frames(x.data(), static_cast<int64_t>(x.size()));
}

TEST(Egemaps, NamesAreThePublishedOnesInOrder) {
  EXPECT_THAT(Egemaps::functional_names(), testing::ElementsAreArray(published_names()));
  EXPECT_THAT(Egemaps::lld_names(),
              testing::ElementsAre("Loudness_sma3", "alphaRatio_sma3", "hammarbergIndex_sma3",
                                   "slope0-500_sma3", "slope500-1500_sma3", "spectralFlux_sma3", "mfcc1_sma3",
                                   "mfcc2_sma3", "mfcc3_sma3", "mfcc4_sma3", "F0semitoneFrom27.5Hz_sma3nz",
                                   "jitterLocal_sma3nz", "shimmerLocaldB_sma3nz", "HNRdBACF_sma3nz",
                                   "logRelF0-H1-H2_sma3nz", "logRelF0-H1-A3_sma3nz", "F1frequency_sma3nz",
                                   "F1bandwidth_sma3nz", "F1amplitudeLogRelF0_sma3nz", "F2frequency_sma3nz",
                                   "F2bandwidth_sma3nz", "F2amplitudeLogRelF0_sma3nz", "F3frequency_sma3nz",
                                   "F3bandwidth_sma3nz", "F3amplitudeLogRelF0_sma3nz"));
}

TEST(Egemaps, FunctionalsEqualOpensmiles) {
  const std::vector<float> x = sung_int16(16000);
  const auto values = at_rate(16000).functionals(x.data(), static_cast<int64_t>(x.size()));
  ASSERT_EQ(values.size(), 88u);
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string name = published_names()[i];
    // openSMILE's formants are nearly singular in single precision (Note [Formants as openSMILE computes
    // them]).
    const bool loose =
        name.find("bandwidth") != std::string::npos || name.find("frequency") != std::string::npos;
    const double tolerance = loose ? 1e-2 : 1e-3;
    EXPECT_NEAR(values[i], kGolden88[i], tolerance * std::abs(kGolden88[i]) + 1e-6) << name;
  }
}

TEST(Egemaps, F0IsInSemitonesAtEveryRate) {
  for (const int64_t rate_hz : {8000, 11025, 16000, 22050, 44100, 48000}) {
    for (const double f0_hz : {95.0, 200.0, 310.0}) {
      const auto s = summary(harmonics(f0_hz, 1.0, 0.1, rate_hz), rate_hz);
      // 0.06 semitones = 0.35 %. At 11025 Hz the 60 ms are no whole number of samples.
      const double tolerance = rate_hz == 11025 ? 0.1 : 0.06;
      EXPECT_NEAR(s.at("F0semitoneFrom27.5Hz_sma3nz_percentile50.0"), 12 * std::log2(f0_hz / 27.5), tolerance)
          << rate_hz << " " << f0_hz;
      EXPECT_LT(s.at("jitterLocal_sma3nz_amean"), 2e-3) << rate_hz << " " << f0_hz;
      EXPECT_LT(s.at("shimmerLocaldB_sma3nz_amean"), 0.3) << rate_hz << " " << f0_hz;
    }
  }
}

TEST(Egemaps, JitterAndShimmerMeasureWhatWasPlanted) {
  // Periods alternate between 99 and 101 samples, or amplitudes between 0.9 and 1.1.
  const auto pulses = [](bool jitter) {
    std::vector<float> x(16000);
    int64_t at = 50;
    for (int64_t i = 0; at + 60 < 16000; ++i) {
      const double sign = i % 2 == 0 ? 1.0 : -1.0;
      for (int64_t k = 0; k < 60; ++k) {
        const double ring =
            std::exp(-0.08 * static_cast<double>(k)) * std::sin(0.35 * static_cast<double>(k));
        x[static_cast<size_t>(at + k)] += static_cast<float>(0.4 * (jitter ? 1.0 : 1.0 + 0.1 * sign) * ring);
      }
      at += jitter ? 100 + static_cast<int64_t>(sign) : 100;
    }
    return summary(x);
  };
  const auto jittery = pulses(true);
  EXPECT_NEAR(jittery.at("jitterLocal_sma3nz_amean"), 0.02, 0.002);
  const auto shimmery = pulses(false);
  EXPECT_NEAR(shimmery.at("shimmerLocaldB_sma3nz_amean"), 20 * std::log10(1.2), 0.1);
  EXPECT_LT(shimmery.at("jitterLocal_sma3nz_amean"), 0.002);
}

TEST(Egemaps, HarmonicsToNoiseRatioOfKnownNoise) {
  // Power of the harmonics: 0.1^2 / 2 * sum 1/k^2 = 0.00775. The autocorrelation of the Gaussian window
  // (sigma 12 ms) takes exp(-(5 ms)^2 / (4 sigma^2)) of the peak at one period, so 13.5 dB is the most there
  // can be.
  const double window = std::exp(-25.0 / (4 * 144.0));
  for (const double snr_db : {30.0, 20.0, 10.0, 5.0}) {
    const double snr = std::pow(10.0, snr_db / 10.0);
    const auto s = summary(harmonics(200, 1.0, 0.1, 16000, std::sqrt(0.00775 / snr)));
    const double peak = window * snr / (1 + snr);
    EXPECT_NEAR(s.at("HNRdBACF_sma3nz_amean"), 10 * std::log10(peak / (1 - peak)), 0.4) << snr_db;
  }
}

TEST(Egemaps, LevelsFollowTheWaveform) {
  const auto quiet = summary(harmonics(200, 1.0, 0.05, 16000));
  const auto loud = summary(harmonics(200, 1.0, 0.2, 16000));
  EXPECT_NEAR(loud.at("loudness_sma3_amean") / quiet.at("loudness_sma3_amean"), std::pow(4.0, 0.66), 0.01);
  EXPECT_NEAR(loud.at("equivalentSoundLevel_dBp") - quiet.at("equivalentSoundLevel_dBp"), 12.04, 0.01);
  std::vector<float> sine(16000);
  for (size_t i = 0; i < sine.size(); ++i) {
    sine[i] = static_cast<float>(0.5 * std::sin(kTau * 500 * static_cast<double>(i) / 16000));
  }
  EXPECT_NEAR(summary(sine).at("equivalentSoundLevel_dBp"), 10 * std::log10(0.125), 0.01);
}

TEST(Egemaps, RatesOfPeaksAndSegments) {
  // Four voices of 0.5 s in 4 s, in noise that keeps F0 away from the pauses.
  std::vector<float> x;
  uint32_t state = 3;
  for (int64_t n = 0; n < 64000; ++n) {
    const double t = static_cast<double>(n) / 16000.0;
    const double place = t - std::floor(t);
    double y = 0.01 * noise_of(state);
    if (place >= 0.25 && place < 0.75) {
      const double swell = std::sin(kTau * (place - 0.25));
      for (int k = 1; k <= 10; ++k) y += 0.2 * swell / k * std::sin(kTau * k * 150 * t);
    }
    x.push_back(static_cast<float>(y));
  }
  const auto s = summary(x);
  EXPECT_NEAR(s.at("VoicedSegmentsPerSec"), 1.0, 0.03);
  EXPECT_NEAR(s.at("MeanVoicedSegmentLengthSec"), 0.5, 0.06);
  EXPECT_LT(s.at("StddevVoicedSegmentLengthSec"), 0.02);
  EXPECT_NEAR(s.at("loudnessPeaksPerSec"), 1.0, 0.03);
  EXPECT_GT(s.at("MeanUnvoicedSegmentLength"), 0.15);
}

TEST(Egemaps, UnvoicedFramesAreMissingOrAsOpensmileHasThem) {
  const std::vector<float> x = sung_int16(16000);
  const Table missing = frames_of(x);
  const Table zeros = frames_of(x, EgemapsUnvoiced::kOpensmile);
  ASSERT_EQ(missing.num_rows(), zeros.num_rows());
  ASSERT_EQ(missing.num_columns(), 25u);
  EXPECT_EQ(missing.num_rows(), static_cast<size_t>((25600 - 960) / 160 + 2));  // one row repeats the last
  const size_t f0 = missing.column("F0semitoneFrom27.5Hz_sma3nz");
  const size_t amplitude = missing.column("F1amplitudeLogRelF0_sma3nz");
  int num_voiced = 0;
  int num_levels = 0;
  for (size_t r = 0; r < missing.num_rows(); ++r) {
    EXPECT_DOUBLE_EQ(missing.start_s[r], 0.01 * static_cast<double>(r));
    for (size_t c = 0; c < 10; ++c) EXPECT_EQ(missing.at(r, c), zeros.at(r, c));
    if (zeros.at(r, f0) == 0) {
      EXPECT_TRUE(std::isnan(missing.at(r, f0)));
      EXPECT_TRUE(std::isnan(missing.at(r, amplitude)));
      EXPECT_LT(zeros.at(r, amplitude), -60);  // -201, or its mean with voiced neighbours
    } else {
      ++num_voiced;
      EXPECT_EQ(missing.at(r, f0), zeros.at(r, f0));
      num_levels += std::isnan(missing.at(r, amplitude)) ? 0 : 1;  // no harmonic need lie near F1
      EXPECT_FALSE(missing.at(r, amplitude) < -60);
    }
  }
  EXPECT_NEAR(num_voiced, 90, 10);
  EXPECT_GT(num_levels, 80);
}

TEST(Egemaps, PiecesGiveTheSameBits) {
  const std::vector<float> x = sung_int16(16000);
  const Egemaps whole = at_rate(16000);
  const Table expected = whole.frames(x.data(), static_cast<int64_t>(x.size()));
  for (const int64_t piece : {1, 97, 1600, 7001}) {
    EgemapsStream stream(whole);
    std::vector<double> values;
    for (int64_t done = 0; done < static_cast<int64_t>(x.size()); done += piece) {
      stream.push(x.data() + done, std::min(piece, static_cast<int64_t>(x.size()) - done));
      const Table ready = stream.take_frames();
      values.insert(values.end(), ready.values_RC.begin(), ready.values_RC.end());
      // Half a second behind at most.
      EXPECT_GE(static_cast<double>(values.size() / 25), static_cast<double>(done) / 160.0 - 50);
    }
    stream.finish();
    const Table rest = stream.take_frames();
    values.insert(values.end(), rest.values_RC.begin(), rest.values_RC.end());
    ASSERT_EQ(values.size(), expected.values_RC.size());
    EXPECT_EQ(std::memcmp(values.data(), expected.values_RC.data(), values.size() * sizeof(double)), 0)
        << piece;
    EXPECT_EQ(stream.functionals(), whole.functionals(x.data(), static_cast<int64_t>(x.size())));
  }
}

TEST(Egemaps, WindowsAreRecordingsOfTheirOwn) {
  const std::vector<float> x = sung_int16(16000);
  const Egemaps egemaps = at_rate(16000);
  const Table t = egemaps.intervals(x.data(), static_cast<int64_t>(x.size()),
                                    {{0.1, 0.7}, {-1.0, 99.0}, {1.59, 1.6}, {5, 6}});
  ASSERT_EQ(t.num_rows(), 4u);
  ASSERT_EQ(t.num_columns(), 88u);
  const auto first = egemaps.functionals(x.data() + 1600, 9600);
  const auto all = egemaps.functionals(x.data(), static_cast<int64_t>(x.size()));
  for (size_t c = 0; c < 88; ++c) {
    EXPECT_EQ(t.at(0, c), first[c]);
    EXPECT_EQ(t.at(1, c), all[c]);
    EXPECT_TRUE(std::isnan(t.at(2, c)));  // shorter than a frame
    EXPECT_TRUE(std::isnan(t.at(3, c)));  // after the end
  }
  EXPECT_THAT(test::error_of(
                  [&] {
                    egemaps.intervals(x.data(), 100, {{2, 1}});
                  },
                  ErrorCode::kData),
              testing::HasSubstr("expected start <= end"));
}

TEST(Egemaps, BadInputHasDefinedOutputOrAClearError) {
  const Egemaps egemaps = at_rate(16000);
  for (const int64_t num_samples : {0, 1, 319, 320, 959}) {
    const std::vector<float> x(static_cast<size_t>(num_samples), 0.1f);
    EXPECT_EQ(egemaps.frames(x.data(), num_samples).num_rows(), 0u) << num_samples;
    EXPECT_EQ(egemaps.frames(x.data(), num_samples).num_columns(), 25u);
    for (const double v : egemaps.functionals(x.data(), num_samples))
      EXPECT_TRUE(std::isnan(v)) << num_samples;
  }
  std::vector<float> clipped = harmonics(150, 1.0, 3.0, 16000);
  for (float& v : clipped) v = std::clamp(v, -1.0f, 1.0f);
  const std::vector<std::vector<float>> odd = {std::vector<float>(16000, 0.0f),
                                               std::vector<float>(16000, 0.5f), std::vector<float>(960, 0.0f),
                                               clipped};
  for (const auto& x : odd) {
    for (const double v : egemaps.functionals(x.data(), static_cast<int64_t>(x.size()))) {
      EXPECT_TRUE(std::isfinite(v));
    }
  }
  const auto silent = summary(std::vector<float>(16000, 0.0f));
  EXPECT_EQ(silent.at("F0semitoneFrom27.5Hz_sma3nz_amean"), 0);
  EXPECT_EQ(silent.at("VoicedSegmentsPerSec"), 0);
  EXPECT_NEAR(silent.at("equivalentSoundLevel_dBp"), -120, 1e-6);
  EXPECT_NEAR(summary(clipped).at("F0semitoneFrom27.5Hz_sma3nz_amean"), 12 * std::log2(150 / 27.5), 0.06);

  std::vector<float> broken(2000, 0.1f);
  broken[1234] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(test::error_of([&] { egemaps.functionals(broken.data(), 2000); }, ErrorCode::kData),
              testing::HasSubstr("sample 1234 is not finite"));
  for (const int64_t rate_hz : {0, 7999, 192001}) {
    EXPECT_THAT(test::error_of([&] { at_rate(rate_hz); }, ErrorCode::kConfig),
                testing::HasSubstr("egemaps.sample_rate_hz: must be in [8000, 192000]"));
  }
  EgemapsStream stream(egemaps);
  test::error_of([&] { stream.functionals(); }, ErrorCode::kInternal);
}

TEST(Egemaps, ThreadsShareOne) {
  const std::vector<float> x = sung_int16(16000);
  const Egemaps egemaps = at_rate(16000);
  const auto expected = egemaps.functionals(x.data(), static_cast<int64_t>(x.size()));
  std::vector<std::vector<double>> got(3);
  std::vector<std::thread> threads;
  for (auto& g : got) {
    threads.emplace_back([&] { g = egemaps.functionals(x.data(), static_cast<int64_t>(x.size())); });
  }
  for (auto& t : threads) t.join();
  for (const auto& g : got) EXPECT_EQ(g, expected);
}

}  // namespace
}  // namespace limbic::signals
