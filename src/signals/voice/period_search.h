#pragma once
#include <vector>

#include "limbic/signals/voice/pitch.h"
#include "voice/sample_span.h"

namespace limbic::signals {

/// A run of voiced frames, half a hop wider than their centres.
struct VoicedStretch {
  double start_s = 0;
  double end_s = 0;
};
std::vector<VoicedStretch> voiced_stretches(const PitchTrack& track, double duration_s);

/// Appends the pulses of one stretch. `x` holds two periods of the lowest F0 around it, as far as there is
/// any.
/// @param peak      largest |sample| of the recording
/// @param last_s    time of the last pulse that an earlier stretch's right side placed; updated
void find_stretch_periods(const SampleSpan& x, double peak, const PitchTrack& track, VoicedStretch stretch,
                          double& last_s, std::vector<double>& pulses_s);

}  // namespace limbic::signals
