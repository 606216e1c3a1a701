#pragma once
#include "voice/sample_span.h"

namespace limbic::signals {

/// RMS under a Hann window that ends left_s before and right_s after the pulse; NaN with under four samples.
double pulse_rms(const SampleSpan& x, double pulse_s, double left_s, double right_s);

/// What an amplitude's window is of the periods beside its pulse.
inline constexpr double kPulseWindow = 0.2;

}  // namespace limbic::signals
