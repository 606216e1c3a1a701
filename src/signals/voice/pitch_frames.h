#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "voice/pitch_candidates.h"
#include "voice/resampled.h"
#include "voice/subharmonics.h"

namespace limbic::signals {

/// Candidates of any stretch of frames of a recording, by the method of the config.
class PitchFrames {
 public:
  /// @throws Error(kConfig)
  PitchFrames(const PitchConfig& config, double rate_hz);

  double window_s() const;
  double hop_s() const { return hop_s_; }
  double ceiling_hz() const { return ceiling_hz_; }
  FrameGrid grid(int64_t num_samples) const {
    return centred_grid(num_samples, rate_hz_, window_s(), hop_s_);
  }
  /// Appends frames [first, last) of the grid. `x` holds a window around them, as far as the
  /// recording goes.
  void compute(const SampleSpan& x, const AudioLevel& level, const FrameGrid& grid, int64_t first,
               int64_t last, std::vector<PitchFrame>& out) const;

 private:
  PitchConfig config_;
  double rate_hz_;
  double hop_s_;
  double ceiling_hz_;
  std::optional<CorrelationFrames> correlation_;
  std::optional<SubharmonicFrames> subharmonic_;
  std::optional<Resampled> resampled_;
};

/// Samples as double. @throws Error(kData) at the first that is not finite
std::vector<double> finite_samples(const float* samples, int64_t num_samples, int64_t first_index = 0);
AudioLevel level_of(const std::vector<double>& samples);
/// @throws Error(kConfig) unless the rate is in [1000, 1000000]
void check_voice_rate(double rate_hz);

}  // namespace limbic::signals
