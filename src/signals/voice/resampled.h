#pragma once
#include <cstdint>
#include <vector>

#include "voice/sample_span.h"

namespace limbic::signals {

/// Change of rate around any piece of a recording: output sample i lies at (i + 0.5) / out_rate of the
/// recording's clock and depends on the input within reach_s() only, so pieces join without a seam. Ideal
/// low-pass at half the lower rate under a raised cosine of 100 output (or input) samples on either side.
class Resampled {
 public:
  Resampled(double in_rate_hz, double out_rate_hz);

  double reach_s() const { return reach_s_; }
  double out_rate_hz() const { return out_rate_; }
  /// Output samples whose centre lies in the recording's [0, num_samples / in_rate).
  int64_t num_output(int64_t num_input) const;
  /// Output samples [first, last); the input outside `x` counts as 0.
  std::vector<double> compute(const SampleSpan& x, int64_t first, int64_t last) const;

 private:
  double in_rate_;
  double out_rate_;
  double reach_s_;
  int64_t half_;               ///< input samples on either side
  std::vector<double> table_;  ///< kPhases + 1 rows of 2 half taps
};

}  // namespace limbic::signals
