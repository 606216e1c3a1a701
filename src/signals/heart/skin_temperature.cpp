#include "limbic/signals/heart/skin_temperature.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <vector>

#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

int64_t odd_window(double seconds, double rate_hz) {
  return 2 * static_cast<int64_t>(0.5 * seconds * rate_hz) + 1;
}

/// Sets marked samples to NaN and notes the stretches; what is NaN already belongs to an earlier label.
void take_out(const std::vector<bool>& is_bad, const char* label, TimeSeries& series,
              std::vector<SignalEvent>& spans) {
  for (size_t i = 0; i < is_bad.size(); ++i) {
    if (!is_bad[i]) continue;
    const size_t first = i;
    while (i < is_bad.size() && is_bad[i]) series.values[i++] = kMissing;
    spans.push_back({series.time_of(static_cast<int64_t>(first)),
                     static_cast<double>(i - first) / series.rate_hz,
                     label,
                     {}});
  }
}

std::vector<double> values_within(const TimeSeries& series, const Interval& window) {
  return slice(series, window.start_s, window.end_s).values;
}

}  // namespace

void SkinTemperatureConfig::validate(config::Checks& checks) const {
  checks.expect(std::isfinite(min_c), "min_c", "must be a number");
  checks.expect(max_c > min_c && std::isfinite(max_c), "max_c", "must be above min_c");
  checks.expect(max_step_c_per_s > 0, "max_step_c_per_s", "must be positive");
  checks.expect(settle_s >= 0 && std::isfinite(settle_s), "settle_s", "must not be negative");
  checks.expect(median_s >= 0 && median_s <= 600, "median_s", "must be in [0, 600]");
  checks.expect(smooth_s >= 0 && smooth_s <= 600, "smooth_s", "must be in [0, 600]");
  checks.expect(slope_s > 0 && slope_s <= 3600, "slope_s", "must be in (0, 3600]");
  checks.expect(frame_rate_hz > 0 && frame_rate_hz <= 1000, "frame_rate_hz", "must be in (0, 1000]");
}

SkinTemperature::SkinTemperature(const SkinTemperatureConfig& config, const TimeSeries& celsius)
    : config_(config), clean_(celsius) {
  config::ThrowingChecks checks("skin_temperature");
  config.validate(checks);
  check_series(celsius, "temperature");
  auto& x = clean_.values;
  std::vector<bool> is_missing(x.size());
  std::vector<bool> is_off(x.size());
  std::vector<bool> is_change(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    is_missing[i] = !std::isfinite(x[i]);
    is_off[i] = !is_missing[i] && (x[i] < config.min_c || x[i] > config.max_c);
  }
  take_out(is_missing, "missing", clean_, spans_);
  take_out(is_off, "off_skin", clean_, spans_);
  // Over at least a second: the coarse steps of a slow, fast-sampled sensor are no change of contact.
  const auto lag = static_cast<size_t>(std::max(1.0, std::ceil(clean_.rate_hz)));
  const auto settle = static_cast<size_t>(config.settle_s * clean_.rate_hz);
  const double limit_c = config.max_step_c_per_s * static_cast<double>(lag) / clean_.rate_hz;
  for (size_t i = lag; i < x.size(); ++i) {
    if (!(std::abs(x[i] - x[i - lag]) > limit_c)) continue;
    for (size_t k = i - lag + 1; k < std::min(x.size(), i + settle + 1); ++k) {
      is_change[k] = std::isfinite(celsius.values[k]) && !is_off[k];
    }
  }
  take_out(is_change, "contact_change", clean_, spans_);
  std::stable_sort(spans_.begin(), spans_.end(),
                   [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });

  x = median_filter(x, odd_window(config.median_s, clean_.rate_hz));
  const std::vector<bool> is_known = [&] {
    std::vector<bool> known(x.size());
    for (size_t i = 0; i < x.size(); ++i) known[i] = std::isfinite(x[i]);
    return known;
  }();
  x = moving_average(x, odd_window(config.smooth_s, clean_.rate_hz));
  for (size_t i = 0; i < x.size(); ++i) {
    if (!is_known[i]) x[i] = kMissing;  // the mean reaches into gaps, the temperature does not
  }
}

Table SkinTemperature::frames() const {
  Table out;
  out.columns = {{"skin_temperature_c", "degree C", "cleaned"},
                 {"slope_c_per_min", "degree C/min", "least-squares line through the seconds around"}};
  for (int64_t i = 0;; ++i) {
    const double time_s = clean_.t0_s + static_cast<double>(i) / config_.frame_rate_hz;
    if (!(time_s < clean_.end_s())) break;
    const auto sample = static_cast<size_t>((time_s - clean_.t0_s) * clean_.rate_hz + 1e-6);
    const Interval around{time_s - 0.5 * config_.slope_s, time_s + 0.5 * config_.slope_s};
    const double here = clean_.values[std::min(sample, clean_.values.size() - 1)];
    const double trend =
        std::isfinite(here) ? 60 * slope(values_within(clean_, around), clean_.rate_hz) : kMissing;
    out.add_row(time_s, time_s + 1 / config_.frame_rate_hz, {here, trend});
  }
  return out;
}

Table SkinTemperature::intervals(const std::vector<Interval>& windows) const {
  Table out;
  out.columns = {{"skin_temperature_mean_c", "degree C", "mean"},
                 {"skin_temperature_sd_c", "degree C", "deviation (population)"},
                 {"skin_temperature_min_c", "degree C", "lowest"},
                 {"skin_temperature_max_c", "degree C", "highest"},
                 {"skin_temperature_range_c", "degree C", "highest minus lowest"},
                 {"skin_temperature_slope_c_per_min", "degree C/min", "least-squares line"},
                 {"skin_temperature_change_c", "degree C", "last minus first"},
                 {"skin_temperature_valid", "1", "part of the window with a temperature"}};
  for (const auto& window : windows) {
    const auto x = values_within(clean_, window);
    std::vector<double> known;
    std::copy_if(x.begin(), x.end(), std::back_inserter(known), [](double v) { return std::isfinite(v); });
    const double change = known.empty() ? kMissing : known.back() - known.front();
    const double expected = std::max(1.0, (window.end_s - window.start_s) * clean_.rate_hz);
    out.add_row(
        window.start_s, window.end_s,
        {mean(x), standard_deviation(x), minimum(x), maximum(x), maximum(x) - minimum(x),
         60 * slope(x, clean_.rate_hz), change, std::min(1.0, static_cast<double>(known.size()) / expected)});
  }
  return out;
}

EventTable SkinTemperature::events() const {
  return {{}, spans_};
}

}  // namespace limbic::signals
