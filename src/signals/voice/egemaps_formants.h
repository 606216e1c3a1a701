#pragma once
#include <cstdint>
#include <vector>

#include "dsp/fft.h"
#include "voice/egemaps_frames.h"

namespace limbic::signals {

/// Formants by linear prediction (autocorrelation, 11 coefficients) of the 20 ms frame resampled to 11 kHz in
/// the spectrum. Four frames at once, each for itself.
class EgemapsFormants {
 public:
  EgemapsFormants(const EgemapsGrid& grid, int64_t sample_rate_hz);

  /// @param real, imaginary  num_bins, of frames that lie in the middle of the FFT
  void measure(const Lanes* real, const Lanes* imaginary, EgemapsFormantFrame* out) const;

 private:
  static constexpr int kOrder = 11;
  static EgemapsFormantFrame from_correlation(const float* correlation);

  float scale_;
  int64_t num_samples_;       ///< of the resampled frame
  int64_t num_harmonics_;     ///< bins above 0 that enter
  std::vector<float> waves_;  ///< (cos, sin) of bin k at sample i, row i
};

}  // namespace limbic::signals
