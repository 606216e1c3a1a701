#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/voice/harmonicity.h"
#include "voice/pitch_candidates.h"

namespace limbic::signals {

/// Harmonicity of any stretch of frames of a recording.
class HarmonicityFrames {
 public:
  HarmonicityFrames(const HarmonicityConfig& config, double rate_hz);

  FrameGrid grid(int64_t num_samples) const {
    return centred_grid(num_samples, rate_hz_, correlation_.window_s(), config_.hop_s);
  }
  /// Appends dB of frames [first, last) of the grid, NaN = no value.
  void compute(const SampleSpan& x, const AudioLevel& level, const FrameGrid& grid, int64_t first,
               int64_t last, std::vector<double>& hnr_db) const;

 private:
  HarmonicityConfig config_;
  double rate_hz_;
  CorrelationFrames correlation_;
};

}  // namespace limbic::signals
