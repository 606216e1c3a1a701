#pragma once
#include <vector>

#include "voice/egemaps_frames.h"

namespace limbic::signals {

/// Harmonics-to-noise ratio and the levels of harmonics in the 60 ms magnitude spectrum of a voiced frame.
class EgemapsHarmonics {
 public:
  explicit EgemapsHarmonics(const EgemapsGrid& grid) : grid_(grid) {}

  struct Result {
    float hnr_db = 0;
    float h1_h2_db = 0;
    float h1_a3_db = 0;
    std::array<float, kEgemapsFormants> formant_db{};  ///< relative to F0; 0 = no harmonic near the formant
  };
  /// @param magnitude  num_bins
  Result measure(float f0_hz, const float* magnitude, const EgemapsFormantFrame& formants) const;

 private:
  static constexpr int kHarmonics = 100;
  struct Harmonic {
    int64_t bin = 0;
    float frequency_hz = 0;  ///< of the parabola through the peak
    float magnitude = 0;     ///< of the bin
    float level_db = 0;      ///< relative to F0
  };
  using Harmonics = std::array<Harmonic, kHarmonics>;

  int64_t bin_of(float hz, int64_t from) const;
  bool is_peak(const float* magnitude, int64_t bin) const;
  Harmonics find(float f0_hz, const float* magnitude) const;
  float hnr_db(float f0_hz, const float* magnitude) const;

  EgemapsGrid grid_;
};

}  // namespace limbic::signals
