#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// How the clocks of two devices are compared.
struct ClockMatchConfig {
  double rate_hz = 32;           ///< grid on which activity is compared
  double expected_offset_s = 0;  ///< the search is around it
  double max_offset_s = 60;
  double min_overlap_s = 20;      ///< of samples that both have
  double min_correlation = 0.25;  ///< less is no match
  double max_runner_up = 0.8;     ///< the second peak, as a share of the first; more is ambiguous
  bool estimate_drift = false;    ///< let the offset change evenly over time
  double drift_window_s = 120;
  double max_drift = 3e-4;  ///< seconds a second; quartz clocks stay below 1e-4
  double event_tolerance_s = 0.25;
  int64_t min_events = 3;  ///< matched events that an offset needs

  template <class Visitor>
  void visit(Visitor& v) {
    v("rate_hz", rate_hz, "grid on which activity is compared, Hz");
    v("expected_offset_s", expected_offset_s, "the search is around this offset");
    v("max_offset_s", max_offset_s, "largest distance from the expected offset");
    v("min_overlap_s", min_overlap_s, "samples that both signals must have, in seconds");
    v("min_correlation", min_correlation, "less is no match, in (0, 1]");
    v("max_runner_up", max_runner_up, "share of the best peak that a second one may reach, in (0, 1]");
    v("estimate_drift", estimate_drift, "let the offset change evenly over time");
    v("drift_window_s", drift_window_s, "length of the windows whose offsets show drift");
    v("max_drift", max_drift, "largest drift believed, seconds a second");
    v("event_tolerance_s", event_tolerance_s, "how far matched events may lie apart");
    v("min_events", min_events, "matched events that an offset needs");
  }
  void validate(config::Checks& checks) const;
};

/// What to add to the times of `other` to put it on the clock of `reference`, and how sure that is.
struct ClockMatch {
  double offset_s = 0;     ///< at pivot_s
  double drift = 0;        ///< change of the offset, seconds a second of other's clock
  double pivot_s = 0;      ///< on other's clock
  double correlation = 0;  ///< of the activity at the offset; of events: the share that is matched
  double runner_up = 0;    ///< of the next best offset
  double confidence = 0;   ///< 1 - runner_up / correlation in [0, 1]; 0 when refused
  std::string refusal;     ///< why the offset must not be used; empty: use it

  bool is_usable() const { return refusal.empty(); }
  /// A time of other's clock on the reference's.
  double to_reference(double other_s) const { return other_s + offset_s + drift * (other_s - pivot_s); }
};

/// An offset that is known.
ClockMatch known_offset(double offset_s, double drift = 0, double pivot_s = 0);

/// The offset at which two activity signals (acceleration of two devices, say) agree best: normalised
/// cross-correlation over the samples that both have (Padfield 2012), refined between samples. It refuses
/// when nothing stands out of the noise and when another offset is nearly as good (gait, or a signal that is
/// too short). Memory does not grow with the lag range times the length. @throws Error(kConfig), Error(kData)
/// rate or t0
ClockMatch match_activity(const TimeSeries& reference, const TimeSeries& other,
                          const ClockMatchConfig& config = {});

/// The same from times of events that both recorded (tags, markers): the offset that pairs most of them.
/// Events without a partner do no harm.
ClockMatch match_events(const std::vector<double>& reference_s, const std::vector<double>& other_s,
                        const ClockMatchConfig& config = {});

/// Movement whatever the orientation: | |a| - its mean over 2 s |. Rows of 3; NaN stays.
TimeSeries activity_of(const std::vector<double>& acc_SC, double rate_hz, double t0_s);

/// num_samples instants at t0_s + i / rate_hz.
struct ClockGrid {
  double rate_hz = 0;
  double t0_s = 0;
  int64_t num_samples = 0;
};
/// From where the first begins to where the last ends, or what all share (possibly nothing).
ClockGrid grid_over(const std::vector<TimeSeries>& series, double rate_hz, bool is_shared_only = false);

/// A series on a grid, moved by `match`: Kaiser-windowed sinc whose pass band fits the lower of the two
/// rates, so any ratio and any drift. NaN outside, and wherever a sample next to the instant is missing: gaps
/// stay gaps. Next to a gap the kernel is normalised over the samples that are there.
TimeSeries on_grid(const TimeSeries& series, const ClockGrid& grid, const ClockMatch& match = {});
/// The same for samples at any times (never decreasing), linear between neighbours at most max_gap_s apart.
TimeSeries on_grid(const std::vector<double>& time_s, const std::vector<double>& values,
                   const ClockGrid& grid, double max_gap_s, const ClockMatch& match = {});

}  // namespace limbic::signals
