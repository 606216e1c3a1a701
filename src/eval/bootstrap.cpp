#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/eval/metrics.h"
#include "ranked_predictions.h"
#include "resample.h"

namespace limbic::eval {
namespace {

/// What is drawn as one: counts of (truth, prediction).
using Group = std::map<std::pair<int64_t, int64_t>, int64_t>;

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
double acceleration(size_t num_groups, const ValueOfDraw& value) {
  std::vector<double> left_out;
  std::vector<int64_t> times(num_groups, 1);
  double mean = 0.0;
  for (size_t group = 0; group < num_groups; ++group) {
    times[group] = 0;
    left_out.push_back(value(times));
    times[group] = 1;
    mean += left_out.back() / static_cast<double>(num_groups);
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

Interval interval_of(size_t num_groups, const ValueOfDraw& value, const BootstrapOptions& options) {
  require(options.num_resamples > 1 && options.level > 0 && options.level < 1, ErrorCode::kConfig,
          "bootstrap: wants at least 2 resamples and a level in (0, 1)");
  Interval interval;
  interval.num_groups = static_cast<int64_t>(num_groups);
  interval.estimate = value(std::vector<int64_t>(num_groups, 1));
  interval.low = interval.high = std::numeric_limits<double>::quiet_NaN();
  if (num_groups < 2 || std::isnan(interval.estimate)) return interval;

  core::Rng rng(options.seed);
  std::vector<double> values;
  values.reserve(static_cast<size_t>(options.num_resamples));
  std::vector<int64_t> times(num_groups);
  for (int64_t i = 0; i < options.num_resamples; ++i) {
    std::fill(times.begin(), times.end(), 0);
    for (size_t k = 0; k < num_groups; ++k) ++times[static_cast<size_t>(rng.below(interval.num_groups))];
    // A draw that lost a class has no such measure; it says nothing.
    if (const double drawn = value(times); !std::isnan(drawn)) values.push_back(drawn);
  }
  if (values.size() < 2) return interval;
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
      const double a = acceleration(num_groups, value);
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

Interval bootstrap_interval(const std::vector<Prediction>& predictions, int64_t num_classes,
                            const std::function<double(const ConfusionMatrix&)>& value,
                            const BootstrapOptions& options) {
  const auto group_of = group_samples(predictions, options.by_subject);
  std::vector<Group> groups(group_of.num_groups);
  for (size_t i = 0; i < predictions.size(); ++i) {
    ++groups[group_of.group[i]][{predictions[i].truth, predictions[i].prediction}];
  }
  ConfusionMatrix drawn(num_classes);
  return interval_of(
      groups.size(),
      [&](const std::vector<int64_t>& times) {
        drawn.clear();
        for (size_t g = 0; g < groups.size(); ++g) {
          for (const auto& [cell, count] : groups[g]) drawn.add(cell.first, cell.second, times[g] * count);
        }
        return value(drawn);
      },
      options);
}

Interval bootstrap_auc(const std::vector<Prediction>& predictions, int64_t num_classes,
                       const BootstrapOptions& options) {
  const auto group_of = group_samples(predictions, options.by_subject);
  const RankedPredictions ranked(predictions, num_classes);
  std::vector<int64_t> weights(predictions.size());
  return interval_of(
      group_of.num_groups,
      [&](const std::vector<int64_t>& times) {
        for (size_t i = 0; i < weights.size(); ++i) weights[i] = times[group_of.group[i]];
        return ranked.auc(weights);
      },
      options);
}

}  // namespace limbic::eval
