#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// Weights of the change of each measure against the speaker's own baseline; 0 leaves it out.
struct VoiceStressConfig {
  double baseline_s = 30.0;
  int64_t min_baseline_windows = 3;
  double max_z = 4.0;
  double f0_mean = 1.0;
  double f0_sd = 0.25;
  double jitter_local = -0.5;
  double shimmer_db = -0.25;
  double hnr = 0.25;
  double intensity = 0.5;
  double speech_rate = 0.25;
  double voiced_segment = -0.25;
  double f1 = 0.25;

  template <class Visitor>
  void visit(Visitor& v) {
    v("baseline_s", baseline_s,
      "without given intervals: windows that end within so many seconds of the first");
    v("min_baseline_windows", min_baseline_windows, "a measure with fewer baseline values is missing");
    v("max_z", max_z, "a measure counts for at most so many deviations");
    v("f0_mean", f0_mean, "weight of mean F0");
    v("f0_sd", f0_sd, "weight of the standard deviation of F0");
    v("jitter_local", jitter_local, "weight of jitter (local)");
    v("shimmer_db", shimmer_db, "weight of shimmer (local, dB)");
    v("hnr", hnr, "weight of the harmonics-to-noise ratio");
    v("intensity", intensity, "weight of the mean level: only with a fixed microphone and gain");
    v("speech_rate", speech_rate, "weight of syllables a second");
    v("voiced_segment", voiced_segment, "weight of the mean length of voiced segments");
    v("f1", f1, "weight of F1 in voiced frames");
  }
  void validate(config::Checks& checks) const;
};

// Note [Voice stress]
// What it is: how far a speaker's voice has moved from that speaker's own baseline, in robust deviations
// (difference from the median / 1.4826 median absolute deviation), along directions that reviews report for
// stress. What it is not: a measure of lying, a diagnosis, or comparable between speakers. Support is uneven:
// a higher mean F0 is the most consistent finding (Van Puyvelde et al. 2018, PMC6255927), change of jitter,
// HNR and voiced segment length are reported with mixed signs (Kappen et al. 2022, PMC9046336), the others
// less often. Joy, effort and loud surroundings move the same measures. Hence every component is a column,
// weights are listed, and there are no claims about micro-tremor. Set weights to what your own data supports.

/// One row a window: voice_stress_index = sum of weight * z / sum of |weight| over the measures that are
/// there, num_components, and a column z_<measure> (clipped, unweighted) for each.
/// @param windows   of VoiceAnalysis::intervals(), one speaker, in order of time
/// @param baseline  windows that lie inside any of these are the baseline; empty = the first baseline_s
/// @throws Error(kData) when no window is in the baseline, Error(kConfig) when a column is missing
Table voice_stress(const Table& windows, const std::vector<Interval>& baseline,
                   const VoiceStressConfig& config = {});

}  // namespace limbic::signals
