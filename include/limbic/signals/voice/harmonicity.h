#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

enum class HarmonicityMethod { kAutocorrelation, kCrossCorrelation };
constexpr auto enum_names(HarmonicityMethod) {
  return std::array{std::pair{HarmonicityMethod::kAutocorrelation, "ac"},
                    std::pair{HarmonicityMethod::kCrossCorrelation, "cc"}};
}

/// Harmonics-to-noise ratio as Praat's "To Harmonicity (ac)" and "(cc)".
struct HarmonicityConfig {
  HarmonicityMethod method = HarmonicityMethod::kAutocorrelation;
  double hop_s = 0.01;
  double floor_hz = 75.0;
  double silence_threshold = 0.1;
  double periods = 0.0;

  double resolved_periods() const {
    if (periods > 0) return periods;
    return method == HarmonicityMethod::kAutocorrelation ? 4.5 : 1.0;
  }
  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "ac or cc");
    v("hop_s", hop_s, "distance of frames");
    v("floor_hz", floor_hz, "lowest voice; sets the window");
    v("silence_threshold", silence_threshold,
      "frames below this fraction of the recording's peak have no value");
    v("periods", periods, "periods of the floor in a window; 0 = 4.5 (ac), 1 (cc)");
  }
  void validate(config::Checks& checks) const;
};

/// HNR by frame.
struct HarmonicityTrack {
  double first_s = 0;  ///< centre of frame 0
  double hop_s = 0;
  std::vector<double> hnr_db;  ///< T, NaN where silent or without any periodicity

  double time_of(size_t frame) const { return first_s + static_cast<double>(frame) * hop_s; }
  /// Mean of the frames that have a value; NaN without any.
  double mean_db() const;
};

// Note [Harmonicity]
// 10 log10(r / (1 - r)), r the highest normalised correlation at any lag from 2 samples to the longest
// period: P. Boersma (1993) and Praat's manual. Praat writes -200 where there is no value; here it is
// missing. The autocorrelation uses the Gaussian window, which resolves ratios above 37 dB.

/// @param samples  finite, mono; @throws Error(kConfig, kData)
HarmonicityTrack harmonicity(const float* samples, int64_t num_samples, double rate_hz,
                             const HarmonicityConfig& config = {});

}  // namespace limbic::signals
