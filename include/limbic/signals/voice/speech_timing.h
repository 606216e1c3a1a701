#pragma once
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/voice/intensity.h"
#include "limbic/signals/voice/pitch.h"

namespace limbic::signals {

/// Syllables and pauses from the course of the sound level.
struct SpeechTimingConfig {
  double silence_db = -25.0;
  double min_dip_db = 2.0;
  double min_pause_s = 0.3;
  double min_sounding_s = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("silence_db", silence_db, "level below the 99th percentile of the recording that counts as silence");
    v("min_dip_db", min_dip_db, "least dip of level between two syllables");
    v("min_pause_s", min_pause_s, "shorter silences are part of speech");
    v("min_sounding_s", min_sounding_s, "shorter sounds are part of a silence");
  }
  void validate(config::Checks& checks) const;
};

/// One syllable nucleus: a voiced peak of level.
struct Syllable {
  double time_s = 0;
  double level_db = 0;
};

/// The course of speech in a recording or a part of it.
struct SpeechTiming {
  std::vector<Syllable> syllables;
  std::vector<Interval> pauses;    ///< silences of at least min_pause_s, those at the ends included
  std::vector<Interval> sounding;  ///< the rest
};

/// Rates and lengths within one window; NaN where there is nothing to divide by.
struct SpeechTimingSummary {
  double speech_rate_hz = kMissing;        ///< syllables / window
  double articulation_rate_hz = kMissing;  ///< syllables / sounding time
  double num_syllables = 0;
  double num_pauses = 0;  ///< between sounds: silence at the recording's ends is no pause
  double pause_total_s = 0;
  double pause_mean_s = kMissing;
  double phonation_ratio = kMissing;  ///< sounding time / window
  double voiced_ratio = kMissing;     ///< voiced frames / frames
  double voiced_mean_s = kMissing;    ///< lengths of voiced segments
  double voiced_sd_s = kMissing;
  double unvoiced_mean_s = kMissing;  ///< lengths of the gaps between them
  double unvoiced_sd_s = kMissing;
  double voiced_per_s = kMissing;  ///< voiced segments a second
};

// Note [Syllable nuclei]
// N. H. de Jong and T. Wempe, "Praat script to detect syllable nuclei and measure speech rate automatically",
// Behavior Research Methods 41 (2009): peaks of the intensity (floor 50 Hz) above the silence threshold, with
// a dip of at least min_dip_db before the next peak, that are voiced and lie in sound. Voicing here is that
// of the given F0 track.

/// @param level  of floor 50 Hz and automatic hop for the published method
SpeechTiming speech_timing(const IntensityTrack& level, const PitchTrack& pitch, double duration_s,
                           const SpeechTimingConfig& config = {});
SpeechTimingSummary summarize(const SpeechTiming& timing, const PitchTrack& pitch, double duration_s,
                              const Interval& window);

}  // namespace limbic::signals
