#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "runs.h"

namespace limbic::signals {
namespace {

/// Median of the last `window` values in O(log window): a heap of the lower values and one of the upper ones
/// with the median between them, and for every slot of the ring where it lies.
class RunningMedian {
 public:
  RunningMedian(int64_t window, double value)
      : half_(window / 2),
        values_(static_cast<size_t>(window), value),
        slot_at_(static_cast<size_t>(window)),
        place_of_(static_cast<size_t>(window)) {
    for (size_t i = 0; i < slot_at_.size(); ++i) {
      slot_at_[i] = i;
      place_of_[i] = static_cast<int64_t>(i) - half_;
    }
  }

  double push(double value) {
    const size_t slot = oldest_;
    oldest_ = (oldest_ + 1) % values_.size();
    const double old = std::exchange(values_[slot], value);
    int64_t place = place_of_[slot];
    if (place > 0) {
      value < old ? rise(place) : sink(place);
    } else if (place < 0) {
      value > old ? rise(place) : sink(place);
    }
    // The place nearest to the median of each heap may have to change sides through it.
    if (half_ > 0) {
      if (value_at(-1) > value_at(0)) {
        swap_places(-1, 0);
        sink(-1);
      }
      if (value_at(1) < value_at(0)) {
        swap_places(1, 0);
        sink(1);
        if (value_at(-1) > value_at(0)) {
          swap_places(-1, 0);
          sink(-1);
        }
      }
    }
    return value_at(0);
  }

 private:
  // Places: 0 is the median, 1.. a heap of the upper half (1 the least), -1.. of the lower half (-1 the
  // most). Parent of place p is p / 2 for |p| > 1.
  size_t& slot_at(int64_t place) { return slot_at_[static_cast<size_t>(place + half_)]; }
  double value_at(int64_t place) { return values_[slot_at(place)]; }
  /// Whether `a` belongs nearer to the median than `b` in the heap on the side of `a`.
  bool precedes(int64_t a, int64_t b) {
    return a > 0 ? value_at(a) < value_at(b) : value_at(a) > value_at(b);
  }
  void swap_places(int64_t a, int64_t b) {
    std::swap(slot_at(a), slot_at(b));
    place_of_[slot_at(a)] = a;
    place_of_[slot_at(b)] = b;
  }
  void rise(int64_t place) {
    while (place / 2 != 0 && precedes(place, place / 2)) {
      swap_places(place, place / 2);
      place /= 2;
    }
  }
  void sink(int64_t place) {
    const int64_t sign = place > 0 ? 1 : -1;
    while (std::abs(2 * place) <= half_) {
      int64_t child = 2 * place;
      if (std::abs(child + sign) <= half_ && precedes(child + sign, child)) child += sign;
      if (!precedes(child, place)) return;
      swap_places(child, place);
      place = child;
    }
  }

