#include "limbic/signals/dsp/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "python_judge.h"

namespace limbic::signals {
namespace {

std::vector<double> all_of(const std::vector<double>& x) {
  return {mean(x),     standard_deviation(x), sample_deviation(x), minimum(x),          maximum(x),
          median(x),   percentile(x, 5),      percentile(x, 95),   median_deviation(x), skewness(x),
          kurtosis(x), root_mean_square(x),   slope(x, 4.0)};
}

TEST(Statistics, AreNumpysAndScipys) {
  const auto x = wavy(501);
  Verdict scipy(judged(R"(
from scipy import stats
for a in (x, x[:500], x[:2]):
  give([a.mean(), a.std(), a.std(ddof=1), a.min(), a.max(), np.median(a), np.percentile(a, 5), np.percentile(a, 95),
        stats.median_abs_deviation(a), stats.skew(a), stats.kurtosis(a), np.sqrt((a * a).mean()), stats.linregress(np.arange(len(a)) / 4.0, a)[0]])
)",
                       x));
  LIMBIC_REQUIRE_JUDGE(scipy);
  for (const int64_t n : {501, 500, 2})
    scipy.expect(all_of({x.begin(), x.begin() + n}), 1e-11, std::to_string(n));
}

TEST(Statistics, OfKnownNumbers) {
  const std::vector<double> x{1, 2, 3, 4, 10};
  EXPECT_DOUBLE_EQ(mean(x), 4);
  EXPECT_DOUBLE_EQ(standard_deviation(x), std::sqrt(10.0));
  EXPECT_DOUBLE_EQ(sample_deviation(x), std::sqrt(12.5));
  EXPECT_DOUBLE_EQ(median(x), 3);
  EXPECT_DOUBLE_EQ(percentile(x, 90), 7.6);
  EXPECT_DOUBLE_EQ(median_deviation(x), 1);
  EXPECT_DOUBLE_EQ(skewness(x), 36.0 / std::pow(10.0, 1.5));
  EXPECT_DOUBLE_EQ(kurtosis(x), 278.8 / 100.0 - 3.0);
  EXPECT_DOUBLE_EQ(slope(x, 2.0), 4.0);
  EXPECT_EQ(percentiles(x, {0, 50, 100}), (std::vector<double>{1, 3, 10}));
}

TEST(Statistics, LeaveMissingValuesOut) {
  const double nan = std::nan("");
  const std::vector<double> x{nan, 1, 2, INFINITY, 4};
  EXPECT_DOUBLE_EQ(mean(x), 7.0 / 3.0);
  EXPECT_DOUBLE_EQ(maximum(x), 4);
  EXPECT_DOUBLE_EQ(minimum(x), 1);
  EXPECT_DOUBLE_EQ(median(x), 2);
  EXPECT_DOUBLE_EQ(slope({nan, 1, 2, nan, 4}, 10.0), 10.0);  // at its own time, not shifted
}

TEST(Statistics, AreMissingOfTooFew) {
  for (const double v : all_of({})) EXPECT_TRUE(std::isnan(v));
  for (const double v : all_of({std::nan("")})) EXPECT_TRUE(std::isnan(v));
  EXPECT_EQ(standard_deviation({3}), 0);
  EXPECT_TRUE(std::isnan(sample_deviation({3})));
  EXPECT_TRUE(std::isnan(slope({3}, 1)));
  EXPECT_TRUE(std::isnan(skewness({0.1, 0.1, 0.1})));
  EXPECT_TRUE(std::isnan(kurtosis({0.1, 0.1, 0.1})));
  EXPECT_TRUE(std::isnan(percentile({1, 2}, 101)));
}

}  // namespace
}  // namespace limbic::signals
