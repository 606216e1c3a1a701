#pragma once
#include <cstdint>
#include <vector>

#include "dsp/fft.h"
#include "limbic/signals/voice/pitch.h"
#include "voice/pitch_candidates.h"
#include "voice/resampled.h"

namespace limbic::signals {

/// Candidates by subharmonic summation: D. J. Hermes, "Measurement of pitch by subharmonic summation", JASA
/// 83 (1988). The amplitude spectrum below shs_max_hz, its peaks sharpened, is laid on a logarithmic scale
/// with 48 points an octave; F0 is where the sum of the compressed spectra shifted by the first harmonics is
/// high. The strength of a candidate is its sum over the largest, times the correlation of the two periods
/// beside the frame's centre, by which Hermes tells voiced from unvoiced.
class SubharmonicFrames {
 public:
  explicit SubharmonicFrames(const PitchConfig& config);

  double window_s() const { return window_s_; }
  double low_rate_hz() const { return low_rate_hz_; }
  /// @param low   the recording at low_rate_hz()
  /// @param full  the recording at its own rate, for the intensity
  void compute(const SampleSpan& low, const SampleSpan& full, const AudioLevel& level, const double* times_s,
               int64_t num_frames, PitchFrame* frames) const;

 private:
  void sum_of(const std::vector<double>& amplitude, PitchFrame& frame) const;

  PitchConfig config_;
  double window_s_;
  double low_rate_hz_;
  int64_t window_samples_;
  std::vector<double> window_;
  RealFft fft_;
  double log2_low_ = 0;  ///< of point 0
  int64_t num_points_ = 0;
  int64_t num_f0_points_ = 0;
  std::vector<double> sensitivity_;      ///< of the ear by point: low frequencies count less
  std::vector<int64_t> harmonic_shift_;  ///< in points
  std::vector<double> harmonic_weight_;
};

}  // namespace limbic::signals
