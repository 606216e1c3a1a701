#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/heart/beats.h"

namespace limbic::signals {

/// Beats of a stretch of finite samples.
struct WaveBeats {
  std::vector<double> position;  ///< samples from the stretch's first, with fraction, rising
  std::vector<double> wave;      ///< the cleaned signal, systole or R peak up
};

/// @param votes  sum of opinions on which way is up, carried from stretch to stretch; positive = as it comes
WaveBeats detect_ecg(const std::vector<double>& x, double rate_hz, const BeatConfig& config, double& votes);
WaveBeats detect_bvp(const std::vector<double>& x, double rate_hz, const BeatConfig& config, double& votes);

/// Correlation of each beat's wave with the median wave of all; NaN for beats at the edges or when there are
/// fewer than five.
/// @param before_s, after_s  the wave around a beat
std::vector<double> wave_quality(const WaveBeats& beats, double rate_hz, double before_s, double after_s);

/// Vertex of the parabola through x[i - 1], x[i], x[i + 1], as a position; i at the edges or on a plateau.
double refine_peak(const std::vector<double>& x, int64_t i);

/// Half-open ranges of samples.
struct SampleRange {
  int64_t first;
  int64_t last;
};
/// Runs of NaN.
std::vector<SampleRange> missing_ranges(const std::vector<double>& x);
/// Runs of at least `samples` equal values.
std::vector<SampleRange> flat_ranges(const std::vector<double>& x, int64_t samples);
/// Runs of at least `samples` at the highest or the lowest value, when there are three of them at that end.
std::vector<SampleRange> clipped_ranges(const std::vector<double>& x, int64_t samples);

}  // namespace limbic::signals
