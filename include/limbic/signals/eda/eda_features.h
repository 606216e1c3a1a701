#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// One response on the recording's clock.
struct TimedScr {
  double onset_s = 0;
  double peak_s = 0;
  double amplitude = 0;
  double height = 0;
  double rise_s = 0;
  double recovery_s = 0;    ///< NaN: not reached
  double recovery63_s = 0;  ///< NaN: not reached
  bool overlapped = false;
};

/// What features are computed from; the series share one clock.
struct EdaSignals {
  TimeSeries conductance;  ///< cleaned; NaN where missing or bad
  TimeSeries tonic;
  TimeSeries phasic;
  std::vector<bool> good;           ///< N
  std::vector<TimedScr> responses;  ///< by onset
};

struct EdaFeatureConfig {
  double min_good_share = 0.5;
  double band_low_hz = 0.045;
  double band_high_hz = 0.25;
  double latency_min_s = 1.0;
  double latency_max_s = 5.0;
  double baseline_s = 1.0;
  double event_window_s = 7.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_good_share", min_good_share, "windows with a smaller share of good samples get no values");
    v("band_low_hz", band_low_hz, "sympathetic band");
    v("band_high_hz", band_high_hz, "sympathetic band");
    v("latency_min_s", latency_min_s, "a response to an event begins so long after it at least");
    v("latency_max_s", latency_max_s, "and at most");
    v("baseline_s", baseline_s, "events: the level is the mean of so long before");
    v("event_window_s", event_window_s, "events: the highest phasic value is sought for so long");
  }
  void validate(config::Checks& checks) const;
};

/// Spectral power of conductance in the sympathetic band (Posada-Quintero et al. 2016): at 2 Hz, high-pass
/// 0.01 Hz of order 8, Welch with Blackman windows of 64 s.
struct SympatheticPower {
  double power = 0;       ///< microsiemens^2; NaN for less than 64 s
  double normalized = 0;  ///< share of the power up to 1 Hz
};
/// @param x  NaN are bridged by lines
SympatheticPower sympathetic_power(const std::vector<double>& x, double rate_hz, double low_hz = 0.045,
                                   double high_hz = 0.25);

/// One row a window [start, end): counts of responses by their peak, statistics over good samples.
Table eda_intervals(const EdaSignals& signals, const std::vector<Interval>& intervals,
                    const EdaFeatureConfig& config = {});

/// One row a stimulus: the first response that begins in the latency window after it, and the phasic maximum.
Table eda_event_related(const EdaSignals& signals, const std::vector<double>& stimuli_s,
                        const EdaFeatureConfig& config = {});

}  // namespace limbic::signals
