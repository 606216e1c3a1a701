#pragma once
#include <cstdint>
#include <vector>

#include "voice/egemaps_frames.h"

namespace limbic::signals {

/// Loudness, alpha ratio, Hammarberg index, spectral slopes, flux and MFCC 1-4 of one 20 ms frame.
class EgemapsSpectral {
 public:
  explicit EgemapsSpectral(const EgemapsGrid& grid);

  /// @param power     num_bins, |X|^2
  /// @param previous  magnitudes of the frame before, empty at the first; becomes this frame's
  SpectralFrame measure(const double* power, std::vector<double>& previous) const;

 private:
  /// Least-squares line of the log spectrum between two frequencies, with openSMILE's weights at the edges.
  struct SlopeBand {
    int64_t first = 0;
    int64_t last = 0;
    double first_weight = 1;
    double last_weight = 1;
    double width = 0;  ///< bins
    double sum_f = 0;
    double sum_f2 = 0;
  };
  SlopeBand slope_band(double low_hz, double high_hz) const;
  double slope(const SlopeBand& band, const std::vector<double>& level_db) const;
  void mel_energies(const double* power, double* bands) const;

  EgemapsGrid grid_;
  int64_t first_mel_bin_ = 0;
  std::vector<int> mel_channel_;    ///< by bin from first_mel_bin_: the lower of the two filters, from -1
  std::vector<double> mel_weight_;  ///< share of the lower filter
  std::vector<double> ear_;         ///< equal-loudness weight of each band
  std::vector<double> cosines_;     ///< 4 x bands, liftered DCT rows
  SlopeBand low_;
  SlopeBand mid_;
  int64_t flux_bins_ = 0;
};

}  // namespace limbic::signals
