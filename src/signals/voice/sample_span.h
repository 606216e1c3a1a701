#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace limbic::signals {

/// A stretch of a recording, with indices of the recording: sample i covers [i, i + 1) / rate_hz and its
/// centre lies at (i + 0.5) / rate_hz, Praat's convention, so that times agree with Praat's to the last
/// digit.
struct SampleSpan {
  const double* data = nullptr;
  int64_t first = 0;  ///< index of data[0]
  int64_t last = 0;   ///< exclusive
  double rate_hz = 0;
  double shift_s = 0;  ///< of a resampled recording: where its first sample begins

  double at(int64_t i) const { return data[i - first]; }
  bool holds(int64_t i) const { return i >= first && i < last; }
  double time_of(int64_t i) const { return shift_s + (static_cast<double>(i) + 0.5) / rate_hz; }
  /// Last sample centred at or before t; may lie outside.
  int64_t before(double t) const { return static_cast<int64_t>(std::floor((t - shift_s) * rate_hz - 0.5)); }
  /// First sample centred at or after t.
  int64_t after(double t) const { return static_cast<int64_t>(std::ceil((t - shift_s) * rate_hz - 0.5)); }
  int64_t nearest(double t) const { return static_cast<int64_t>(std::floor((t - shift_s) * rate_hz)); }
};

/// Times of the frames of one analysis: first_s + k hop_s, k in [0, count).
struct FrameGrid {
  double first_s = 0;
  double hop_s = 0;
  int64_t count = 0;

  double time_of(int64_t k) const { return first_s + static_cast<double>(k) * hop_s; }
  /// First frame centred at or after t, at most count.
  int64_t from(double t) const {
    return std::clamp<int64_t>(static_cast<int64_t>(std::ceil((t - first_s) / hop_s)), 0, count);
  }
};

/// As many windows as fit whole into a recording, centred in it; none when it is shorter than a window.
inline FrameGrid centred_grid(int64_t num_samples, double rate_hz, double window_s, double hop_s) {
  // In this order of operations a recording of a whole number of hops has as many frames as in Praat.
  const double duration_s = static_cast<double>(num_samples) * (1.0 / rate_hz);
  FrameGrid grid{0, hop_s, 0};
  if (!(duration_s >= window_s)) return grid;
  grid.count = static_cast<int64_t>(std::floor((duration_s - window_s) / hop_s)) + 1;
  grid.first_s = 0.5 * duration_s - 0.5 * static_cast<double>(grid.count - 1) * hop_s;
  return grid;
}

}  // namespace limbic::signals
