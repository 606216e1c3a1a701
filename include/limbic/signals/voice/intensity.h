#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// Sound level as Praat's "To Intensity".
struct IntensityConfig {
  double floor_hz = 75.0;
  double hop_s = 0.0;
  bool subtract_mean = true;

  template <class Visitor>
  void visit(Visitor& v) {
    v("floor_hz", floor_hz, "lowest voice whose periods must not show; the window lasts 6.4 of its periods");
    v("hop_s", hop_s, "distance of frames; 0 = 0.8 / floor_hz");
    v("subtract_mean", subtract_mean, "of each frame: a constant offset is no sound");
  }
  void validate(config::Checks& checks) const;
};

/// Level by frame: dB relative to 20 micropascal when samples are pascal. For a waveform in [-1, 1] that was
/// not calibrated the zero is arbitrary (full-scale sine = 91 dB); differences are what counts.
struct IntensityTrack {
  double first_s = 0;  ///< centre of frame 0
  double hop_s = 0;
  std::vector<double> level_db;  ///< T, NaN for digital silence

  double time_of(size_t frame) const { return first_s + static_cast<double>(frame) * hop_s; }
};

/// @param samples  finite, mono; @throws Error(kConfig, kData)
IntensityTrack intensity(const float* samples, int64_t num_samples, double rate_hz,
                         const IntensityConfig& config = {});

}  // namespace limbic::signals
