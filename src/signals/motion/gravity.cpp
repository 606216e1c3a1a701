#include "limbic/signals/motion/gravity.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/resample.h"
#include "motion/vector3.h"

namespace limbic::signals {
namespace {

/// `v` after dt of turning the sensor at `rate_rad`: what stands still in the room turns the other way in it.
Vector3 turned(const Vector3& v, const Vector3& rate_rad, double dt) {
  const double speed = length(rate_rad);
  if (!(speed > 0)) return v;
  const Vector3 axis = rate_rad * (1 / speed);
  const double angle = -speed * dt;
  const double c = std::cos(angle);
  return v * c + cross(axis, v) * std::sin(angle) + axis * (dot(axis, v) * (1 - c));
}

/// One pass over the samples [first, last), in `step` +1 or -1.
void follow(const TriaxialSeries& acc, const TriaxialSeries& gyro_rad, const GravityConfig& config,
            int64_t first, int64_t last, int64_t step, std::vector<Vector3>& out) {
  const double dt = 1 / acc.rate_hz;
  const double draw = dt / (config.time_constant_s + dt);
  const int64_t from = step > 0 ? first : last - 1;
  const int64_t to = step > 0 ? last : first - 1;
  // The mean of the first second is the first idea of up.
  Vector3 up{0, 0, 0};
  const int64_t start = std::min(last - first, std::max<int64_t>(1, std::llround(acc.rate_hz)));
  for (int64_t i = 0; i < start; ++i) up = up + at(acc, from + step * i) * (1 / static_cast<double>(start));
  for (int64_t i = from; i != to; i += step) {
    if (i != from) {
      const Vector3 here = at(gyro_rad, i);
      const Vector3 before = at(gyro_rad, i - step);
      const Vector3 rate = (here + before) * 0.5;
      if (is_finite(rate)) up = turned(up, rate, dt * static_cast<double>(step));
    }
    const Vector3 a = at(acc, i);
    if (std::abs(length(a) - 1) <= config.max_deviation_g) up = up + (a - up) * draw;
    out[static_cast<size_t>(i)] = out[static_cast<size_t>(i)] + up * 0.5;
  }
}

std::vector<double> on_clock_of(const TriaxialSeries& acc, const TriaxialSeries& gyro,
                                const std::vector<double>& x) {
  std::vector<double> from(gyro.size());
  std::vector<double> to(acc.size());
  for (size_t i = 0; i < from.size(); ++i) from[i] = gyro.time_of(static_cast<int64_t>(i));
  for (size_t i = 0; i < to.size(); ++i) to[i] = acc.time_of(static_cast<int64_t>(i));
  return interpolate(from, x, to, 2 / gyro.rate_hz);
}

}  // namespace

void check_triaxial(const TriaxialSeries& series, const char* name) {
  check_series({series.rate_hz, series.t0_s, {}}, name);
  require(series.x.size() == series.y.size() && series.x.size() == series.z.size(), ErrorCode::kData,
          std::string(name) + ": axes of " + std::to_string(series.x.size()) + ", " +
              std::to_string(series.y.size()) + " and " + std::to_string(series.z.size()) +
              " samples; expected equal lengths");
}

TimeSeries norm_of(const TriaxialSeries& series) {
  TimeSeries out{series.rate_hz, series.t0_s, std::vector<double>(series.size())};
  for (size_t i = 0; i < series.size(); ++i) out.values[i] = length(at(series, static_cast<int64_t>(i)));
  return out;
}

void GravityConfig::validate(config::Checks& checks) const {
  checks.expect(cutoff_hz > 0 && cutoff_hz <= 2, "cutoff_hz", "must be in (0, 2]");
  checks.expect(order >= 1 && order <= 8, "order", "must be in [1, 8]");
  checks.expect(time_constant_s > 0 && time_constant_s <= 100, "time_constant_s", "must be in (0, 100]");
  checks.expect(max_deviation_g > 0 && max_deviation_g <= 10, "max_deviation_g", "must be in (0, 10]");
}

TriaxialSeries gravity_of(const TriaxialSeries& acc, const TriaxialSeries* gyro,
                          const GravityConfig& config) {
  config::ThrowingChecks checks("imu.gravity");
  config.validate(checks);
  check_triaxial(acc, "acceleration");
  require(acc.rate_hz > 2.5 * config.cutoff_hz, ErrorCode::kData,
          "acceleration: sampled at " + std::to_string(acc.rate_hz) + " Hz; gravity needs more than " +
              std::to_string(2.5 * config.cutoff_hz) + " Hz");
  TriaxialSeries out = acc;
  if (config.method == GravityMethod::kLowPass || gyro == nullptr) {
    const auto filter = butterworth(config.order, Band::kLowPass, 0, config.cutoff_hz, acc.rate_hz);
    for (auto* axis : {&out.x, &out.y, &out.z}) *axis = filter_runs(filter, *axis);
    return out;
  }
  check_triaxial(*gyro, "gyroscope");
  TriaxialSeries rate{acc.rate_hz, acc.t0_s, on_clock_of(acc, *gyro, gyro->x),
                      on_clock_of(acc, *gyro, gyro->y), on_clock_of(acc, *gyro, gyro->z)};
  constexpr double kRadPerDeg = 3.14159265358979323846 / 180;
  for (auto* axis : {&rate.x, &rate.y, &rate.z}) {
    for (double& v : *axis) v *= kRadPerDeg;
  }
  std::vector<Vector3> up(acc.size(), Vector3{0, 0, 0});
  const auto size = static_cast<int64_t>(acc.size());
  for (int64_t first = 0; first < size;) {
    int64_t last = first;
    while (last < size && is_finite(at(acc, last))) ++last;
    if (last > first) {
      follow(acc, rate, config, first, last, 1, up);
      follow(acc, rate, config, first, last, -1, up);
    }
    for (; last < size && !is_finite(at(acc, last)); ++last)
      up[static_cast<size_t>(last)] = {kMissing, kMissing, kMissing};
    first = last;
  }
  for (size_t i = 0; i < up.size(); ++i) {
    out.x[i] = up[i].x;
    out.y[i] = up[i].y;
    out.z[i] = up[i].z;
  }
  return out;
}

TimeSeries dynamic_motion(const TriaxialSeries& acc, const GravityConfig& config) {
  const TriaxialSeries gravity = gravity_of(acc, nullptr, config);
  TimeSeries out{acc.rate_hz, acc.t0_s, std::vector<double>(acc.size())};
  for (int64_t i = 0; i < static_cast<int64_t>(acc.size()); ++i) {
    out.values[static_cast<size_t>(i)] = length(at(acc, i) - at(gravity, i));
  }
  return out;
}

}  // namespace limbic::signals
