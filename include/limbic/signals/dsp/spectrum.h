#pragma once
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// Power spectral density, one-sided, unit^2 / Hz.
struct PowerSpectrum {
  std::vector<double> frequency_hz;
  std::vector<double> density;
};

enum class Taper { kHann, kBlackman, kHamming, kRectangular };  ///< periodic, as scipy.signal.get_window

/// Welch's method: segments of segment_samples (capped at the signal), half overlapped, mean removed, as
/// scipy.signal.welch(detrend="constant"). nfft >= segment pads with zeros (0 = segment).
PowerSpectrum welch(const std::vector<double>& x, double rate_hz, int64_t segment_samples,
                    Taper taper = Taper::kHann, int64_t nfft = 0);
/// Lomb-Scargle of unevenly sampled values at the given frequencies, normalised so that white noise
/// integrates to its variance (one-sided density).
PowerSpectrum lomb_scargle(const std::vector<double>& time_s, const std::vector<double>& x,
                           const std::vector<double>& frequency_hz);
/// Trapezoid integral of the density over [low_hz, high_hz], edges interpolated. NaN when the spectrum does
/// not reach low_hz or has fewer than two bins.
double band_power(const PowerSpectrum& spectrum, double low_hz, double high_hz);

}  // namespace limbic::signals
