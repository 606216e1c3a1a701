#include "voice/sinc.h"

#include <algorithm>
#include <cmath>

namespace limbic::signals {
namespace {

constexpr double kSincPi = 3.14159265358979323846;

using Pair = double __attribute__((vector_size(16)));

}  // namespace

double sinc_value(const double* y, int64_t n, double x, int64_t depth) {
  if (n <= 0) return 0;
  if (x <= 0) return y[0];
  if (x >= static_cast<double>(n - 1)) return y[n - 1];
  const auto left = static_cast<int64_t>(std::floor(x));
  const double fraction = x - static_cast<double>(left);
  if (fraction < 1e-12) return y[left];
  if (fraction > 1.0 - 1e-12) return y[left + 1];
  depth = std::min({depth, left + 1, n - 1 - left});
  if (depth < 1) return y[left] + fraction * (y[left + 1] - y[left]);

  // Lane 0 walks to the left from y[left], lane 1 to the right from y[left + 1]. At step k they are
  // (distance + k) away; signs of the sine alternate, cos((distance + k) w) follows the three-term
  // recurrence.
  Pair distance{fraction, 1.0 - fraction};
  const Pair width = {kSincPi / (fraction + static_cast<double>(depth)),
                      kSincPi / (1.0 - fraction + static_cast<double>(depth))};
  Pair cosine{std::cos(distance[0] * width[0]), std::cos(distance[1] * width[1])};
  const Pair sine_at{std::sin(distance[0] * width[0]), std::sin(distance[1] * width[1])};
  const Pair step{std::cos(width[0]), std::cos(width[1])};
  const Pair step_sine{std::sin(width[0]), std::sin(width[1])};
  Pair before = cosine * step + sine_at * step_sine;
  const Pair twice = step + step;
  const double sine = std::sin(kSincPi * fraction) / kSincPi;
  Pair amplitude{0.5 * sine, 0.5 * sine};
  Pair sum{0, 0};
  const Pair one{1.0, 1.0};
  const double* to_left = y + left;
  const double* to_right = y + left + 1;
  for (int64_t k = 0; k < depth; ++k) {
    const Pair values{to_left[-k], to_right[k]};
    sum += amplitude * values * (one + cosine) / distance;
    const Pair next = twice * cosine - before;
    before = cosine;
    cosine = next;
    amplitude = -amplitude;
    distance += one;
  }
  return sum[0] + sum[1];
}

Peak sinc_peak(const double* y, int64_t n, int64_t i, int64_t depth) {
  // Successive parabolas through the best point and its neighbours at a shrinking distance: the curve is
  // smooth and the parabola of the samples is a good start, so three rounds reach 1e-8 of a sample.
  const auto value = [&](double x) { return sinc_value(y, n, x, depth); };
  const auto centre = static_cast<double>(i);
  double x = centre + std::clamp(vertex_offset(y[i - 1], y[i], y[i + 1]), -0.5, 0.5);
  double step = 0.125;
  double middle = value(x);
  for (int round = 0; round < 12 && step > 1e-3; ++round) {
    const double left = value(x - step);
    const double right = value(x + step);
    if (left > middle || right > middle) {
      // Not yet around the maximum: move without shrinking, but stay between the neighbours.
      const double next = std::clamp(left > right ? x - step : x + step, centre - 1.0, centre + 1.0);
      if (next == x) break;
      x = next;
      middle = value(x);
      continue;
    }
    x += step * std::clamp(vertex_offset(left, middle, right), -0.5, 0.5);
    middle = value(x);
    step *= 0.1;
  }
  return {x, middle};
}

}  // namespace limbic::signals
