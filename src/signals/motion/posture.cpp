#include "motion/posture.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {

Angles angles_of(const Vector3& up) {
  constexpr double kDegrees = 180 / 3.14159265358979323846;
  if (!(length(up) > 0)) return {};
  return {std::atan2(-up.x, std::hypot(up.y, up.z)) * kDegrees, std::atan2(up.y, up.z) * kDegrees,
          angle_deg(up, {0, 0, 1})};
}

Vector3 mean_up(const TriaxialSeries& gravity, const Span& span) {
  Vector3 sum{0, 0, 0};
  double count = 0;
  for (int64_t i = span.first; i < span.last; ++i) {
    const Vector3 up = at(gravity, i);
    if (!is_finite(up)) continue;
    sum = sum + up;
    ++count;
  }
  return count > 0 ? sum * (1 / count) : Vector3{0, 0, 0};
}

Posture posture_of(const TriaxialSeries& gravity, const Span& span) {
  const Vector3 up = mean_up(gravity, span);
  if (!(length(up) > 0)) return {};
  std::vector<double> away;
  for (int64_t i = span.first; i < span.last; ++i) {
    if (is_finite(at(gravity, i))) away.push_back(angle_deg(up, at(gravity, i)));
  }
  return {angles_of(up), root_mean_square(away), maximum(away)};
}

std::vector<SignalEvent> find_posture_changes(const TriaxialSeries& gravity, double least_deg) {
  std::vector<SignalEvent> out;
  Vector3 held{0, 0, 0};
  double since_s = kMissing;
  const double end_s = gravity.end_s();
  for (int64_t second = 0; gravity.t0_s + static_cast<double>(second) < end_s; ++second) {
    const double start_s = gravity.t0_s + static_cast<double>(second);
    const Vector3 up =
        mean_up(gravity, span_of(gravity.rate_hz, gravity.t0_s, gravity.size(), {start_s, start_s + 1}));
    if (!(length(up) > 0)) continue;
    if (!(length(held) > 0)) held = up;
    const double turn_deg = angle_deg(held, up);
    if (!(turn_deg > least_deg)) {
      since_s = kMissing;
    } else if (!std::isfinite(since_s)) {
      since_s = start_s;
    } else {
      out.push_back({since_s, 0, "posture_change", {turn_deg}});
      held = up;
      since_s = kMissing;
    }
  }
  return out;
}

}  // namespace limbic::signals
