#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/voice/pitch.h"

namespace limbic::signals {

// Note [Periods]
// One pulse a period as Praat's "Sound & Pitch: To PointProcess (cc)" (manual) places them. In every voiced
// stretch the first pulse is the largest deflection within a period around the middle; from there to both
// sides the next lies 0.8 to 1.25 periods away, where the period around it correlates best with the period
// around the last one. A correlation up to 0.3, or a period without amplitude, gives no pulse; one pulse
// beyond the stretch's edge is added above 0.7. F0 of the default autocorrelation track gives Praat's "To
// PointProcess (periodic, cc)".

/// Times of the pulses, ascending.
/// @param samples  finite, mono; the recording that `track` was found in
std::vector<double> find_periods(const float* samples, int64_t num_samples, double rate_hz,
                                 const PitchTrack& track);

}  // namespace limbic::signals
