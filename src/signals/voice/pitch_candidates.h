#pragma once
#include <cstdint>
#include <vector>

#include "dsp/fft.h"
#include "limbic/signals/voice/pitch.h"
#include "voice/sample_span.h"

namespace limbic::signals {

struct PitchCandidate {
  double hz = 0;
  double strength = 0;
};
/// What a frame offers to the path search besides "unvoiced".
struct PitchFrame {
  std::vector<PitchCandidate> candidates;
  double intensity = 0;  ///< in [0, 1]
};

/// Mean and largest deviation from it of a recording: what "silent" is measured against.
struct AudioLevel {
  double mean = 0;
  double peak = 0;
};

/// Normalised correlation of frames by lag, and its maxima. Used for F0 and for the harmonics-to-noise ratio,
/// which differ in window, thresholds and range.
class CorrelationFrames {
 public:
  enum class Window { kHann, kGaussian, kNone };
  struct Options {
    Window window = Window::kHann;  ///< kNone: cross-correlation
    double floor_hz = 75;
    double periods = 3;  ///< of the floor in a window; the Gaussian's tails make it twice as long
    int64_t depth = 70;  ///< samples on either side that interpolate a maximum
  };

  CorrelationFrames(const Options& options, double rate_hz);

  /// What a frame needs around its centre; frames are only placed where this lies inside the recording.
  double window_s() const { return window_s_; }
  /// Correlation of four frames at once.
  /// @param times_s       up to kLanes centres
  /// @param correlation   a vector a frame: r(lag) for lag in [0, num_lags); empty for a frame without energy
  /// @param intensity     a number a frame
  void correlate(const SampleSpan& x, const AudioLevel& level, const double* times_s, int64_t num_frames,
                 std::vector<double>* correlation, double* intensity) const;
  /// Maxima of one frame's correlation.
  /// @param least_strength  maxima at or below are no candidates
  /// @param octave_cost     for whom to drop when there are more than max_candidates
  std::vector<PitchCandidate> maxima(const std::vector<double>& correlation, double least_strength,
                                     int64_t max_candidates, double octave_cost) const;
  /// The highest maximum; strength 0 when there is none above 0.
  PitchCandidate strongest(const std::vector<double>& correlation) const;

 private:
  struct Lag {
    int64_t lag;
    double hz;
    double strength;
  };
  std::vector<Lag> rough_maxima(const std::vector<double>& mirrored, double least_strength) const;
  PitchCandidate refine(const std::vector<double>& mirrored, const Lag& rough) const;
  /// In: frames in `signal`. Out: sum_j frame[j] shifted[j + lag] in `signal`, by lag.
  void cross_correlate(const std::vector<double>* shifted, int64_t num_frames, std::vector<Lanes>& signal,
                       std::vector<Lanes>& scratch, std::vector<Lanes>& bins) const;
  void gather_windowed(const SampleSpan& x, int64_t left, double mean, double* frame) const;

  Options options_;
  double rate_hz_;
  double window_s_ = 0;
  int64_t period_samples_ = 0;  ///< the longest
  int64_t window_samples_ = 0;
  int64_t num_lags_ = 0;     ///< correlations known
  int64_t search_lags_ = 0;  ///< maxima are sought below
  std::vector<double> window_;
  std::vector<double> window_correlation_;
  RealFft fft_;
};

/// A power of two or three quarters of one, at least `length`.
int64_t fast_fft_length(int64_t length);

}  // namespace limbic::signals
