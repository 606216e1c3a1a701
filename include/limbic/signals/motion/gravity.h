#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// Three axes of one sensor, sampled evenly; NaN = missing. Acceleration is specific force in g: a sensor at
/// rest reads +1 g on the axis that points up. Angular velocity is in degrees a second, right-handed.
struct TriaxialSeries {
  double rate_hz = 0;
  double t0_s = 0;
  std::vector<double> x, y, z;

  size_t size() const { return x.size(); }
  double time_of(int64_t sample) const { return t0_s + static_cast<double>(sample) / rate_hz; }
  double end_s() const { return time_of(static_cast<int64_t>(x.size())); }
};
/// @throws Error(kData) naming `name` unless rate and t0 are sound and the axes equally long
void check_triaxial(const TriaxialSeries& series, const char* name);
/// Euclidean length of every sample.
TimeSeries norm_of(const TriaxialSeries& series);

enum class GravityMethod {
  kLowPass,        ///< zero-phase Butterworth: right while turns are slower than the cutoff
  kComplementary,  ///< turned by the gyroscope, drawn to the acceleration; forward and backward, averaged
};
constexpr auto enum_names(GravityMethod) {
  return std::array{std::pair{GravityMethod::kLowPass, "low_pass"},
                    std::pair{GravityMethod::kComplementary, "complementary"}};
}

struct GravityConfig {
  GravityMethod method = GravityMethod::kLowPass;
  double cutoff_hz = 0.3;
  int64_t order = 2;
  double time_constant_s = 2;
  double max_deviation_g = 0.15;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "low_pass, or complementary (needs a gyroscope, else low_pass)");
    v("cutoff_hz", cutoff_hz, "low_pass: edge of the Butterworth filter");
    v("order", order, "low_pass: order of the filter, which runs forward and backward");
    v("time_constant_s", time_constant_s, "complementary: how fast gravity follows the acceleration");
    v("max_deviation_g", max_deviation_g,
      "complementary: samples whose norm is further from 1 g do not draw");
  }
  void validate(config::Checks& checks) const;
};

/// Gravity in the sensor's axes, g. Runs of missing samples part the signal.
/// @param gyro  may be null; another rate or start is interpolated to acc's samples
TriaxialSeries gravity_of(const TriaxialSeries& acc, const TriaxialSeries* gyro, const GravityConfig& config);
/// Length of acceleration minus gravity, g: what HeartAnalysis takes as motion.
TimeSeries dynamic_motion(const TriaxialSeries& acc, const GravityConfig& config = {});

}  // namespace limbic::signals
