#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/voice/formants.h"
#include "limbic/signals/voice/harmonicity.h"
#include "limbic/signals/voice/perturbation.h"
#include "limbic/signals/voice/pitch.h"
#include "limbic/signals/voice/speech_timing.h"

namespace limbic::signals {

/// All that is measured of a voice. F0 range and costs of the cc and shs tracks are those of `pitch`.
struct VoiceConfig {
  PitchConfig pitch = default_pitch();
  bool has_cc = true;
  bool has_shs = true;
  double harmonicity_silence = 0.1;
  PerturbationConfig perturbation;
  FormantConfig formants;
  SpeechTimingConfig timing;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pitch", pitch,
      "F0 by autocorrelation, the base of periods, jitter and shimmer; its hop is that of rows");
    v("has_cc", has_cc, "columns of cross-correlation: F0 and HNR");
    v("has_shs", has_shs, "column of F0 by subharmonic summation");
    v("harmonicity_silence", harmonicity_silence,
      "HNR is missing below this fraction of the recording's peak");
    v("perturbation", perturbation, "which periods count for jitter and shimmer");
    v("formants", formants, "linear prediction");
    v("timing", timing, "syllables and pauses");
  }
  void validate(config::Checks& checks) const;
  static PitchConfig default_pitch() {
    PitchConfig pitch;
    pitch.hop_s = 0.01;
    return pitch;
  }
};

/// Length and level of a recording, which thresholds of silence refer to: found in a first pass over it.
struct VoiceLevel {
  int64_t num_samples = 0;
  double sum = 0;
  double lowest = 0;
  double highest = 0;

  /// @throws Error(kData) at a sample that is not finite
  void add(const float* samples, int64_t count);
};

// Note [Feeding a recording]
// Whole: VoiceAnalysis::of(config, samples, count, rate). Long: a first pass adds all chunks to a VoiceLevel,
// a second pushes the same chunks, of any size, then finish(). Recordings beyond 2^21 samples are analysed in
// pieces of 60 s on a fixed grid with 2 s of overlap, so results do not depend on the chunks. Against an
// analysis in one piece F0, periods and HNR are the same to rounding; formants of voiced frames move by less
// than 1e-3, those of silent frames by percents (see Resampled). Kept in memory: the samples of one piece and
// about 40 MB an hour of tracks and pulses.

/// Measures of one mono recording. Queries come after finish() and are thread-safe.
class VoiceAnalysis {
 public:
  /// @throws Error(kConfig)
  VoiceAnalysis(const VoiceConfig& config, double rate_hz, const VoiceLevel& level);
  ~VoiceAnalysis();
  VoiceAnalysis(VoiceAnalysis&&) noexcept;
  VoiceAnalysis& operator=(VoiceAnalysis&&) noexcept;
  /// The whole recording at once, finished.
  static VoiceAnalysis of(const VoiceConfig& config, const float* samples, int64_t num_samples,
                          double rate_hz);

  /// The next samples, in [-1, 1] or any other scale.
  void push(const float* samples, int64_t count);
  /// @throws Error(kData) unless as many samples were pushed as the level says
  void finish();

  /// One row a pitch frame (10 ms); measures with frames of their own give the nearest within half their hop.
  /// A recording shorter than a frame has no rows.
  Table frames() const;
  /// The rows [first, last) of it: the whole table of an hour takes 50 MB. last may lie beyond the end.
  Table frames(int64_t first, int64_t last) const;
  int64_t num_frames() const;
  /// One row an interval, by the frames, pulses and syllables that lie inside. {0, duration_s()} =
  /// everything.
  Table intervals(const std::vector<Interval>& intervals) const;
  /// "voiced" segments, "pause"s and "syllable"s.
  EventTable events() const;

  double duration_s() const;
  const PitchTrack& pitch() const;
  /// Pulses of the voice in order of time, with amplitudes.
  const std::vector<PulseAmplitude>& pulses() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::signals
