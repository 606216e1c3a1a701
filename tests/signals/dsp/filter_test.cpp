#include "limbic/signals/dsp/filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "python_judge.h"

namespace limbic::signals {
namespace {

std::vector<double> flat(const BiquadCascade& sections) {
  std::vector<double> out;
  for (const Biquad& s : sections) out.insert(out.end(), {s.b0, s.b1, s.b2, 1.0, s.a1, s.a2});
  return out;
}

TEST(Filter, ButterworthSectionsAreThoseOfScipy) {
  Verdict scipy(judged(R"(
from scipy.signal import butter, iirnotch
for fs in (4.0, 64.0, 1000.0):
  for n in range(1, 13):
    give(butter(n, 0.1 * fs, 'low', fs=fs, output='sos'))
    give(butter(n, 0.03 * fs, 'high', fs=fs, output='sos'))
    give(butter(n, [0.03 * fs, 0.1 * fs], 'band', fs=fs, output='sos'))
    give(butter(n, [0.02 * fs, 0.41 * fs], 'band', fs=fs, output='sos'))
    give(butter(n, [0.03 * fs, 0.1 * fs], 'bandstop', fs=fs, output='sos'))
for fs in (250.0, 1000.0):
  b, a = iirnotch(50.0, 30.0, fs=fs)
  give(b); give(a)
)",
                       {0.0}));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const double fs : {4.0, 64.0, 1000.0}) {
    for (int64_t n = 1; n <= 12; ++n) {
      const std::string what = "order " + std::to_string(n) + " at " + std::to_string(fs);
      scipy.expect(flat(butterworth(n, Band::kLowPass, 0, 0.1 * fs, fs)), 1e-12, "low-pass " + what);
      scipy.expect(flat(butterworth(n, Band::kHighPass, 0.03 * fs, 0, fs)), 1e-12, "high-pass " + what);
      scipy.expect(flat(butterworth(n, Band::kBandPass, 0.03 * fs, 0.1 * fs, fs)), 1e-12,
                   "band-pass " + what);
      scipy.expect(flat(butterworth(n, Band::kBandPass, 0.02 * fs, 0.41 * fs, fs)), 1e-12, "wide " + what);
      scipy.expect(flat(butterworth(n, Band::kBandStop, 0.03 * fs, 0.1 * fs, fs)), 1e-12,
                   "band-stop " + what);
    }
  }
  for (const double fs : {250.0, 1000.0}) scipy.expect(flat(notch(50.0, 30.0, fs)), 1e-12, "notch");
  EXPECT_TRUE(scipy.is_used_up());
}

TEST(Filter, BothWaysIsSosfiltfilt) {
  const auto x = wavy(500);
  Verdict scipy(judged(R"(
from scipy.signal import butter, sosfiltfilt
for n, w, kind, fs in ((4, 3.0, 'low', 100.0), (2, 0.05, 'high', 4.0), (3, [0.5, 8.0], 'band', 64.0), (5, 1.0, 'low', 4.0), (8, 0.01, 'high', 2.0)):
  sos = butter(n, w, kind, fs=fs, output='sos')
  give(sosfiltfilt(sos, x))
  ntaps = 2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
  give(sosfiltfilt(sos, x[:3 * ntaps + 1]))
  give(sosfiltfilt(sos, x[:9], padlen=8))
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  struct Case {
    BiquadCascade sections;
    int64_t padding;
  };
  for (const auto& c : {Case{butterworth(4, Band::kLowPass, 0, 3.0, 100.0), 15},
                        Case{butterworth(2, Band::kHighPass, 0.05, 0, 4.0), 9},
                        Case{butterworth(3, Band::kBandPass, 0.5, 8.0, 64.0), 21},
                        Case{butterworth(5, Band::kLowPass, 0, 1.0, 4.0), 18},
                        Case{butterworth(8, Band::kHighPass, 0.01, 0, 2.0), 27}}) {
    scipy.expect(filter_both_ways(c.sections, x), 1e-9, "whole");
    scipy.expect(filter_both_ways(c.sections, {x.begin(), x.begin() + c.padding + 1}), 1e-9,
                 "shortest of scipy's");
    scipy.expect(filter_both_ways(c.sections, {x.begin(), x.begin() + 9}), 1e-9, "short");
  }
  EXPECT_TRUE(scipy.is_used_up());
}

// Golden numbers of scipy 1.10.1: butter(3, [0.5, 8], "band", fs=64, output="sos") and
// sosfiltfilt(butter(2, 0.05, "high", fs=4, output="sos"), x).
TEST(Filter, GoldenNumbers) {
  const std::vector<double> sections{0.02699180672122145,
                                     0.0539836134424429,
                                     0.02699180672122145,
                                     1.0,
                                     -1.0939407984014364,
                                     0.5205046340483983,
                                     1.0,
                                     0.0,
                                     -1.0,
                                     1.0,
                                     -1.4142135623730951,
                                     0.44326951389086433,
                                     1.0,
                                     -2.0,
                                     1.0,
                                     1.0,
                                     -1.9528522167844258,
                                     0.95532891506797};
  const auto got = flat(butterworth(3, Band::kBandPass, 0.5, 8.0, 64.0));
  ASSERT_EQ(got.size(), sections.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], sections[i], 1e-12);
  const std::vector<double> filtered{0.5720370172203415, 1.6912286009635493, 3.820052094271195,
                                     7.959669236599503,  16.111055396354313, 8.274858395448728,
                                     4.451321233519188,  2.640347328979236,  1.8416296259952871,
                                     1.0547410977723963, 1.2791795070044043, 1.514387886300764};
  const auto y =
      filter_both_ways(butterworth(2, Band::kHighPass, 0.05, 0, 4.0), {1, 2, 4, 8, 16, 8, 4, 2, 1, 0, 0, 0});
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], filtered[i], 1e-9);
}

