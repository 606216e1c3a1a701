#pragma once
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// Second-order section: (b0 + b1 z^-1 + b2 z^-2) / (1 + a1 z^-1 + a2 z^-2).
struct Biquad {
  double b0 = 1, b1 = 0, b2 = 0, a1 = 0, a2 = 0;
};
using BiquadCascade = std::vector<Biquad>;

enum class Band { kLowPass, kHighPass, kBandPass, kBandStop };

/// Butterworth filter of `order` (1..12; band filters have twice as many poles), as scipy.signal.butter(...,
/// output="sos"): same sections within 1e-12.
/// @param low_hz, high_hz  low-pass uses high_hz, high-pass low_hz; 0 < edge < rate_hz / 2
/// @throws Error(kConfig) naming the edge that is out of range
BiquadCascade butterworth(int64_t order, Band band, double low_hz, double high_hz, double rate_hz);
/// Notch at centre_hz with quality factor (scipy.signal.iirnotch).
BiquadCascade notch(double centre_hz, double quality, double rate_hz);

/// Forward only, causal, with state: feeding a signal in pieces gives what feeding it whole gives.
class CausalFilter {
 public:
  /// @param settle_on_first  start in the steady state of the first sample instead of at rest
  explicit CausalFilter(BiquadCascade sections, bool settle_on_first = true);
  /// NaN gives NaN and leaves the state as it is.
  double next(double x);
  void reset();

 private:
  BiquadCascade sections_;
  std::vector<double> state_;
  bool settle_on_first_;
  bool started_ = false;
};

/// Forward and backward (zero phase), odd extension at the ends, as scipy.signal.sosfiltfilt with its default
/// padding; a signal shorter than the padding uses what there is. NaN-free input.
std::vector<double> filter_both_ways(const BiquadCascade& sections, const std::vector<double>& x);
/// Runs of NaN split the signal: every finite run is filtered for itself, NaN stays NaN.
std::vector<double> filter_runs(const BiquadCascade& sections, const std::vector<double>& x);

// Of the smoothers below, too: NaN stays NaN. The first two take every finite run for itself.

/// Running median over an odd window, edges as scipy.ndimage.median_filter(mode="nearest"); O(n log w).
std::vector<double> median_filter(const std::vector<double>& x, int64_t window);
/// Savitzky-Golay, odd window > order, `deriv`-th derivative for samples delta apart; edges by polynomial
/// ("interp"), as scipy.signal.savgol_filter. A run shorter than the window is fitted by one polynomial.
std::vector<double> savitzky_golay(const std::vector<double>& x, int64_t window, int64_t order,
                                   int64_t deriv = 0, double delta = 1.0);
/// Mean of the window's finite samples (fewer at the ends): i - window / 2 ... i + (window - 1) / 2.
std::vector<double> moving_average(const std::vector<double>& x, int64_t window);

/// Fills NaN linearly between neighbours, flat at the ends; at most max_gap samples in a row (0 = any).
std::vector<double> fill_gaps(const std::vector<double>& x, int64_t max_gap = 0);

}  // namespace limbic::signals
