#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/eval/metrics.h"

namespace limbic::eval {
namespace {

/// What is drawn as one: counts of (truth, prediction).
using Group = std::map<std::pair<int64_t, int64_t>, int64_t>;

std::vector<Group> groups_of(const std::vector<Prediction>& predictions, bool by_subject) {
  std::vector<Group> groups;
  std::map<std::string, size_t> of_subject;
  for (const Prediction& p : predictions) {
    size_t group = groups.size();
    if (by_subject && !p.subject.empty()) group = of_subject.emplace(p.subject, group).first->second;
    if (group == groups.size()) groups.emplace_back();
    ++groups[group][{p.truth, p.prediction}];
  }
  return groups;
}

void add_group(ConfusionMatrix& matrix, const Group& group, int64_t sign = 1) {
  for (const auto& [cell, count] : group) matrix.add(cell.first, cell.second, sign * count);
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/// By bisection: 60 halvings of [-10, 10] reach double precision, and it is called four times.
double normal_quantile(double p) {
  double low = -10.0;
  double high = 10.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (normal_cdf(middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// Linear between order statistics.
double quantile(const std::vector<double>& sorted, double p) {
  const double place = std::clamp(p, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// Acceleration of BCa: skewness of the jackknife values, each without one group.
double acceleration(const std::vector<Group>& groups, ConfusionMatrix matrix,
                    const std::function<double(const ConfusionMatrix&)>& value) {
  std::vector<double> left_out;
  double mean = 0.0;
  for (const Group& group : groups) {
    add_group(matrix, group, -1);
    left_out.push_back(value(matrix));
    add_group(matrix, group);
    mean += left_out.back() / static_cast<double>(groups.size());
  }
  double cubes = 0.0;
  double squares = 0.0;
  for (const double v : left_out) {
    cubes += std::pow(mean - v, 3);
    squares += std::pow(mean - v, 2);
  }
  return squares == 0.0 ? 0.0 : cubes / (6.0 * std::pow(squares, 1.5));
}

}  // namespace

Interval bootstrap_interval(const std::vector<Prediction>& predictions, int64_t num_classes,
                            const std::function<double(const ConfusionMatrix&)>& value,
                            const BootstrapOptions& options) {
  require(options.num_resamples > 1 && options.level > 0 && options.level < 1, ErrorCode::kConfig,
          "bootstrap: wants at least 2 resamples and a level in (0, 1)");
  const std::vector<Group> groups = groups_of(predictions, options.by_subject);
  ConfusionMatrix matrix = confusion(predictions, num_classes);
  Interval interval;
  interval.num_groups = static_cast<int64_t>(groups.size());
  interval.estimate = value(matrix);
  interval.low = interval.high = std::numeric_limits<double>::quiet_NaN();
  if (groups.size() < 2) return interval;

  core::Rng rng(options.seed);
  std::vector<double> values;
  values.reserve(static_cast<size_t>(options.num_resamples));
  ConfusionMatrix drawn(num_classes);
  for (int64_t i = 0; i < options.num_resamples; ++i) {
    drawn.clear();
    for (size_t k = 0; k < groups.size(); ++k) {
      add_group(drawn, groups[static_cast<size_t>(rng.below(interval.num_groups))]);
    }
    values.push_back(value(drawn));
  }
  std::sort(values.begin(), values.end());

  double low = (1.0 - options.level) / 2;
  double high = 1.0 - low;
  if (options.method == BootstrapOptions::Method::kBca) {
    // Ties count half: metrics of few samples take few values.
    const auto [first, last] = std::equal_range(values.begin(), values.end(), interval.estimate);
    const double below =
        (static_cast<double>(first - values.begin()) + static_cast<double>(last - values.begin())) /
        (2.0 * static_cast<double>(values.size()));
    // All resamples on one side: the correction is infinite, and the percentile interval is what remains.
    if (below > 0.0 && below < 1.0) {
      const double bias = normal_quantile(below);
      const double a = acceleration(groups, matrix, value);
      const auto corrected = [&](double p) {
        const double z = bias + normal_quantile(p);
        return normal_cdf(bias + z / (1.0 - a * z));
      };
      low = corrected(low);
      high = corrected(high);
    }
  }
  interval.low = quantile(values, low);
  interval.high = quantile(values, high);
  return interval;
}

}  // namespace limbic::eval
