#pragma once
#include <vector>

#include "limbic/signals/voice/voice_analysis.h"
#include "voice/sample_span.h"

namespace limbic::signals {

/// Values on a grid of their own.
struct ValueTrack {
  FrameGrid grid;
  std::vector<float> values;  ///< NaN = missing

  /// Of the frame nearest to t, when t is within half a hop of one; NaN otherwise.
  double nearest(double t) const {
    const auto k = static_cast<int64_t>(std::llround((t - grid.first_s) / grid.hop_s));
    const bool is_near = k >= 0 && k < static_cast<int64_t>(values.size()) &&
                         std::abs(t - grid.time_of(k)) <= 0.5001 * grid.hop_s;
    return is_near ? static_cast<double>(values[static_cast<size_t>(k)]) : kMissing;
  }
};

/// What the analysis of a recording leaves: all that rows and events are made of.
struct VoiceTracks {
  double duration_s = 0;
  PitchTrack ac;
  ValueTrack cc;
  ValueTrack shs;
  ValueTrack hnr_ac;
  ValueTrack hnr_cc;
  ValueTrack intensity;
  ValueTrack formant_hz[kNumFormants];
  ValueTrack bandwidth_hz[kNumFormants];
  IntensityTrack syllable_level;  ///< floor 50 Hz
  std::vector<PulseAmplitude> pulses;
  SpeechTiming timing;
};

/// Rows of the frames [first, last), clipped to those there are.
Table voice_frame_table(const VoiceConfig& config, const VoiceTracks& tracks, int64_t first, int64_t last);
Table voice_interval_table(const VoiceConfig& config, const VoiceTracks& tracks,
                           const std::vector<Interval>& intervals);
EventTable voice_events(const VoiceTracks& tracks);

}  // namespace limbic::signals
