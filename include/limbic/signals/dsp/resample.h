#pragma once
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// Rational-rate resampler: polyphase windowed sinc (Kaiser). Pass band and alias rejection are stated by
/// quality and tested. Linear phase, delay removed: output sample k lies at k / out_rate_hz of the same
/// clock.
struct ResampleQuality {
  double stop_band_db = 100;  ///< images and aliases are at least so far down
  double pass_band = 0.9;     ///< of the lower of the two Nyquist frequencies, flat within 0.01 dB
};

/// Whole signal; rates are taken as the nearest ratio of integers up to 10^5. Output length is
/// ceil(n * out / in).
std::vector<double> resample(const std::vector<double>& x, double in_rate_hz, double out_rate_hz,
                             const ResampleQuality& quality = {});
std::vector<float> resample(const std::vector<float>& x, double in_rate_hz, double out_rate_hz,
                            const ResampleQuality& quality = {});

/// Pieces in, pieces out: concatenated output equals the whole-signal function's bit for bit.
class StreamResampler {
 public:
  StreamResampler(double in_rate_hz, double out_rate_hz, const ResampleQuality& quality = {});
  /// Appends what can be computed to `out`.
  void push(const float* x, int64_t n, std::vector<float>& out);
  void finish(std::vector<float>& out);
  double delay_s() const;

 private:
  std::vector<double> taps_;
  std::vector<float> history_;
};

/// Values at given times by linear interpolation of samples at increasing times; NaN outside, and between
/// samples further apart than max_gap_s (0 = any).
std::vector<double> interpolate(const std::vector<double>& time_s, const std::vector<double>& x,
                                const std::vector<double>& at_s, double max_gap_s = 0);
/// Shape-preserving cubic (PCHIP) or natural cubic spline of the same.
std::vector<double> interpolate_cubic(const std::vector<double>& time_s, const std::vector<double>& x,
                                      const std::vector<double>& at_s, double max_gap_s = 0);

}  // namespace limbic::signals
