#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

/// Speech by energy, for machines without the weights of a network: how far the bands of a frame stand above
/// a noise floor that follows the recording.
struct EnergyVadConfig {
  int64_t sample_rate_hz = 16000;
  int64_t num_bands = 16;
  double low_hz = 100;
  double high_hz = 4000;
  double floor_window_s = 3.0;
  double threshold_db = 2.5;
  double relative_threshold = 0.4;
  double slope_db = 0.8;
  double hangover_s = 0.1;
  double min_level_db = -65;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the sound");
    v("num_bands", num_bands, "mel bands that are compared with their noise floors");
    v("low_hz", low_hz, "lower edge of the lowest band");
    v("high_hz", high_hz, "upper edge of the highest band");
    v("floor_window_s", floor_window_s, "a band's noise floor follows its minimum over this time");
    v("threshold_db", threshold_db, "mean excess of the bands at which the score is 0.5");
    v("relative_threshold", relative_threshold, "and at least this part of the recent peak of the excess");
    v("slope_db", slope_db, "excess above the threshold at which the score is 0.73");
    v("hangover_s", hangover_s, "the score of speech is held this long after it ends");
    v("min_level_db", min_level_db, "frames of a lower level (dB re full scale) are silence");
  }
  void validate(config::Checks& checks) const;
};

// Note [Energy VAD]
// Every 10 ms the powers of mel bands (25 ms frames) are smoothed over time. The floor of a band is the
// minimum of these over the last floor_window_s, kept in eight blocks (the idea of Martin's minimum
// statistics, 2001), times a constant that makes it the mean of stationary noise. The excess of a band is
// 10 log10(smoothed power / floor), at least 0; the score is a logistic function of the mean over bands less
// a threshold that rises with the recent peak (forgotten with a time constant of 10 s).
// Averaging over bands is what keeps it usable near 0 dB: noise alone moves each band at random, a voice
// lifts many together. Music, steps and other people's voices are speech to it: it cannot know better.

/// Causal; memory does not grow. One thread an object.
class EnergyVad {
 public:
  /// @throws Error(kConfig)
  explicit EnergyVad(const EnergyVadConfig& config);

  /// Appends the score, in [0, 1], of every frame that became whole. NaN and infinite samples count as 0.
  void accept(const float* samples, int64_t num_samples, std::vector<double>& scores);
  /// Forgets everything: the start of another recording.
  void reset();

  const EnergyVadConfig& config() const { return config_; }
  /// Distance of frames.
  double frame_s() const;
  /// Frame i stands for [first_frame_s() + i * frame_s(), ... + frame_s()): the middle of its window.
  double first_frame_s() const;

 private:
  struct Band {
    double power = 0;                  ///< smoothed
    std::vector<double> block_minima;  ///< of the last blocks, a ring
  };
  double score_of(const float* bands, double level_db);

  EnergyVadConfig config_;
  LogMel mel_;
  std::vector<float> pending_;
  std::vector<Band> bands_;
  int64_t num_frames_ = 0;
  int64_t hold_left_ = 0;  ///< frames of hangover left
  double held_score_ = 0;
  double peak_db_ = 0;  ///< excess of the loudest recent frames
};

}  // namespace limbic::signals
