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
/// scipy.signal.welch(detrend="constant"). nfft >= segment pads with zeros (0 = segment). NaN-free input; an
/// empty one has an empty spectrum.
PowerSpectrum welch(const std::vector<double>& x, double rate_hz, int64_t segment_samples,
                    Taper taper = Taper::kHann, int64_t nfft = 0);
/// Lomb-Scargle of unevenly sampled values at the given frequencies, the mean removed, normalised so that
/// white noise integrates to its variance up to half the mean rate (one-sided density: 2 (last - first time)
/// / (n - 1) times scipy.signal.lombscargle). Missing values are left out; NaN with fewer than two times.
PowerSpectrum lomb_scargle(const std::vector<double>& time_s, const std::vector<double>& x,
                           const std::vector<double>& frequency_hz);
/// Trapezoid integral of the density over [low_hz, high_hz], edges interpolated. NaN when the spectrum does
/// not reach low_hz or has fewer than two bins; up to its last bin when it ends below high_hz.
double band_power(const PowerSpectrum& spectrum, double low_hz, double high_hz);

}  // namespace limbic::signals
