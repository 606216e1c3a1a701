#pragma once
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// Part of a recording: samples [begin, begin + values.size()).
struct WavePiece {
  int64_t begin = 0;
  std::vector<float> values;

  int64_t end() const { return begin + static_cast<int64_t>(values.size()); }
};

/// Period by period along the waveform of voiced frames: each period is the lag of the highest correlation
/// within 10 % of 1 / F0. Jitter compares neighbouring periods, shimmer their peak-to-peak amplitudes.
class EgemapsJitter {
 public:
  explicit EgemapsJitter(int64_t sample_rate_hz);

  struct Result {
    float jitter = 0;      ///< mean |T1 - T2| / mean T, at most 1; 0 = unvoiced or no pair of periods
    float shimmer_db = 0;  ///< 20 log10(1 + mean |A1 - A2| / mean A)
  };
  /// Frames must come in order, every one. @param frame_start  its first sample @param wave  covers the frame
  Result next(float f0_hz, int64_t frame_start, const WavePiece& wave);
  /// Samples before a frame's start that next() may read.
  int64_t reach_back() const { return 4 * frame_samples_; }

 private:
  void correlate(int64_t start, int64_t low, int64_t high);
  void load(int64_t from, int64_t count, const WavePiece& wave);

  int64_t sample_rate_hz_;
  int64_t frame_samples_;
  int64_t step_samples_;
  int64_t position_ = 0;  ///< where the next period begins
  int64_t behind_ = 0;    ///< samples between it and the next frame
  double last_period_ = 0;
  double last_jitter_ = 0;
  double last_shimmer_ = 0;
  std::vector<double> x_, sum_, sum2_, correlation_;
};

}  // namespace limbic::signals
