#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {

/// The K-weighting of ITU-R BS.1770-4 at any rate: its published coefficients at 48 kHz, carried over by
/// their analog prototypes (De Man 2014).
BiquadCascade k_weighting(double sample_rate_hz);

/// Programme loudness after ITU-R BS.1770-4 and EBU R 128 (Tech 3341 and 3342). Samples come in pieces of any
/// size; what is kept is one number each 100 ms (2.9 MB for ten hours). Levels in LUFS; digital silence is
/// -120.7. A non-finite sample counts as 0. One thread.
class LoudnessMeter {
 public:
  /// @param channel_weights  one a channel: 1, or 1.41 for surround channels
  /// @throws Error(kConfig) for a rate below 100 Hz or no channel
  explicit LoudnessMeter(double sample_rate_hz, std::vector<double> channel_weights = {1.0});

  /// @param samples  num_frames * channels, interleaved, full scale 1
  void push(const float* samples, int64_t num_frames);

  /// Whole steps of 100 ms so far. Step s ends (s + 1) / 10 s after the first sample, rounded to a sample.
  int64_t num_steps() const { return static_cast<int64_t>(step_power_.size()); }
  /// Loudness of the 0.4 s and of the 3 s that end with a step; NaN while fewer have passed.
  double momentary_lufs(int64_t step) const { return window_lufs(step, 4); }
  double short_term_lufs(int64_t step) const { return window_lufs(step, 30); }
  /// Gated loudness of steps [first, last): blocks of 0.4 s each 0.1 s above -70 LUFS and above 10 LU below
  /// their mean. NaN when there are none.
  double integrated_lufs(int64_t first, int64_t last) const;
  double integrated_lufs() const { return integrated_lufs(0, num_steps()); }
  /// Loudness range: 95th minus 10th percentile of the short-term loudness above -70 LUFS and above 20 LU
  /// below its mean. NaN when there is none.
  double range_lu(int64_t first, int64_t last) const;
  double range_lu() const { return range_lu(0, num_steps()); }

 private:
  double window_lufs(int64_t step, int64_t length) const;
  double window_power(int64_t step, int64_t length) const;
  std::vector<double> gated_powers(int64_t first, int64_t last, int64_t length, double relative_lu) const;

  double sample_rate_hz_;
  std::vector<double> channel_weights_;
  BiquadCascade sections_;
  std::vector<double> state_;  ///< four a channel
  int64_t num_frames_ = 0;
  int64_t step_start_ = 0;
  int64_t step_end_;
  double step_sum_ = 0;
  std::vector<double> step_power_;  ///< weighted mean square of each step
};

/// Root mean square in dB of full scale (a full-scale sine has -3.01); -120 for silence; NaN for no samples.
double level_db(const float* samples, int64_t num_samples);

}  // namespace limbic::signals
