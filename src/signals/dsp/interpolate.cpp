#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/resample.h"

namespace limbic::signals {
namespace {

struct Samples {
  std::vector<double> t;
  std::vector<double> y;
};

Samples finite_samples(const std::vector<double>& time_s, const std::vector<double>& x) {
  require(
      time_s.size() == x.size(), ErrorCode::kInternal,
      "interpolate: " + std::to_string(time_s.size()) + " times for " + std::to_string(x.size()) + " values");
  Samples out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(time_s[i])) continue;
    require(out.t.empty() || time_s[i] > out.t.back(), ErrorCode::kData,
            "interpolate: sample " + std::to_string(i) + " at " + std::to_string(time_s[i]) +
                " s does not come after " + (out.t.empty() ? std::string() : std::to_string(out.t.back())) +
                " s; expected increasing times");
    out.t.push_back(time_s[i]);
    out.y.push_back(x[i]);
  }
  return out;
}

/// `between(i, u)` for every time in [t[i], t[i + 1]], u in [0, 1] its place there.
template <class Between>
std::vector<double> evaluate(const Samples& s, const std::vector<double>& at_s, double max_gap_s,
                             Between between) {
  std::vector<double> out(at_s.size(), std::nan(""));
  for (size_t k = 0; k < at_s.size(); ++k) {
    const double at = at_s[k];
    if (s.t.empty() || !(at >= s.t.front() && at <= s.t.back())) continue;
    const auto after = std::upper_bound(s.t.begin(), s.t.end(), at);
    const auto i = static_cast<size_t>(after - s.t.begin()) - 1;
    if (s.t[i] == at) {
      out[k] = s.y[i];
      continue;
    }
    const double gap = s.t[i + 1] - s.t[i];
    if (max_gap_s > 0 && gap > max_gap_s) continue;
    out[k] = between(i, (at - s.t[i]) / gap);
  }
  return out;
}

/// Slope at the end of a shape-preserving curve, of the parabola through three points but never against or
/// three times beyond its first secant (Fritsch and Carlson; Moler, Numerical Computing with Matlab, 3.6).
double end_slope(double h0, double h1, double secant0, double secant1) {
  const double slope = ((2 * h0 + h1) * secant0 - h0 * secant1) / (h0 + h1);
  if (slope * secant0 <= 0) return 0;
  if (secant0 * secant1 <= 0 && std::abs(slope) > 3 * std::abs(secant0)) return 3 * secant0;
  return slope;
}

std::vector<double> shape_preserving_slopes(const std::vector<double>& h, const std::vector<double>& secant) {
  const size_t n = h.size();
  if (n == 1) return {secant[0], secant[0]};
  std::vector<double> slopes{end_slope(h[0], h[1], secant[0], secant[1])};
  for (size_t i = 1; i < n; ++i) {
    if (secant[i - 1] * secant[i] <= 0) {
      slopes.push_back(0);
      continue;
    }
    // Weighted harmonic mean.
    const double w0 = 2 * h[i] + h[i - 1];
    const double w1 = h[i] + 2 * h[i - 1];
    slopes.push_back((w0 + w1) / (w0 / secant[i - 1] + w1 / secant[i]));
  }
  slopes.push_back(end_slope(h[n - 1], h[n - 2], secant[n - 1], secant[n - 2]));
  return slopes;
}

/// The tridiagonal system of the natural spline in its slopes, by elimination.
std::vector<double> natural_slopes(const std::vector<double>& h, const std::vector<double>& secant) {
  const size_t n = h.size();
  std::vector<double> above(n + 1, 0.0);
  std::vector<double> slopes(n + 1, 0.0);
  above[0] = 0.5;
  slopes[0] = 1.5 * secant[0];
  for (size_t i = 1; i <= n; ++i) {
    const bool is_end = i == n;
    const double below = is_end ? 1.0 : h[i];
    const double diagonal = is_end ? 2.0 : 2.0 * (h[i - 1] + h[i]);
    const double right = is_end ? 3.0 * secant[n - 1] : 3.0 * (h[i] * secant[i - 1] + h[i - 1] * secant[i]);
    const double pivot = diagonal - below * above[i - 1];
    if (!is_end) above[i] = h[i - 1] / pivot;
    slopes[i] = (right - below * slopes[i - 1]) / pivot;
  }
  for (size_t i = n; i-- > 0;) slopes[i] -= above[i] * slopes[i + 1];
  return slopes;
}

}  // namespace

std::vector<double> interpolate(const std::vector<double>& time_s, const std::vector<double>& x,
                                const std::vector<double>& at_s, double max_gap_s) {
  const Samples s = finite_samples(time_s, x);
  return evaluate(s, at_s, max_gap_s, [&](size_t i, double u) { return s.y[i] + u * (s.y[i + 1] - s.y[i]); });
}

std::vector<double> interpolate_cubic(const std::vector<double>& time_s, const std::vector<double>& x,
                                      const std::vector<double>& at_s, double max_gap_s, Cubic kind) {
  const Samples s = finite_samples(time_s, x);
  std::vector<double> h;
  std::vector<double> secant;
  for (size_t i = 0; i + 1 < s.t.size(); ++i) {
    h.push_back(s.t[i + 1] - s.t[i]);
    secant.push_back((s.y[i + 1] - s.y[i]) / h.back());
  }
  std::vector<double> slopes;
  if (!h.empty())
    slopes = kind == Cubic::kNatural ? natural_slopes(h, secant) : shape_preserving_slopes(h, secant);
  return evaluate(s, at_s, max_gap_s, [&](size_t i, double u) {
    // Hermite's form, around the value on the left.
    const double a = h[i] * slopes[i];
    const double b = h[i] * slopes[i + 1];
    const double rise = s.y[i + 1] - s.y[i];
    return s.y[i] + u * (a + u * ((3 * rise - 2 * a - b) + u * (a + b - 2 * rise)));
  });
}

}  // namespace limbic::signals
