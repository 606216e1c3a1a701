#include "limbic/eval/seed_statistics.h"

#include <cmath>
#include <limits>

namespace limbic::eval {
namespace {

/// P(|T| <= t): the finite sums for whole degrees of freedom, Abramowitz & Stegun 26.7.3 and 26.7.4.
double central_probability(double t, int64_t freedom) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(freedom)));
  const double cosine = std::cos(angle);
  const bool is_odd = freedom % 2 == 1;
  double term = is_odd ? cosine : 1.0;
  double sum = freedom > 1 ? term : 0.0;
  for (int64_t k = is_odd ? 3 : 2; k < freedom - 1; k += 2) {
    term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return is_odd ? 2.0 / M_PI * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

double student_t_quantile(double p, int64_t freedom) {
  if (p < 0.5) return -student_t_quantile(1.0 - p, freedom);
  const double central = 2.0 * p - 1.0;
  double low = 0.0;
  double high = 1.0;
  while (central_probability(high, freedom) < central) high *= 2.0;
  while (high - low > 1e-12 * high) {
    const double middle = (low + high) / 2.0;
    if (middle <= low || middle >= high) break;
    (central_probability(middle, freedom) < central ? low : high) = middle;
  }
  return (low + high) / 2.0;
}

SeedStatistics seed_statistics(const std::vector<double>& values) {
  SeedStatistics statistics;
  statistics.count = static_cast<int64_t>(values.size());
  const auto n = static_cast<double>(values.size());
  for (const double value : values) statistics.mean += value / n;
  if (values.size() < 2) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    statistics.low = -kInfinity;
    statistics.high = kInfinity;
    return statistics;
  }
  double squares = 0.0;
  for (const double value : values) squares += (value - statistics.mean) * (value - statistics.mean);
  statistics.deviation = std::sqrt(squares / (n - 1.0));
  const double half = student_t_quantile(0.975, statistics.count - 1) * statistics.deviation / std::sqrt(n);
  statistics.low = statistics.mean - half;
  statistics.high = statistics.mean + half;
  return statistics;
}

}  // namespace limbic::eval
