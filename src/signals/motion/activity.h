#pragma once
#include <vector>

#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"
#include "motion/span.h"

namespace limbic::signals {

/// Crossings of a band of +-hysteresis about 0, both ways.
double crossings(const std::vector<double>& x, double hysteresis);
/// Part of the known samples whose size exceeds the limit.
double part_above(const std::vector<double>& x, double limit);

struct Motion {
  double enmo_g = kMissing;
  double mad_g = kMissing;
};
/// Of |a| in g.
Motion motion_of(const std::vector<double>& norm);

struct Rhythm {
  double dominant_hz = kMissing;
  double dominant_part = kMissing;  ///< of the power, within 0.1 Hz around
  double entropy = kMissing;        ///< of the normalised spectrum, 0...1
};
/// Spectrum of |a| within 0.3-15 Hz; missing below two seconds.
Rhythm rhythm_of(const std::vector<double>& norm, double rate_hz);

/// Part of whole seconds with dynamic RMS below the limit.
double still_part(const TimeSeries& dynamic, const Span& span, double limit_g);

}  // namespace limbic::signals
