#pragma once
#include "limbic/signals/voice/perturbation.h"
#include "voice/sample_span.h"

namespace limbic::signals {

/// RMS under a Hann window that reaches a fifth of the periods before and after the pulse; NaN unless both
/// are regular (see PerturbationConfig) and the window holds four samples.
double regular_pulse_rms(const SampleSpan& x, double pulse_s, double left_period_s, double right_period_s,
                         const PerturbationConfig& config);

}  // namespace limbic::signals
