#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

struct SkinTemperatureConfig {
  double min_c = 15;
  double max_c = 45;
  double max_step_c_per_s = 0.5;
  double settle_s = 10;
  double median_s = 5;
  double smooth_s = 10;
  double slope_s = 60;
  double frame_rate_hz = 1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_c", min_c, "colder is off the skin: missing");
    v("max_c", max_c, "hotter is a fault: missing");
    v("max_step_c_per_s", max_step_c_per_s,
      "faster changes are contact lost or made: missing for settle_s after");
    v("settle_s", settle_s, "time that a sensor gets after such a change");
    v("median_s", median_s, "window of the running median");
    v("smooth_s", smooth_s, "window of the moving average after it");
    v("slope_s", slope_s, "window of the slope in frames()");
    v("frame_rate_hz", frame_rate_hz, "rate of frames()");
  }
  void validate(config::Checks& checks) const;
};

/// Skin temperature: implausible samples out, median and mean smoothing, slopes.
class SkinTemperature {
 public:
  /// @throws Error(kConfig), Error(kData) for a bad rate
  SkinTemperature(const SkinTemperatureConfig& config, const TimeSeries& celsius);

  /// temperature_c (cleaned), slope_c_per_min (least squares over slope_s around).
  Table frames() const;
  /// mean, sd, min, max, range (degree C), slope (degree C a minute, least squares over the window), change
  /// (last minus first), valid part of the window.
  Table intervals(const std::vector<Interval>& windows) const;
  /// "off_skin" (out of range), "contact_change" (too fast), "missing" stretches; no values.
  EventTable events() const;

  const TimeSeries& clean() const { return clean_; }

 private:
  SkinTemperatureConfig config_;
  TimeSeries clean_;
  std::vector<SignalEvent> spans_;
};

}  // namespace limbic::signals
