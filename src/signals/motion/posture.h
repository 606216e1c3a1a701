#pragma once
#include <vector>

#include "limbic/signals/motion/gravity.h"
#include "motion/span.h"
#include "motion/vector3.h"

namespace limbic::signals {

/// Of ImuAnalysis' convention; NaN without gravity.
struct Angles {
  double pitch_deg = kMissing, roll_deg = kMissing, inclination_deg = kMissing;
};
Angles angles_of(const Vector3& up);

/// Mean of the known gravity vectors; no length when there are none.
Vector3 mean_up(const TriaxialSeries& gravity, const Span& span);

struct Posture {
  Angles angles;
  double spread_deg = kMissing;  ///< RMS angle from the mean direction
  double range_deg = kMissing;   ///< widest angle from it
};
Posture posture_of(const TriaxialSeries& gravity, const Span& span);

/// Turns from the posture held so far by more than least_deg that last two seconds; value: the turn.
std::vector<SignalEvent> find_posture_changes(const TriaxialSeries& gravity, double least_deg);

}  // namespace limbic::signals
