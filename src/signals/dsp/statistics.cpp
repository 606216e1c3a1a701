#include "limbic/signals/dsp/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace limbic::signals {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<double> finite(const std::vector<double>& x) {
  std::vector<double> out;
  out.reserve(x.size());
  for (const double v : x) {
    if (std::isfinite(v)) out.push_back(v);
  }
  return out;
}

/// How many are finite, and the sum of (x - centre)^power over them.
struct Moment {
  double count = 0;
  double sum = 0;
};
Moment moment(const std::vector<double>& x, double centre, int power) {
  Moment m;
  for (const double v : x) {
    if (!std::isfinite(v)) continue;
    const double d = v - centre;
    double term = d;
    for (int i = 1; i < power; ++i) term *= d;
    m.count += 1;
    m.sum += term;
  }
  return m;
}

/// m_power / m_2^(power / 2); none for a constant.
double standard_moment(const std::vector<double>& x, int power) {
  const double centre = mean(x);
  const Moment second = moment(x, centre, 2);
  if (second.count == 0) return kNone;
  const double variance = second.sum / second.count;
  // Below rounding of the mean: scipy's rule for a constant.
  const double rounding = std::numeric_limits<double>::epsilon() * centre;
  if (variance <= rounding * rounding) return kNone;
  return moment(x, centre, power).sum / second.count / std::pow(variance, 0.5 * power);
}

/// Of sorted values.
double rank_value(const std::vector<double>& sorted, double percent) {
  const double rank = percent / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double mean(const std::vector<double>& x) {
  const Moment m = moment(x, 0.0, 1);
  return m.count > 0 ? m.sum / m.count : kNone;
}

double standard_deviation(const std::vector<double>& x) {
  const Moment m = moment(x, mean(x), 2);
  return m.count > 0 ? std::sqrt(m.sum / m.count) : kNone;
}

double sample_deviation(const std::vector<double>& x) {
  const Moment m = moment(x, mean(x), 2);
  return m.count > 1 ? std::sqrt(m.sum / (m.count - 1)) : kNone;
}

double minimum(const std::vector<double>& x) {
  double least = kNone;
  for (const double v : x) {
    if (std::isfinite(v) && !(v >= least)) least = v;
  }
  return least;
}

double maximum(const std::vector<double>& x) {
  double most = kNone;
  for (const double v : x) {
    if (std::isfinite(v) && !(v <= most)) most = v;
  }
  return most;
}

double median(const std::vector<double>& x) {
  std::vector<double> values = finite(x);
  if (values.empty()) return kNone;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*std::max_element(values.begin(), middle) + *middle);
}

std::vector<double> percentiles(const std::vector<double>& x, const std::vector<double>& percents) {
  std::vector<double> values = finite(x);
  std::sort(values.begin(), values.end());
  std::vector<double> out;
  for (const double percent : percents) {
    const bool is_defined = !values.empty() && percent >= 0 && percent <= 100;
    out.push_back(is_defined ? rank_value(values, percent) : kNone);
  }
  return out;
}

double percentile(const std::vector<double>& x, double percent) {
  return percentiles(x, {percent}).front();
}

double median_deviation(const std::vector<double>& x) {
  const double centre = median(x);
  std::vector<double> distance;
  for (const double v : x) distance.push_back(std::abs(v - centre));
  return median(distance);
}

double skewness(const std::vector<double>& x) {
  return standard_moment(x, 3);
}

double kurtosis(const std::vector<double>& x) {
  return standard_moment(x, 4) - 3.0;
}

double root_mean_square(const std::vector<double>& x) {
  const Moment m = moment(x, 0.0, 2);
  return m.count > 0 ? std::sqrt(m.sum / m.count) : kNone;
}

double slope(const std::vector<double>& x, double rate_hz) {
  double count = 0;
  double mean_time = 0;
  const double mean_value = mean(x);
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) continue;
    count += 1;
    mean_time += static_cast<double>(i);
  }
  if (count < 2) return kNone;
  mean_time /= count;
  double tt = 0;
  double ty = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) continue;
    const double t = static_cast<double>(i) - mean_time;
    tt += t * t;
    ty += t * (x[i] - mean_value);
  }
  return rate_hz * ty / tt;
}

}  // namespace limbic::signals
