#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/voice/intensity.h"
#include "voice/sample_span.h"

namespace limbic::signals {

/// Intensity of any stretch of frames of a recording.
class IntensityFrames {
 public:
  IntensityFrames(const IntensityConfig& config, double rate_hz);

  FrameGrid grid(int64_t num_samples) const { return centred_grid(num_samples, rate_hz_, window_s_, hop_s_); }
  void compute(const SampleSpan& x, const FrameGrid& grid, int64_t first, int64_t last,
               std::vector<double>& level_db) const;

 private:
  IntensityConfig config_;
  double rate_hz_;
  double hop_s_;
  double window_s_;
  int64_t half_;
  std::vector<double> window_;  ///< Kaiser, 2 half + 1
  double window_sum_ = 0;
};

}  // namespace limbic::signals
