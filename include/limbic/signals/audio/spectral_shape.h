#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// What the moments, roll-offs and the rest of the shape weigh a bin with.
enum class SpectrumKind {
  kMagnitude,  ///< librosa, Peeters
  kPower,      ///< openSMILE
};
constexpr auto enum_names(SpectrumKind) {
  return std::array{std::pair{SpectrumKind::kMagnitude, "magnitude"},
                    std::pair{SpectrumKind::kPower, "power"}};
}

/// Note [Spectral shape]
/// With a_k the magnitude (or power) and f_k the frequency of the bins in [low_hz, high_hz], q = a / sum a:
/// centroid = sum q f; spread = sqrt(sum q (f - centroid)^2) (librosa's spectral_bandwidth); skewness and
/// kurtosis the third and fourth standard moments of q over f (3 = Gaussian); entropy = - sum q log2 q / log2
/// K, in [0, 1]; flatness = geometric / arithmetic mean of the power, floored at 1e-10 (librosa); crest = max
/// a / mean a; roll-off p = lowest f with at least p % of sum a at or below it (librosa); slope, decrease:
/// Peeters, "A large set of audio features" (2004), 6.1.5-6.1.6; flux = distance of the spectra of this and
/// the previous frame, each of Euclidean length 1, in [0, sqrt 2]; band levels = dB of the mean square in the
/// band, 0 dB = square wave of full scale; contrast = dB of the mean of the highest over the lowest 2 % of an
/// octave's magnitudes (Jiang et al. 2002, bands and rounding of librosa). A silent frame has no shape: all
/// but the band levels are missing.
struct SpectralShapeConfig {
  int64_t sample_rate_hz = 16000;
  int64_t fft_samples = 512;
  double low_hz = 0.0;
  double high_hz = 0.0;
  SpectrumKind spectrum = SpectrumKind::kMagnitude;
  std::vector<double> rolloff_percent = {25, 50, 75, 85, 90, 95};
  std::vector<double> band_edges_hz = {0, 250, 500, 1000, 2000, 4000, 8000};
  double contrast_low_hz = 200.0;
  int64_t contrast_octaves = 6;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the waveform");
    v("fft_samples", fft_samples, "FFT length, even");
    v("low_hz", low_hz, "lowest frequency of the shape");
    v("high_hz", high_hz, "highest frequency of the shape; 0 = half the rate");
    v("spectrum", spectrum, "weights of bins: magnitude (librosa) or power (openSMILE)");
    v("rolloff_percent", rolloff_percent, "percentages of the roll-off columns, each in (0, 100)");
    v("band_edges_hz", band_edges_hz,
      "increasing edges of the band levels; a band above half the rate is missing");
    v("contrast_low_hz", contrast_low_hz, "upper edge of the lowest contrast band");
    v("contrast_octaves", contrast_octaves,
      "octaves above it; those that begin above half the rate are missing; -1 = no contrast");
  }
  void validate(config::Checks& checks) const;
};

/// Describes spectra, frame by frame. Const methods are thread-safe.
class SpectralShape {
 public:
  /// @param window  weights of the frame before the FFT: band levels are those of the unwindowed signal
  /// @throws Error(kConfig) when the config is out of range
  SpectralShape(const SpectralShapeConfig& config, const std::vector<double>& window);

  /// One column a value, in the order of describe(); names spectral_*.
  const std::vector<Column>& columns() const { return columns_; }
  /// @param power_K     |X|^2 of fft_samples / 2 + 1 bins
  /// @param previous_K  of the frame before, or null: the flux is missing
  void describe(const float* power_K, const float* previous_K, double* out) const;

 private:
  void moments(const std::vector<double>& a, double* out) const;
  double contrast(const std::vector<double>& magnitude, size_t band) const;

  SpectralShapeConfig config_;
  std::vector<Column> columns_;
  std::vector<double> frequency_hz_;  ///< of all bins
  size_t first_ = 0;                  ///< bins [first, last) of the shape
  size_t last_ = 0;
  double level_scale_ = 1;                          ///< one-sided |X|^2 to mean square
  std::vector<std::pair<size_t, size_t>> bands_;    ///< bins of the band levels
  std::vector<std::pair<size_t, size_t>> octaves_;  ///< bins of the contrast
  std::vector<size_t> octave_tails_;                ///< how many are averaged at both ends
};

/// Fraction of neighbouring samples of which one is negative and the other is not; NaN with fewer than two.
double zero_crossing_rate(const float* samples, int64_t num_samples);

}  // namespace limbic::signals