  int64_t half_;
  size_t oldest_ = 0;
  std::vector<double> values_;
  std::vector<size_t> slot_at_;
  std::vector<int64_t> place_of_;
};

std::vector<double> median_of_run(const std::vector<double>& x, int64_t window) {
  const int64_t half = window / 2;
  const auto last = static_cast<int64_t>(x.size()) - 1;
  RunningMedian median(window, x.front());
  std::vector<double> out(x.size());
  for (int64_t i = 0; i <= last + half; ++i) {
    const double m = median.push(x[static_cast<size_t>(std::min(i, last))]);
    if (i >= half) out[static_cast<size_t>(i - half)] = m;
  }
  return out;
}

/// Weights (order + 1 rows a coefficient, a column a sample) of the least-squares polynomial in u in [-1, 1]
/// through `window` samples.
Eigen::MatrixXd polynomial_fit(int64_t window, int64_t order) {
  const double half = std::max(0.5, 0.5 * static_cast<double>(window - 1));
  Eigen::MatrixXd powers(window, order + 1);
  for (int64_t i = 0; i < window; ++i) {
    const double u = (static_cast<double>(i) - 0.5 * static_cast<double>(window - 1)) / half;
    for (int64_t k = 0; k <= order; ++k) powers(i, k) = k == 0 ? 1.0 : powers(i, k - 1) * u;
  }
  return powers.colPivHouseholderQr().solve(Eigen::MatrixXd::Identity(window, window));
}

/// Weights of the samples for derivative `deriv` at sample `at` (0 = the first of the window).
Eigen::VectorXd derivative_weights(const Eigen::MatrixXd& fit, int64_t at, int64_t deriv, double delta) {
  const auto window = fit.cols();
  const double half = std::max(0.5, 0.5 * static_cast<double>(window - 1));
  const double u = (static_cast<double>(at) - 0.5 * static_cast<double>(window - 1)) / half;
  Eigen::VectorXd weights = Eigen::VectorXd::Zero(window);
  for (int64_t k = deriv; k < fit.rows(); ++k) {
    double factor = std::pow(half * delta, -static_cast<double>(deriv));
    for (int64_t j = 0; j < deriv; ++j) factor *= static_cast<double>(k - j);
    for (int64_t j = 0; j < k - deriv; ++j) factor *= u;
    weights += factor * fit.row(k).transpose();
  }
  return weights;
}

std::vector<double> savitzky_golay_of_run(const std::vector<double>& x, int64_t window, int64_t order,
                                          int64_t deriv, double delta) {
  const auto size = static_cast<int64_t>(x.size());
  // A run shorter than the window is one window.
  window = std::min(window, size);
  const Eigen::MatrixXd fit = polynomial_fit(window, std::min(order, window - 1));
  const Eigen::Map<const Eigen::VectorXd> values(x.data(), size);
  const int64_t half = window / 2;
  const Eigen::VectorXd centre = derivative_weights(fit, half, deriv, delta);
  std::vector<double> out(x.size());
  for (int64_t i = 0; i < size; ++i) {
    const int64_t first = std::clamp<int64_t>(i - half, 0, size - window);
    const auto samples = values.segment(first, window);
    out[static_cast<size_t>(i)] = i - first == half
                                      ? centre.dot(samples)
                                      : derivative_weights(fit, i - first, deriv, delta).dot(samples);
  }
  return out;
}

}  // namespace

std::vector<double> median_filter(const std::vector<double>& x, int64_t window) {
  require(window >= 1 && window % 2 == 1, ErrorCode::kConfig,
          "median_filter: window " + std::to_string(window) + "; expected an odd number of samples");
  return map_runs(x, [&](const std::vector<double>& run) { return median_of_run(run, window); });
}

std::vector<double> savitzky_golay(const std::vector<double>& x, int64_t window, int64_t order, int64_t deriv,
                                   double delta) {
  require(order >= 0 && order <= 12 && window % 2 == 1 && window > order, ErrorCode::kConfig,
          "savitzky_golay: window " + std::to_string(window) + ", order " + std::to_string(order) +
              "; expected an odd window above the order, the order in [0, 12]");
  require(deriv >= 0 && std::isfinite(delta) && delta > 0, ErrorCode::kConfig,
          "savitzky_golay: deriv must not be negative and delta must be positive");
  return map_runs(x, [&](const std::vector<double>& run) {
    return savitzky_golay_of_run(run, window, order, deriv, delta);
  });
}

std::vector<double> moving_average(const std::vector<double>& x, int64_t window) {
  require(window >= 1, ErrorCode::kConfig,
          "moving_average: window " + std::to_string(window) + "; expected at least 1 sample");
  const auto size = static_cast<int64_t>(x.size());
  std::vector<double> out(x.size(), std::nan(""));
  // Long double: what a running sum loses stays below double's own rounding.
  long double sum = 0;
  int64_t count = 0;
  const auto add = [&](int64_t i, int sign) {
    if (i < 0 || i >= size || !std::isfinite(x[static_cast<size_t>(i)])) return;
    sum += sign * static_cast<long double>(x[static_cast<size_t>(i)]);
    count += sign;
  };
  const int64_t before = window / 2;
  for (int64_t i = 0; i < std::min(window - before - 1, size); ++i) add(i, 1);
  for (int64_t i = 0; i < size; ++i) {
    add(i + window - before - 1, 1);
    add(i - before - 1, -1);
    if (std::isfinite(x[static_cast<size_t>(i)]))
      out[static_cast<size_t>(i)] = static_cast<double>(sum / static_cast<long double>(count));
  }
  return out;
}

std::vector<double> fill_gaps(const std::vector<double>& x, int64_t max_gap) {
  std::vector<double> out = x;
  const size_t longest = max_gap > 0 ? static_cast<size_t>(max_gap) : std::numeric_limits<size_t>::max();
  const auto fill = [&](size_t first, size_t last) {  // [first, last) is missing
    const bool has_left = first > 0;
    const bool has_right = last < x.size();
    if (first == last || last - first > longest || (!has_left && !has_right)) return;
    const double left = has_left ? x[first - 1] : x[last];
    const double right = has_right ? x[last] : left;
    for (size_t i = first; i < last; ++i) {
      out[i] =
          left + (right - left) * static_cast<double>(i - first + 1) / static_cast<double>(last - first + 1);
    }
  };
  size_t missing_since = 0;
  for_finite_runs(x, [&](size_t first, size_t last) {
    fill(missing_since, first);
    missing_since = last;
  });
  fill(missing_since, x.size());
  return out;
}

}  // namespace limbic::signals
