#include "limbic/signals/eye/eye_velocity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

constexpr size_t kMaxOrder = 4;

/// Weights w with sum w[k] x[k] = derivative at `at_s` of the polynomial of least squares through
/// (time_s[k], x[k]).
void derivative_weights(const double* time_s, size_t n, double at_s, size_t order,
                        std::vector<double>& weights) {
  // Times in units of half the window keep the normal equations well conditioned at every rate.
  const double unit_s = 0.5 * (time_s[n - 1] - time_s[0]);
  const size_t width = order + 1;
  double moments[2 * kMaxOrder + 1] = {};
  for (size_t k = 0; k < n; ++k) {
    double power = 1;
    for (size_t p = 0; p <= 2 * order; ++p, power *= (time_s[k] - at_s) / unit_s) moments[p] += power;
  }
  // Solves moments * c = e1 by Gaussian elimination; the matrix is symmetric and positive definite.
  double a[kMaxOrder + 1][kMaxOrder + 2] = {};
  for (size_t r = 0; r < width; ++r) {
    for (size_t c = 0; c < width; ++c) a[r][c] = moments[r + c];
    a[r][width] = r == 1 ? 1.0 : 0.0;
  }
  for (size_t p = 0; p < width; ++p) {
    for (size_t r = p + 1; r < width; ++r) {
      const double f = a[r][p] / a[p][p];
      for (size_t c = p; c <= width; ++c) a[r][c] -= f * a[p][c];
    }
  }
  double solution[kMaxOrder + 1];
  for (size_t r = width; r-- > 0;) {
    solution[r] = a[r][width];
    for (size_t c = r + 1; c < width; ++c) solution[r] -= a[r][c] * solution[c];
    solution[r] /= a[r][r];
  }
  weights.resize(n);
  for (size_t k = 0; k < n; ++k) {
    const double u = (time_s[k] - at_s) / unit_s;
    double value = solution[order];
    for (size_t p = order; p-- > 0;) value = value * u + solution[p];
    weights[k] = value / unit_s;
  }
}

/// Savitzky-Golay over one run; remembers the weights of even windows, which are nearly all in most
/// recordings.
class PolynomialSlope {
 public:
  PolynomialSlope(const GazeSamples& gaze, size_t window, size_t order)
      : gaze_(gaze), window_(window), order_(order), step_s_(1.0 / sampling_rate_hz(gaze)) {}

  void fill(const SampleRun& run, EyeVelocity& out) {
    const size_t n = std::min(window_, run.size());
    if (n < 2) return;
    const size_t order = std::min(order_, n - 1);
    size_t num_even = 0;  // even steps that end at the window's last sample
    size_t seen = run.first;
    for (size_t i = run.first; i < run.last; ++i) {
      const size_t lead = std::min(i - run.first, n / 2);
      const size_t first = std::min(i - lead, run.last - n);
      for (; seen < first + n; ++seen) {
        const double step_s = seen > run.first ? gaze_.time_s[seen] - gaze_.time_s[seen - 1] : step_s_;
        num_even = std::abs(step_s - step_s_) <= kEven * step_s_ ? num_even + 1 : 0;
      }
      const std::vector<double>& w = weights(first, n, i, order, num_even >= n - 1);
      double vx = 0;
      double vy = 0;
      for (size_t k = 0; k < n; ++k) {
        vx += w[k] * gaze_.x_deg[first + k];
        vy += w[k] * gaze_.y_deg[first + k];
      }
      out.x_deg_s[i] = vx;
      out.y_deg_s[i] = vy;
    }
  }

 private:
  /// Steps this near to the median count as even: times of a clock that is written with microseconds.
  static constexpr double kEven = 1e-6;

  const std::vector<double>& weights(size_t first, size_t n, size_t at, size_t order, bool is_even) {
    if (!is_even) {
      derivative_weights(&gaze_.time_s[first], n, gaze_.time_s[at], order, scratch_);
      return scratch_;
    }
    std::vector<double>& known = even_[{n, at - first}];
    if (known.empty()) {
      std::vector<double> time_s(n);
      for (size_t k = 0; k < n; ++k) time_s[k] = static_cast<double>(k) * step_s_;
      derivative_weights(time_s.data(), n, time_s[at - first], order, known);
    }
    return known;
  }

  const GazeSamples& gaze_;
  size_t window_;
  size_t order_;
  double step_s_;
  std::map<std::pair<size_t, size_t>, std::vector<double>> even_;
  std::vector<double> scratch_;
};

void fill_five_point(const GazeSamples& gaze, const SampleRun& run, EyeVelocity& out) {
  const auto& t = gaze.time_s;
  if (run.size() < 2) return;
  for (size_t i = run.first; i < run.last; ++i) {
    const size_t before = i - run.first;
    const size_t after = run.last - 1 - i;
    const auto slope = [&](const std::vector<double>& x) {
      if (before >= 2 && after >= 2) {
        return (x[i + 2] + x[i + 1] - x[i - 1] - x[i - 2]) / (t[i + 2] + t[i + 1] - t[i - 1] - t[i - 2]);
      }
      const size_t low = before > 0 ? i - 1 : i;
      const size_t high = after > 0 ? i + 1 : i;
      return (x[high] - x[low]) / (t[high] - t[low]);
    };
    out.x_deg_s[i] = slope(gaze.x_deg);
    out.y_deg_s[i] = slope(gaze.y_deg);
  }
}

}  // namespace

void EyeVelocityConfig::validate(config::Checks& checks) const {
  checks.expect(window_s > 0 && window_s <= 1, "window_s",
                "must be in (0, 1] seconds, got " + std::to_string(window_s));
  checks.expect(order >= 1 && order <= static_cast<int64_t>(kMaxOrder), "order",
                "must be in [1, 4], got " + std::to_string(order));
  checks.expect(max_step >= 1, "max_step", "must be at least 1, got " + std::to_string(max_step));
}

void check_velocity(const EyeVelocity& velocity, const GazeSamples& gaze) {
  require(velocity.x_deg_s.size() == gaze.size() && velocity.y_deg_s.size() == gaze.size(),
          ErrorCode::kInternal, "gaze: velocities of another recording");
}

EyeVelocity eye_velocity(const GazeSamples& gaze, const EyeVelocityConfig& config) {
  config::ThrowingChecks checks("eye_velocity");
  config.validate(checks);
  check_gaze(gaze);
  const size_t n = gaze.size();
  EyeVelocity out{std::vector<double>(n, kMissing), std::vector<double>(n, kMissing),
                  std::vector<double>(n, kMissing)};
  if (n < 2) return out;
  const auto order = static_cast<size_t>(config.order);
  const auto half = static_cast<size_t>(0.5 * config.window_s * sampling_rate_hz(gaze));
  PolynomialSlope slope(gaze, std::max(2 * half + 1, (order + 1) | 1), order);
  for (const SampleRun& run : gaze_runs(gaze, config.max_step)) {
    if (config.method == VelocityMethod::kFivePoint) {
      fill_five_point(gaze, run, out);
    } else {
      slope.fill(run, out);
    }
  }
  for (size_t i = 0; i < n; ++i) out.speed_deg_s[i] = std::hypot(out.x_deg_s[i], out.y_deg_s[i]);
  return out;
}

}  // namespace limbic::signals
