#pragma once
#include <vector>

namespace limbic::signals {

// Of the finite values; NaN when there are none (too few for the statistic).
double mean(const std::vector<double>& x);
double standard_deviation(const std::vector<double>& x);  ///< population
double sample_deviation(const std::vector<double>& x);    ///< n - 1
double minimum(const std::vector<double>& x);
double maximum(const std::vector<double>& x);
double median(const std::vector<double>& x);
double percentile(const std::vector<double>& x, double percent);  ///< linear between ranks, numpy's default
/// Several at one sort.
std::vector<double> percentiles(const std::vector<double>& x, const std::vector<double>& percents);
double median_deviation(const std::vector<double>& x);  ///< median |x - median|, not scaled
double skewness(const std::vector<double>& x);          ///< population, as scipy.stats.skew
double kurtosis(const std::vector<double>& x);          ///< excess, as scipy.stats.kurtosis
double root_mean_square(const std::vector<double>& x);
/// Slope per second of the least-squares line through samples at rate_hz.
double slope(const std::vector<double>& x, double rate_hz);

}  // namespace limbic::signals
