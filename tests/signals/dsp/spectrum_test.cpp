#include "limbic/signals/dsp/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limbic/signals/dsp/statistics.h"
#include "python_judge.h"

namespace limbic::signals {
namespace {

TEST(Spectrum, WelchIsScipys) {
  const auto x = wavy(1000);
  Verdict scipy(judged(R"(
from scipy.signal import welch
for w, n, nfft, k in (('hann', 256, None, 1000), ('blackman', 128, 512, 1000), ('hamming', 101, None, 1000), ('boxcar', 64, 99, 1000), ('hann', 256, None, 77), ('hann', 256, None, 1), ('hann', 8, None, 2)):
  if k == 1 and nfft is None: n = 1
  f, p = welch(x[:k], 4.0, window=w, nperseg=min(n, k), nfft=nfft)
  give(f); give(p)
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  struct Case {
    Taper taper;
    int64_t segment;
    int64_t nfft;
    int64_t size;
  };
  for (const auto& c :
       {Case{Taper::kHann, 256, 0, 1000}, Case{Taper::kBlackman, 128, 512, 1000},
        Case{Taper::kHamming, 101, 0, 1000}, Case{Taper::kRectangular, 64, 99, 1000},
        Case{Taper::kHann, 256, 0, 77}, Case{Taper::kHann, 256, 0, 1}, Case{Taper::kHann, 8, 0, 2}}) {
    const auto spectrum = welch({x.begin(), x.begin() + c.size}, 4.0, c.segment, c.taper, c.nfft);
    const std::string what = std::to_string(c.segment) + " of " + std::to_string(c.size);
    scipy.expect(spectrum.frequency_hz, 1e-12, "frequency " + what);
    scipy.expect(spectrum.density, 1e-11, "density " + what);
  }
  EXPECT_TRUE(scipy.is_used_up());
}

std::vector<double> uneven_times(int64_t count) {
  std::vector<double> t;
  for (int64_t i = 0; i < count; ++i) {
    const auto k = static_cast<double>(i);
    t.push_back(-3.0 + 0.8 * k + 0.3 * std::sin(1.7 * k));
  }
  return t;
}

TEST(Spectrum, LombScargleIsScipysTimesTwiceTheMeanInterval) {
  const auto x = wavy(300);
  const auto t = uneven_times(300);
  auto both = x;
  both.insert(both.end(), t.begin(), t.end());
  std::vector<double> f;
  for (int i = 1; i <= 200; ++i) f.push_back(0.003 * i);
  Verdict scipy(judged(R"(
from scipy.signal import lombscargle
y, t = x[:300], x[300:]
f = 0.003 * np.arange(1, 201)
give(lombscargle(t, y - y.mean(), 2 * np.pi * f) * 2 * (t[-1] - t[0]) / 299)
)",
                       both));
  LIMBIC_REQUIRE_JUDGE(scipy);
  scipy.expect(lomb_scargle(t, x, f).density, 1e-9, "density");
}

// Golden numbers of scipy 1.10.1: welch(x, 4, nperseg=6) and lombscargle as above.
TEST(Spectrum, GoldenNumbers) {
  const std::vector<double> x{1, 2, 4, 8, 16, 8, 4, 2, 1, 0, 0, 0};
  const std::vector<double> welch_density{2.0416666666666683, 12.94907407407407, 3.4907407407407405,
                                          0.7731481481481483};
  const auto got = welch(x, 4.0, 6).density;
  ASSERT_EQ(got.size(), welch_density.size());
  for (size_t k = 0; k < got.size(); ++k) EXPECT_NEAR(got[k], welch_density[k], 1e-12);
  std::vector<double> t;
  for (int i = 0; i < 12; ++i) t.push_back(i + 0.1 * i * i);
  const auto uneven = lomb_scargle(t, x, {0.05, 0.1, 0.3}).density;
  EXPECT_NEAR(uneven[0], 297.87830970761775, 1e-9);
  EXPECT_NEAR(uneven[1], 143.47766632148955, 1e-9);
  EXPECT_NEAR(uneven[2], 74.60361740186997, 1e-9);
}

TEST(Spectrum, LombScargleOfWhiteNoiseIntegratesToItsVariance) {
  std::vector<double> noise = wavy(4000);
  for (size_t i = 0; i < noise.size(); ++i)
    noise[i] -= std::sin(0.157 * static_cast<double>(i)) + 0.001 * static_cast<double>(i);
  const auto t = uneven_times(4000);
  std::vector<double> f;
  for (int i = 1; i <= 2500; ++i) f.push_back(0.625 * i / 2500);  // half of the mean rate of 1.25 Hz
  const double deviation = standard_deviation(noise);
  EXPECT_NEAR(band_power(lomb_scargle(t, noise, f), 0, 0.625), deviation * deviation,
              0.06 * deviation * deviation);
}

TEST(Spectrum, PowerOfASineIsHalfItsSquaredAmplitude) {
  std::vector<double> x;
  for (int i = 0; i < 4096; ++i) x.push_back(3.0 * std::sin(2 * M_PI * 0.1 * i / 4.0) + 10.0);
  const auto spectrum = welch(x, 4.0, 512);
  EXPECT_NEAR(band_power(spectrum, 0.05, 0.15), 4.5, 0.01);
  EXPECT_NEAR(band_power(spectrum, 0.5, 1.5), 0.0, 1e-6);
}

TEST(Spectrum, BandPowerInterpolatesItsEdges) {
  const PowerSpectrum line{{0, 1, 2, 3}, {0, 2, 4, 6}};  // density 2 f
  EXPECT_DOUBLE_EQ(band_power(line, 0.5, 2.25), 2.25 * 2.25 - 0.25);
  EXPECT_DOUBLE_EQ(band_power(line, 1.2, 1.4), 1.4 * 1.4 - 1.2 * 1.2);
  EXPECT_DOUBLE_EQ(band_power(line, 2, 99), 5);
  EXPECT_TRUE(std::isnan(band_power(line, 3, 4)));
  EXPECT_TRUE(std::isnan(band_power(line, 2, 2)));
  EXPECT_TRUE(std::isnan(band_power({{1}, {1}}, 0, 2)));
}

TEST(Spectrum, BadInputIsDefined) {
  EXPECT_TRUE(welch({}, 4.0, 8).density.empty());
  for (const double p : welch(std::vector<double>(100, 3.0), 4.0, 32).density) EXPECT_NEAR(p, 0, 1e-25);
  EXPECT_NE(test::error_of(
                [] {
                  welch({1, 2}, 0, 8);
                },
                ErrorCode::kConfig)
                .find("sampling rate 0.0"),
            std::string::npos);
  test::error_of([] { welch({1, 2}, 4, 0); }, ErrorCode::kConfig);
  test::error_of([] { welch({1, 2}, 4, 8, Taper::kHann, 4); }, ErrorCode::kConfig);
  EXPECT_TRUE(std::isnan(lomb_scargle({1}, {1}, {0.1}).density.at(0)));
  EXPECT_TRUE(std::isnan(lomb_scargle({1, 1}, {1, 2}, {0.1}).density.at(0)));
  const auto t = uneven_times(50);
  auto x = wavy(50);
  const auto all = lomb_scargle({t.begin() + 1, t.end()}, {x.begin() + 1, x.end()}, {0.0, 0.1});
  x[0] = std::nan("");
  EXPECT_EQ(lomb_scargle(t, x, {0.0, 0.1}).density, all.density);
  EXPECT_EQ(all.density[0], 0);
  EXPECT_TRUE(std::isnan(lomb_scargle(t, x, {-0.1}).density.at(0)));
}

}  // namespace
}  // namespace limbic::signals
