#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// Formants by linear prediction (Burg) as Praat's "To Formant (burg)".
struct FormantConfig {
  double hop_s = 0.0;
  int64_t num_formants = 5;
  double ceiling_hz = 5500.0;
  double window_s = 0.025;
  double preemphasis_from_hz = 50.0;
  bool is_tracked = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("hop_s", hop_s, "distance of frames; 0 = a quarter of window_s");
    v("num_formants", num_formants, "formants sought below the ceiling, two poles each");
    v("ceiling_hz", ceiling_hz,
      "highest formant: 5500 for women, 5000 for men; the sound is resampled to twice it");
    v("window_s", window_s, "effective length of the Gaussian window, which is twice as long in all");
    v("preemphasis_from_hz", preemphasis_from_hz, "spectrum raised by 6 dB an octave from here on");
    v("is_tracked", is_tracked, "number F1-F3 by continuity within runs of frames instead of by rank");
  }
  void validate(config::Checks& checks) const;
};

inline constexpr size_t kNumFormants = 3;
struct Formant {
  double hz = kMissing;
  double bandwidth_hz = kMissing;
};
/// F1, F2, F3; what a frame does not have is missing.
using FormantFrame = std::array<Formant, kNumFormants>;

struct FormantTrack {
  double first_s = 0;  ///< centre of frame 0
  double hop_s = 0;
  std::vector<FormantFrame> frames;

  double time_of(size_t frame) const { return first_s + static_cast<double>(frame) * hop_s; }
  /// Mean over the frames that have the formant; NaN without any.
  double mean_hz(size_t formant) const;
  double mean_bandwidth_hz(size_t formant) const;
};

// Note [Formants]
// D. G. Childers, "Modern spectrum analysis" (1978) for Burg's recursion; Praat's manual for the rest:
// resampled to twice the ceiling, pre-emphasis, Gaussian windows, poles of the prediction polynomial brought
// inside the unit circle, formants = poles between 50 Hz and the ceiling less 50 Hz. Frames without speech
// have formants as well (of the noise); restrict means to voiced frames where that matters.

/// @param samples  finite, mono; @throws Error(kConfig, kData)
FormantTrack formants(const float* samples, int64_t num_samples, double rate_hz,
                      const FormantConfig& config = {});

/// Renumbers F1-F3 in place so that each changes little from frame to frame: of the frame's formants in
/// order, the choice whose steps (in octaves) plus distance from 550, 1650 and 2750 Hz scaled to the ceiling
/// are least.
void track_formants(std::vector<FormantFrame>& frames, double ceiling_hz);

}  // namespace limbic::signals
