#include "limbic/signals/dsp/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "python_judge.h"

namespace limbic::signals {
namespace {

std::vector<double> sine(double hz, double rate_hz, double seconds) {
  std::vector<double> x;
  for (int i = 0; i < seconds * rate_hz; ++i) x.push_back(std::sin(2 * M_PI * hz * i / rate_hz + 0.3));
  return x;
}

struct Conversion {
  double in_hz;
  double out_hz;
};
const Conversion kConversions[] = {{44100, 16000}, {48000, 16000}, {16000, 44100}, {22050, 16000},  {4, 25},
                                   {1000, 250},    {64, 4},        {7.031, 25},    {1000.03, 250.7}};

/// Largest difference from what the sine is at the output's times, away from the ends, in dB of its
/// amplitude.
double error_db(const std::vector<double>& y, double hz, double out_hz, bool is_passed) {
  double worst = 0;
  for (size_t k = y.size() / 4; k < y.size() * 3 / 4; ++k) {
    const double ideal = is_passed ? std::sin(2 * M_PI * hz * static_cast<double>(k) / out_hz + 0.3) : 0.0;
    worst = std::max(worst, std::abs(y[k] - ideal));
  }
  return 20 * std::log10(worst + 1e-12);
}

// What is left beside the sine at its true times: ripple, phase and every image and alias at once.
TEST(Resample, PassBandIsFlatAndImagesAndAliasesAreDown) {
  for (const auto& c : kConversions) {
    const double nyquist = 0.5 * std::min(c.in_hz, c.out_hz);
    const double seconds = 1500 / std::min(c.in_hz, c.out_hz);
    double worst_pass = -300;
    double worst_stop = -300;
    for (int i = 1; i <= 12; ++i) {
      const double passed = 0.9 * nyquist * i / 12;
      worst_pass = std::max(worst_pass, error_db(resample(sine(passed, c.in_hz, seconds), c.in_hz, c.out_hz),
                                                 passed, c.out_hz, true));
      const double stopped = nyquist + (0.5 * c.in_hz - nyquist) * (i - 0.5) / 12;
      if (c.in_hz > c.out_hz)
        worst_stop = std::max(
            worst_stop,
            error_db(resample(sine(stopped, c.in_hz, seconds), c.in_hz, c.out_hz), stopped, c.out_hz, false));
    }
    // 0.01 dB would be -59 dB of the amplitude; reached is better.
    EXPECT_LT(worst_pass, -99) << c.in_hz << " to " << c.out_hz;
    EXPECT_LT(worst_stop, -100) << c.in_hz << " to " << c.out_hz;
  }
}

TEST(Resample, QualityIsKept) {
  ResampleQuality coarse;
  coarse.stop_band_db = 60;
  coarse.pass_band = 0.7;
  const double hz = 0.7 * 8000;
  EXPECT_LT(error_db(resample(sine(hz, 44100, 0.1), 44100, 16000, coarse), hz, 16000, true), -59);
  EXPECT_LT(error_db(resample(sine(8100, 44100, 0.1), 44100, 16000, coarse), 8100, 16000, false), -60);
  EXPECT_LT(StreamResampler(44100, 16000, coarse).delay_s(), 0.3 * StreamResampler(44100, 16000).delay_s());
}

TEST(Resample, PiecesGiveWhatTheWholeGives) {
  for (const auto& c : kConversions) {
    std::vector<float> x;
    for (const double v : wavy(20011)) x.push_back(static_cast<float>(v));
    const auto whole = resample(x, c.in_hz, c.out_hz);
    EXPECT_EQ(whole.size(), static_cast<size_t>(std::ceil(20011 * (c.out_hz / c.in_hz) - 1e-6)));
    StreamResampler stream(c.in_hz, c.out_hz);
    for (int round = 0; round < 2; ++round) {  // usable again after finish
      std::vector<float> pieces;
      int64_t at = 0;
      for (int64_t piece = 1; at < 20011; piece = piece * 7 % 1009) {
        const int64_t n = std::min<int64_t>(piece, 20011 - at);
        stream.push(x.data() + at, n, pieces);
        at += n;
        // What is known so far has come, but for the stated delay.
        const double due = (static_cast<double>(at) / c.in_hz - stream.delay_s()) * c.out_hz;
        ASSERT_GE(static_cast<double>(pieces.size()), due - 1);
      }
      stream.finish(pieces);
      EXPECT_EQ(pieces, whole) << c.in_hz << " to " << c.out_hz;
    }
  }
}

TEST(Resample, ConstantStaysToTheLastSample) {
  for (const auto& c : kConversions) {
    for (const double v : resample(std::vector<double>(40, 36.5), c.in_hz, c.out_hz))
      ASSERT_NEAR(v, 36.5, 1e-12);
  }
}

TEST(Resample, AgreesWithScipyInsideTheBand) {
  // Band-limited by construction, so that every right resampler says the same.
  std::vector<double> x;
  for (int i = 0; i < 4000; ++i) {
    const double t = i / 44100.0;
    x.push_back(std::sin(2 * M_PI * 440 * t) + 0.5 * std::sin(2 * M_PI * 3100 * t) +
                0.2 * std::cos(2 * M_PI * 6500 * t));
  }
  Verdict scipy(
      judged("from scipy.signal import resample_poly, firwin\n"
             "taps = firwin(72001, 0.95 / 441, window=('kaiser', 10.0))\n"
             "give(resample_poly(x, 160, 441, window=taps)[500:900])",
             x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  const auto y = resample(x, 44100, 16000);
  scipy.expect({y.begin() + 500, y.begin() + 900}, 2e-5, "44.1 to 16 kHz");
}

TEST(Resample, BadInputIsDefined) {
  EXPECT_TRUE(resample(std::vector<double>{}, 44100, 16000).empty());
  EXPECT_EQ(resample(std::vector<double>{3}, 4, 25).size(), 7u);
  EXPECT_NEAR(resample(std::vector<double>{3}, 44100, 16000).at(0), 3, 1e-12);
  EXPECT_EQ(resample(std::vector<double>{1, -2, 3}, 16000, 16000), (std::vector<double>{1, -2, 3}));
  const double nan = std::nan("");
  const auto y = resample(std::vector<double>{1, 1, nan, 1, 1}, 4, 8);
  ASSERT_EQ(y.size(), 10u);
  for (size_t k = 0; k < 10; ++k) {
    if (k >= 3 && k <= 5) {
      EXPECT_TRUE(std::isnan(y[k])) << k;
    } else {
      EXPECT_NEAR(y[k], 1, 1e-12) << k;
    }
  }
  for (const double v : resample(std::vector<double>{nan, nan}, 4, 8)) EXPECT_TRUE(std::isnan(v));
  for (const double rate : {0.0, -4.0, nan, HUGE_VAL}) {
    test::error_of([&] { resample(std::vector<double>{1}, rate, 4); }, ErrorCode::kConfig);
    test::error_of([&] { StreamResampler stream(4, rate); }, ErrorCode::kConfig);
  }
  EXPECT_NE(
      test::error_of([] { StreamResampler stream(44100, 4); }, ErrorCode::kConfig).find("factor of 1000"),
      std::string::npos);
  ResampleQuality all;
  all.pass_band = 1;
  test::error_of([&] { StreamResampler stream(44100, 16000, all); }, ErrorCode::kConfig);
}

TEST(Interpolate, LinearKeepsGapsAndEndsMissing) {
  const std::vector<double> t{-1, 0, 1, 4};
  const std::vector<double> x{1, 2, 3, 0};
  const auto y = interpolate(t, x, {-2, -1, -0.5, 0.25, 4, 2.5, 5}, 2);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 1);
  EXPECT_EQ(y[2], 1.5);
  EXPECT_EQ(y[3], 2.25);
  EXPECT_EQ(y[4], 0);
  EXPECT_TRUE(std::isnan(y[5]));
  EXPECT_TRUE(std::isnan(y[6]));
  EXPECT_EQ(interpolate(t, x, {2.5})[0], 1.5);
  EXPECT_EQ(interpolate(t, {1, std::nan(""), 3, 0}, {0})[0], 2);
  EXPECT_TRUE(std::isnan(interpolate({}, {}, {0})[0]));
  EXPECT_EQ(interpolate({2}, {5}, {2})[0], 5);
  EXPECT_EQ(test::error_of(
                [] {
                  interpolate({1, 1}, {1, 2}, {1});
                },
                ErrorCode::kData),
            "interpolate: sample 1 at 1.000000 s does not come after 1.000000 s; expected increasing times");
}

TEST(Interpolate, CubicsAreScipys) {
  std::vector<double> t;
  const auto x = wavy(40);
  for (int i = 0; i < 40; ++i) t.push_back(0.8 * i + 0.3 * std::sin(1.7 * i));
  auto both = x;
  both.insert(both.end(), t.begin(), t.end());
  Verdict scipy(judged(R"(
from scipy.interpolate import PchipInterpolator, CubicSpline
for n in (40, 3, 2):
  y, t = x[:n], x[40:40 + n]
  at = t[0] + (t[-1] - t[0]) * np.arange(200) / 199.5
  give(PchipInterpolator(t, y)(at)); give(CubicSpline(t, y, bc_type='natural')(at))
)",
                       both));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const int64_t n : {40, 3, 2}) {
    const std::vector<double> tn(t.begin(), t.begin() + n);
    const std::vector<double> xn(x.begin(), x.begin() + n);
    std::vector<double> at;
    for (int i = 0; i < 200; ++i) at.push_back(tn.front() + (tn.back() - tn.front()) * i / 199.5);
    scipy.expect(interpolate_cubic(tn, xn, at), 1e-10, "shape-preserving");
    scipy.expect(interpolate_cubic(tn, xn, at, 0, Cubic::kNatural), 1e-10, "natural");
  }
}

}  // namespace
}  // namespace limbic::signals
