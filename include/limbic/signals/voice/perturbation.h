#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// Which periods count, Praat's defaults: others are breaks in the voice, not jitter.
struct PerturbationConfig {
  double period_floor_s = 0.0001;
  double period_ceiling_s = 0.02;
  double max_period_factor = 1.3;
  double max_amplitude_factor = 1.6;

  template <class Visitor>
  void visit(Visitor& v) {
    v("period_floor_s", period_floor_s, "shorter distances of pulses are no periods");
    v("period_ceiling_s", period_ceiling_s, "longer distances of pulses are no periods");
    v("max_period_factor", max_period_factor, "neighbouring periods may differ by this factor, > 1");
    v("max_amplitude_factor", max_amplitude_factor, "neighbouring amplitudes may differ by this factor, > 1");
  }
  void validate(config::Checks& checks) const;
};

/// Variation of period length; NaN with too few periods in a row. Ratios, not percent.
struct Jitter {
  double local = kMissing;    ///< mean |T[i] - T[i-1]| / mean T
  double local_s = kMissing;  ///< mean |T[i] - T[i-1]|, seconds
  double rap = kMissing;      ///< mean |T[i] - mean of 3| / mean T
  double ppq5 = kMissing;     ///< mean |T[i] - mean of 5| / mean T
  double ddp = kMissing;      ///< 3 rap
  int64_t num_periods = 0;
  double mean_period_s = kMissing;
};
/// Variation of amplitude from period to period; NaN with too few.
struct Shimmer {
  double local = kMissing;     ///< mean |A[i] - A[i-1]| / mean A
  double local_db = kMissing;  ///< mean |20 log10(A[i] / A[i-1])|
  double apq3 = kMissing;      ///< mean |A[i] - mean of 3| / mean A
  double apq5 = kMissing;
  double apq11 = kMissing;
  double dda = kMissing;  ///< 3 apq3
};

/// A pulse and the loudness of the sound around it.
struct PulseAmplitude {
  double time_s = 0;
  double rms =
      kMissing;  ///< under a Hann window of a fifth of the periods beside it; NaN = no regular period
};

// Note [Perturbation]
// Praat's definitions (manual: "Voice 2. Jitter", "Voice 3. Shimmer"). The amplitude is not the peak but the
// RMS under a window around the pulse, and only pulses with regular periods on both sides have one.

Jitter jitter_of(const std::vector<double>& pulses_s, const PerturbationConfig& config = {});
Shimmer shimmer_of(const std::vector<PulseAmplitude>& amplitudes, const PerturbationConfig& config = {});
/// @param samples  finite, mono
std::vector<PulseAmplitude> pulse_amplitudes(const float* samples, int64_t num_samples, double rate_hz,
                                             const std::vector<double>& pulses_s,
                                             const PerturbationConfig& config = {});

}  // namespace limbic::signals
