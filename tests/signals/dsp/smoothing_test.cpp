#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limbic/signals/dsp/filter.h"
#include "python_judge.h"

namespace limbic::signals {
namespace {

TEST(Smoothing, MedianFilterIsScipysExactly) {
  auto x = wavy(700);
  for (size_t i = 0; i < x.size(); i += 3) x[i] = std::round(4 * x[i]);  // ties
  Verdict scipy(judged(R"(
from scipy.ndimage import median_filter
for w in (1, 3, 5, 31, 101, 699, 901): give(median_filter(x, w, mode='nearest'))
give(median_filter(x[:2], 5, mode='nearest'))
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const int64_t w : {1, 3, 5, 31, 101, 699, 901})
    scipy.expect(median_filter(x, w), 0.0, "window " + std::to_string(w));
  scipy.expect(median_filter({x[0], x[1]}, 5), 0.0, "two samples");
}

TEST(Smoothing, SavitzkyGolayIsScipys) {
  const auto x = wavy(200);
  Verdict scipy(judged(R"(
from scipy.signal import savgol_filter
for w, p, d, h in ((5, 2, 0, 1.0), (11, 3, 1, 0.25), (31, 4, 2, 0.01), (199, 3, 0, 1.0), (7, 6, 3, 1.0), (3, 0, 0, 1.0), (1, 0, 0, 1.0)):
  give(savgol_filter(x, w, p, deriv=d, delta=h))
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  scipy.expect(savitzky_golay(x, 5, 2), 1e-9, "5, 2");
  scipy.expect(savitzky_golay(x, 11, 3, 1, 0.25), 1e-9, "11, 3, 1");
  scipy.expect(savitzky_golay(x, 31, 4, 2, 0.01), 1e-9, "31, 4, 2");
  scipy.expect(savitzky_golay(x, 199, 3), 1e-9, "199, 3");
  scipy.expect(savitzky_golay(x, 7, 6, 3), 1e-9, "7, 6, 3");
  scipy.expect(savitzky_golay(x, 3, 0), 1e-9, "3, 0");
  scipy.expect(savitzky_golay(x, 1, 0), 1e-9, "1, 0");
}

TEST(Smoothing, MovingAverageIsAUniformFilterAwayFromTheEnds) {
  const auto x = wavy(100);
  Verdict scipy(
      judged("from scipy.ndimage import uniform_filter1d\n"
             "for w in (1, 4, 9): give(uniform_filter1d(x, w)[10:90])",
             x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const int64_t w : {1, 4, 9}) {
    const auto y = moving_average(x, w);
    scipy.expect({y.begin() + 10, y.begin() + 90}, 1e-12, "window " + std::to_string(w));
  }
}

TEST(Smoothing, GoldenNumbers) {
  EXPECT_EQ(median_filter({5, 1, 4, 2, 3}, 3), (std::vector<double>{5, 4, 2, 3, 3}));
  const auto cubic = [](double t) { return 1 - t + 0.5 * t * t - 0.1 * t * t * t; };
  std::vector<double> x;
  for (int i = 0; i < 20; ++i) x.push_back(cubic(0.5 * i));
  const auto slope = savitzky_golay(x, 7, 3, 1, 0.5);
  for (size_t i = 0; i < x.size(); ++i) {
    const double t = 0.5 * static_cast<double>(i);
    EXPECT_NEAR(slope[i], -1 + t - 0.3 * t * t, 1e-10);
  }
  EXPECT_EQ(moving_average({1, 2, 3, 4}, 3), (std::vector<double>{1.5, 2, 3, 3.5}));
  EXPECT_EQ(moving_average({1, 2, 3, 4}, 2), (std::vector<double>{1, 1.5, 2.5, 3.5}));
  EXPECT_EQ(moving_average({1, 2, 3}, 99), (std::vector<double>{2, 2, 2}));
}

TEST(Smoothing, MissingShortAndWrongInput) {
  const double nan = std::nan("");
  const auto median = median_filter({1, nan, 5, 9, 1}, 3);
  EXPECT_EQ(median[0], 1);
  EXPECT_TRUE(std::isnan(median[1]));
  EXPECT_EQ(median[3], 5);
  EXPECT_TRUE(median_filter({}, 3).empty());
  const auto smooth = savitzky_golay({1, 2, 3, nan, 7}, 11, 3);  // runs of 3 and of 1
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(smooth[i], static_cast<double>(i + 1), 1e-12);
  EXPECT_TRUE(std::isnan(smooth[3]));
  EXPECT_NEAR(smooth[4], 7, 1e-12);
  EXPECT_EQ(savitzky_golay({4}, 5, 2, 1).at(0), 0);
  const auto mean = moving_average({1, nan, 3, INFINITY, 5}, 3);
  EXPECT_EQ(mean[0], 1);
  EXPECT_TRUE(std::isnan(mean[1]));
  EXPECT_EQ(mean[2], 3);
  EXPECT_EQ(mean[4], 5);
  EXPECT_EQ(test::error_of([] { median_filter({1}, 4); }, ErrorCode::kConfig),
            "median_filter: window 4; expected an odd number of samples");
  test::error_of([] { savitzky_golay({1}, 5, 5); }, ErrorCode::kConfig);
  test::error_of([] { savitzky_golay({1}, 5, 2, 1, 0); }, ErrorCode::kConfig);
  test::error_of([] { moving_average({1}, 0); }, ErrorCode::kConfig);
}

TEST(Smoothing, GapsAreFilledByLinesUpToTheirLimit) {
  const double nan = std::nan("");
  EXPECT_EQ(fill_gaps({nan, 1, nan, nan, 4, nan}), (std::vector<double>{1, 1, 2, 3, 4, 4}));
  const auto some = fill_gaps({nan, 1, nan, nan, 4, nan, 6}, 1);
  EXPECT_EQ(some[0], 1);
  EXPECT_TRUE(std::isnan(some[2]));
  EXPECT_TRUE(std::isnan(some[3]));
  EXPECT_EQ(some[5], 5);
  EXPECT_TRUE(std::isnan(fill_gaps({nan, nan})[1]));
  EXPECT_TRUE(fill_gaps({}).empty());
}

}  // namespace
}  // namespace limbic::signals
