#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "dsp/fft.h"
#include "voice/egemaps_frames.h"

namespace limbic::signals {

constexpr size_t kPitchCandidates = 6;
/// Possible F0 of a frame; the strongest first, 0 where there are fewer.
struct PitchCandidates {
  std::array<float, kPitchCandidates> f0_hz{};
  std::array<float, kPitchCandidates> voicing{};  ///< 1 - mean of the sum spectrum / its peak, [0, 1)
};

/// Subharmonic summation: Hermes, "Measurement of pitch by subharmonic summation", JASA 83 (1988), on an
/// octave axis with as many points as the FFT has bins. Four frames at once, each for itself.
class EgemapsShs {
 public:
  explicit EgemapsShs(const EgemapsGrid& grid);

  /// @param magnitude  num_bins of four frames, overwritten
  void find(Lanes* magnitude, PitchCandidates* out) const;

 private:
  struct Knot {  ///< one bin's part in the spline's tridiagonal system
    double up, down, carry, back;
  };
  struct Point {  ///< one point of the octave axis: where it lies between bins, and the ear's weight
    int64_t bin;
    double lower, lower_curve, upper_curve, weight;
  };
  PitchCandidates pick(const std::vector<float>& sum) const;

  int64_t num_bins_;
  double low_octave_;
  double octave_step_;
  std::vector<Knot> knots_;
  std::vector<Point> points_;
  std::vector<int64_t> shift_;  ///< of harmonics 2.., points
};

}  // namespace limbic::signals
