#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace limbic::signals {

/// Of the rational-rate resampler: polyphase sinc under a Kaiser window, linear phase, delay removed. Output
/// sample k lies at k / out_rate_hz of the clock on which input sample i lies at i / in_rate_hz. Before the
/// first and after the last sample the signal holds its end value, and a constant stays exactly what it is.
struct ResampleQuality {
  double stop_band_db = 100;  ///< images and aliases are at least so far down, (0, 200]
  double pass_band = 0.9;     ///< of the lower of the two Nyquist frequencies, flat within 0.01 dB; (0, 0.99]
};

/// Whole signal; rates are taken as the nearest ratio of integers up to 10^5. Output length is
/// ceil(n * out / in). NaN is bridged by a line for the filter, and outputs beside one are NaN.
/// @throws Error(kConfig) for rates that are not positive or more than a factor of 1000 apart
std::vector<double> resample(const std::vector<double>& x, double in_rate_hz, double out_rate_hz,
                             const ResampleQuality& quality = {});
/// The same of finite samples.
std::vector<float> resample(const std::vector<float>& x, double in_rate_hz, double out_rate_hz,
                            const ResampleQuality& quality = {});

/// Pieces in, pieces out: concatenated output equals the whole-signal function's bit for bit. Memory does not
/// grow with the recording. One thread; samples finite; one of the two sample types a recording.
class StreamResampler {
 public:
  StreamResampler(double in_rate_hz, double out_rate_hz, const ResampleQuality& quality = {});
  ~StreamResampler();
  StreamResampler(StreamResampler&&) noexcept;
  StreamResampler& operator=(StreamResampler&&) noexcept;

  /// Appends what can be computed to `out`.
  void push(const float* x, int64_t n, std::vector<float>& out);
  void push(const double* x, int64_t n, std::vector<double>& out);
  /// Appends the rest; then ready for another recording.
  void finish(std::vector<float>& out);
  void finish(std::vector<double>& out);
  /// How much of the input after an output's time must have come before it can be computed.
  double delay_s() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Values at given times by linear interpolation of samples at increasing times; NaN outside, and between
/// samples further apart than max_gap_s (0 = any). Missing samples are left out.
/// @throws Error(kData) when times do not increase
std::vector<double> interpolate(const std::vector<double>& time_s, const std::vector<double>& x,
                                const std::vector<double>& at_s, double max_gap_s = 0);

enum class Cubic {
  kShapePreserving,  ///< PCHIP (Fritsch and Carlson 1980, Butland's slopes): no overshoot, one derivative
  kNatural,          ///< spline with two derivatives, no curvature at the ends: smoother, may overshoot
};
/// The same by cubics.
std::vector<double> interpolate_cubic(const std::vector<double>& time_s, const std::vector<double>& x,
                                      const std::vector<double>& at_s, double max_gap_s = 0,
                                      Cubic kind = Cubic::kShapePreserving);

}  // namespace limbic::signals
