#pragma once
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/heart/beat_correction.h"
#include "limbic/signals/heart/beats.h"
#include "limbic/signals/heart/hrv.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// Everything between a heart signal and its tables.
struct HeartConfig {
  double frame_rate_hz = 4;
  BeatConfig beats;
  CorrectionConfig correction;
  HrvConfig hrv;

  template <class Visitor>
  void visit(Visitor& v) {
    v("frame_rate_hz", frame_rate_hz, "rate of frames()");
    v("beats", beats, "finding beats");
    v("correction", correction, "artefacts of beats");
    v("hrv", hrv, "variability");
  }
  void validate(config::Checks& checks) const;
};

/// Heart rate and its variability from an ECG, a pulse wave or a device's intervals. Keeps beats, not
/// samples: 10 hours of ECG at 1 kHz that come through BeatFeed in pieces take 28 MB in all.
///
/// ```
/// HeartAnalysis heart(config, find_beats(ecg, HeartSource::kEcg, config.beats));
/// HeartAnalysis wrist(config, find_beats(bvp, HeartSource::kBvp, config.beats), &motion_g);
/// HeartAnalysis e4(config, beats_from_intervals(times, ibis));
/// ```
class HeartAnalysis {
 public:
  /// @param motion_g  length of dynamic acceleration (g) on the same clock, as dynamic_motion() of gravity.h
  /// gives
  ///                  it; its moving RMS over 1 s marks beats as poor
  /// @throws Error(kConfig)
  HeartAnalysis(const HeartConfig& config, const RawBeats& raw, const TimeSeries* motion_g = nullptr);

  /// hr_bpm, ibi_s (piecewise linear between beats; missing in gaps), beat_quality, is_corrected every
  /// 1 / frame_rate_hz from the recording's start.
  Table frames() const;
  /// Heart rate, coverage, counts of artefacts and HRV of the intervals that lie within each window.
  Table intervals(const std::vector<Interval>& windows) const;
  /// "beat", "ectopic_beat", "inserted_beat", "long_short_beat", "rejected_beat", "poor_beat", "extra_beat"
  /// (ibi_s, hr_bpm, beat_quality) and the stretches "flat", "clipped", "missing", "motion".
  EventTable events() const;

  const std::vector<Beat>& beats() const { return corrected_.beats; }
  const ArtefactCounts& counts() const { return corrected_.counts; }
  Interval extent() const { return extent_; }

 private:
  HeartConfig config_;
  Interval extent_;
  CorrectedBeats corrected_;
  std::vector<SignalEvent> spans_;
};

}  // namespace limbic::signals
