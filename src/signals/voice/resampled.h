#pragma once
#include <cstdint>
#include <vector>

#include "voice/sample_span.h"

namespace limbic::signals {

/// Change of rate as Praat's "Resample": output sample i lies at shift_s + (i + 0.5) / out_rate of the
/// recording's clock. What is above half the lower rate is cut from the transform of the whole stretch given,
/// then values are interpolated from 50 samples on either side.
///
/// Linear prediction models the spectrum up to half its rate: a low-pass that bends it there, even within a
/// few Hz, moves formants by percents, and cutting at one frequency rings through the whole stretch, so
/// formants of silent frames depend on its loud parts. Stretches must therefore be chosen by the recording
/// alone; see recording_pieces().
class Resampled {
 public:
  Resampled(double in_rate_hz, double out_rate_hz);

  double out_rate_hz() const { return out_rate_; }
  /// Output samples of a recording, and the shift that centres them in it as Praat does.
  int64_t num_output(int64_t num_input) const;
  double centring_shift_s(int64_t num_input) const;
  /// Output samples [first, last); the input outside `x` counts as 0.
  std::vector<double> compute(const SampleSpan& x, double shift_s, int64_t first, int64_t last) const;

 private:
  double in_rate_;
  double out_rate_;
  int64_t num_phases_ = 0;  ///< output samples after which positions between input samples repeat; 0 = many
};

/// A stretch of a recording that is analysed at once: frames centred in [start_s, end_s), from the samples
/// [first, last), which reach kPieceMargin_s further.
struct RecordingPiece {
  double start_s = 0;
  double end_s = 0;
  int64_t first = 0;
  int64_t last = 0;
};
inline constexpr double kPieceMargin_s = 2.0;
/// One piece up to 2^21 samples (2 minutes at 16 kHz), else pieces of 60 s.
std::vector<RecordingPiece> recording_pieces(int64_t num_samples, double rate_hz);

}  // namespace limbic::signals
