#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/voice/formants.h"
#include "voice/resampled.h"

namespace limbic::signals {

/// Formants of any stretch of frames of a recording.
class FormantFrames {
 public:
  FormantFrames(const FormantConfig& config, double rate_hz);

  double hop_s() const { return hop_s_; }
  FrameGrid grid(int64_t num_samples) const;
  /// Appends frames [first, last) of the grid, all of one of recording_pieces().
  /// @param num_samples  of the whole recording
  void compute(const SampleSpan& x, int64_t num_samples, int64_t first, int64_t last,
               std::vector<FormantFrame>& out) const;

 private:
  FormantConfig config_;
  double rate_hz_;
  double hop_s_;
  double low_rate_hz_;
  Resampled resampled_;
  std::vector<double> window_;
};

}  // namespace limbic::signals
