#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/motion/gait.h"
#include "limbic/signals/motion/gravity.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

struct ImuConfig {
  double frame_rate_hz = 4;
  GravityConfig gravity;
  GaitConfig gait;
  double count_low_hz = 0.25;
  double count_high_hz = 2.5;
  double zero_crossing_g = 0.01;
  double above_threshold_g = 0.1;
  double still_g = 0.02;
  double posture_change_deg = 30;

  template <class Visitor>
  void visit(Visitor& v) {
    v("frame_rate_hz", frame_rate_hz, "rate of frames()");
    v("gravity", gravity, "separation of gravity");
    v("gait", gait, "steps and walking");
    v("count_low_hz", count_low_hz, "band of the activity counts, lower edge");
    v("count_high_hz", count_high_hz, "band of the activity counts, upper edge");
    v("zero_crossing_g", zero_crossing_g, "hysteresis of the zero-crossing count");
    v("above_threshold_g", above_threshold_g, "limit of the time above threshold");
    v("still_g", still_g, "seconds whose dynamic RMS is lower are still");
    v("posture_change_deg", posture_change_deg,
      "a turn of gravity by more, held 2 s, is a change of posture");
  }
  void validate(config::Checks& checks) const;
};

/// Activity, posture and gait from an accelerometer, with a gyroscope if there is one.
///
/// Angles follow from gravity (gx, gy, gz), which points up: pitch = atan2(-gx, sqrt(gy^2 + gz^2)), roll =
/// atan2(gy, gz), inclination = angle between z and up, in degrees; flat with z up, all three are 0.
/// Keeps ten columns of the input's length: 10 hours at 32 Hz take 200 MB at the peak, the input included;
/// feed longer recordings in hours.
class ImuAnalysis {
 public:
  /// @param gyro  degrees a second, may be null; other rates are interpolated
  /// @throws Error(kConfig), Error(kData) for bad rates, unequal axes or less than 10 Hz
  ImuAnalysis(const ImuConfig& config, const TriaxialSeries& acc, const TriaxialSeries* gyro = nullptr);

  /// dynamic_g, enmo_g, jerk_g_per_s, pitch_deg, roll_deg, inclination_deg, gyro_dps (missing without
  /// gyroscope), is_walking
  Table frames() const;
  /// Activity, spectrum, posture and gait of each window.
  Table intervals(const std::vector<Interval>& windows) const;
  /// "step" (step_time_s), "walking" (num_steps, cadence_per_min), "posture_change" (angle_deg)
  EventTable events() const;

  /// Length of dynamic acceleration, g.
  const TimeSeries& dynamic() const { return dynamic_; }
  const TriaxialSeries& gravity() const { return gravity_; }
  const Gait& gait() const { return gait_; }

 private:
  ImuConfig config_;
  TriaxialSeries gravity_;
  TimeSeries norm_;                        ///< |a|, g
  TimeSeries dynamic_;                     ///< |a - gravity|, g
  TimeSeries jerk_;                        ///< |da/dt|, g/s
  TimeSeries count_band_;                  ///< norm within the band of the counts
  TimeSeries gyro_;                        ///< |w|, deg/s; empty without gyroscope
  std::vector<TimeSeries> gait_channels_;  ///< g
  Gait gait_;
  std::vector<SignalEvent> posture_changes_;  ///< value: the turn in degrees
};

}  // namespace limbic::signals
