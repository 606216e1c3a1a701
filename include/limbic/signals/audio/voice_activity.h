#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// How a probability per frame becomes stretches of speech: the rules and values that Silero documents for
/// get_speech_timestamps.
struct SpeechSegmentConfig {
  double threshold = 0.5;
  std::optional<double> negative_threshold;
  double min_speech_s = 0.25;
  double min_silence_s = 0.1;
  double padding_s = 0.03;

  /// negative_threshold, or its default.
  double end_threshold() const;
  template <class Visitor>
  void visit(Visitor& v) {
    v("threshold", threshold, "speech begins at a probability of at least this, (0, 1)");
    v("negative_threshold", negative_threshold,
      "speech ends below this; absent: threshold - 0.15, at least 0.01");
    v("min_speech_s", min_speech_s, "shorter speech is dropped");
    v("min_silence_s", min_silence_s, "speech ends only when the silence lasts this long");
    v("padding_s", padding_s, "added to both ends; where two would overlap they share the gap");
  }
  void validate(config::Checks& checks) const;
};

/// Probabilities in, stretches of speech out, while the sound is still running; memory does not grow. Frame i
/// covers [t0 + i, t0 + i + 1) * frame_s. A NaN probability counts as silence.
class SpeechSegmenter {
 public:
  /// @throws Error(kConfig) config out of range, frame_s not positive or t0_s not finite
  SpeechSegmenter(const SpeechSegmentConfig& config, double frame_s, double t0_s = 0);

  /// Appends segments that later frames can no longer change: max(min_silence_s, 2 padding_s) after their
  /// end, or, where speech goes on before that, with the next one.
  void accept(const double* probabilities, int64_t num_frames, std::vector<Interval>& segments);
  /// The sound ends at end_s (never before the last frame began). Appends what is left and starts anew at t0.
  void finish(double end_s, std::vector<Interval>& segments);

 private:
  void close(double end_s, std::vector<Interval>& segments);
  void settle(double next_start_s, std::vector<Interval>& segments);

  SpeechSegmentConfig config_;
  double frame_s_;
  double t0_s_;
  int64_t num_frames_ = 0;
  std::optional<double> start_s_;         ///< of the speech that is going on
  std::optional<double> silent_since_s_;  ///< within it
  std::optional<Interval> last_;          ///< closed, its end not yet padded
};

/// The segments of a whole recording that lasts from t0_s to end_s.
std::vector<Interval> speech_segments(const std::vector<double>& probabilities, double frame_s, double t0_s,
                                      double end_s, const SpeechSegmentConfig& config = {});

/// Where somebody speaks in a recording, from the probabilities of any detector.
class VoiceActivity {
 public:
  /// @param probabilities  of frames of frame_s seconds; NaN = not known
  VoiceActivity(std::vector<double> probabilities, double frame_s, double t0_s, double end_s,
                const SpeechSegmentConfig& config = {});

  const std::vector<Interval>& segments() const { return segments_; }
  /// One row a frame: speech_probability, is_speech (1 where the frame's middle lies in a segment).
  Table frames() const;
  /// One row an interval: speech_fraction (of the part inside the recording; missing when that is empty),
  /// num_segments that begin in it, mean and longest duration of the speech inside, mean pause between it.
  Table intervals(const std::vector<Interval>& intervals) const;
  /// "speech" events with the mean probability of their frames.
  EventTable events() const;

 private:
  std::vector<double> probabilities_;
  double frame_s_;
  Interval recording_;
  std::vector<Interval> segments_;
};

}  // namespace limbic::signals