TEST(Filter, ZeroPhaseLeavesAPassedSineWhereItIs) {
  const auto sections = butterworth(4, Band::kBandPass, 0.5, 8.0, 64.0);
  std::vector<double> x;
  for (int i = 0; i < 1280; ++i) x.push_back(std::sin(2 * M_PI * 2.0 * i / 64.0));
  const auto y = filter_both_ways(sections, x);
  for (size_t i = 400; i < 880; ++i) ASSERT_NEAR(y[i], x[i], 1e-2);
}

TEST(Filter, ShortConstantAndMissingInputIsDefined) {
  const auto low = butterworth(4, Band::kLowPass, 0, 3.0, 100.0);
  EXPECT_TRUE(filter_both_ways(low, {}).empty());
  EXPECT_NEAR(filter_both_ways(low, {2.5}).at(0), 2.5, 1e-12);
  for (const double v : filter_both_ways(low, std::vector<double>(50, 7.0))) EXPECT_NEAR(v, 7.0, 1e-9);
  for (const double v : filter_both_ways(butterworth(2, Band::kHighPass, 1, 0, 100.0), {3, 3, 3, 3}))
    EXPECT_NEAR(v, 0.0, 1e-12);

  auto x = wavy(300);
  x[100] = std::nan("");
  x[299] = std::nan("");
  const auto y = filter_runs(low, x);
  ASSERT_EQ(y.size(), x.size());
  EXPECT_TRUE(std::isnan(y[100]));
  EXPECT_TRUE(std::isnan(y[299]));
  EXPECT_EQ(std::vector<double>(y.begin(), y.begin() + 100),
            filter_both_ways(low, {x.begin(), x.begin() + 100}));
  EXPECT_EQ(std::vector<double>(y.begin() + 101, y.begin() + 299),
            filter_both_ways(low, {x.begin() + 101, x.begin() + 299}));
}

TEST(Filter, CausalFilterSettlesOnTheFirstSampleAndSkipsMissingOnes) {
  CausalFilter low(butterworth(3, Band::kLowPass, 0, 1.0, 25.0));
  for (int i = 0; i < 20; ++i) EXPECT_NEAR(low.next(5.0), 5.0, 1e-12);
  EXPECT_TRUE(std::isnan(low.next(std::nan(""))));
  EXPECT_NEAR(low.next(5.0), 5.0, 1e-12);
  low.reset();
  EXPECT_NEAR(low.next(-1.0), -1.0, 1e-12);
  CausalFilter at_rest(butterworth(3, Band::kLowPass, 0, 1.0, 25.0), false);
  EXPECT_LT(at_rest.next(5.0), 1.0);
}

TEST(Filter, CausalFilterIsSosfilt) {
  const auto x = wavy(200);
  Verdict scipy(judged(R"(
from scipy.signal import butter, sosfilt, sosfilt_zi
sos = butter(4, [0.5, 8.0], 'band', fs=64.0, output='sos')
give(sosfilt(sos, x))
give(sosfilt(sos, x, zi=sosfilt_zi(sos) * x[0])[0])
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const bool settle : {false}) {
    CausalFilter filter(butterworth(4, Band::kBandPass, 0.5, 8.0, 64.0), settle);
    std::vector<double> y;
    for (const double v : x) y.push_back(filter.next(v));
    scipy.expect(y, 1e-12, "causal");
  }
}

TEST(Filter, WrongEdgesAreNamed) {
  EXPECT_EQ(
      test::error_of([] { butterworth(2, Band::kLowPass, 0, 2.0, 4.0); }, ErrorCode::kConfig),
      "butterworth: high_hz 2.000000 Hz; expected above 0 and below half the sampling rate (2.000000 Hz)");
  EXPECT_NE(
      test::error_of([] { butterworth(2, Band::kHighPass, 0, 2.0, 4.0); }, ErrorCode::kConfig).find("low_hz"),
      std::string::npos);
  EXPECT_NE(
      test::error_of([] { butterworth(2, Band::kBandPass, 1, 1, 4.0); }, ErrorCode::kConfig).find("low_hz"),
      std::string::npos);
  EXPECT_NE(
      test::error_of([] { butterworth(13, Band::kLowPass, 0, 1, 4.0); }, ErrorCode::kConfig).find("order 13"),
      std::string::npos);
  for (const double rate : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    test::error_of([&] { butterworth(2, Band::kLowPass, 0, 1, rate); }, ErrorCode::kConfig);
    test::error_of([&] { notch(50, 30, rate); }, ErrorCode::kConfig);
  }
  test::error_of([] { notch(50, 0, 250); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::signals
