#include "limbic/signals/eda/eda_features.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/resample.h"
#include "limbic/signals/dsp/spectrum.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// Samples [first, last) of a window, as slice() takes them.
struct Span {
  size_t first;
  size_t last;
};

Span span_of(const TimeSeries& series, double start_s, double end_s) {
  constexpr double kSlack = 5e-7;
  const auto index = [&](double time_s) {
    const double sample = std::ceil((time_s - series.t0_s) * series.rate_hz - kSlack);
    return sample > 0 ? static_cast<size_t>(std::min(sample, static_cast<double>(series.values.size())))
                      : size_t{0};
  };
  const size_t first = index(start_s);
  return {first, std::max(first, index(end_s))};
}

std::vector<double> part(const std::vector<double>& x, Span span) {
  return {x.begin() + static_cast<std::ptrdiff_t>(span.first),
          x.begin() + static_cast<std::ptrdiff_t>(span.last)};
}

double good_share(const std::vector<bool>& good, Span span) {
  const auto count = std::count(good.begin() + static_cast<std::ptrdiff_t>(span.first),
                                good.begin() + static_cast<std::ptrdiff_t>(span.last), true);
  return static_cast<double>(count) / static_cast<double>(span.last - span.first);  // NaN without samples
}

/// Slope per minute of the least-squares line through the finite values.
double slope_per_min(const std::vector<double>& x, double rate_hz) {
  double n = 0, t = 0, v = 0, tt = 0, tv = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i])) continue;
    const double at = static_cast<double>(i) / rate_hz;
    n += 1;
    t += at;
    v += x[i];
    tt += at * at;
    tv += at * x[i];
  }
  const double spread = n * tt - t * t;
  return n >= 2 && spread > 0 ? 60.0 * (n * tv - t * v) / spread : kMissing;
}

constexpr double kBandRate_hz = 2.0;
constexpr int64_t kBandSegment = 128;

}  // namespace

void EdaFeatureConfig::validate(config::Checks& checks) const {
  checks.expect(min_good_share >= 0 && min_good_share <= 1, "min_good_share", "must be in [0, 1]");
  checks.expect(band_low_hz > 0 && band_low_hz < band_high_hz, "band_low_hz", "must be in (0, band_high_hz)");
  checks.expect(band_high_hz <= 0.5 * kBandRate_hz, "band_high_hz", "must be at most 1 Hz");
  checks.expect(latency_min_s >= 0 && latency_min_s < latency_max_s, "latency_min_s",
                "must be in [0, latency_max_s)");
  checks.expect(std::isfinite(latency_max_s), "latency_max_s", "must be a number");
  checks.expect(baseline_s > 0 && std::isfinite(baseline_s), "baseline_s", "must be positive");
  checks.expect(event_window_s > 0 && std::isfinite(event_window_s), "event_window_s", "must be positive");
}

SympatheticPower sympathetic_power(const std::vector<double>& x, double rate_hz, double low_hz,
                                   double high_hz) {
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          "sympathetic_power: the rate must be positive");
  SympatheticPower out{kMissing, kMissing};
  const double needed = static_cast<double>(kBandSegment) / kBandRate_hz * rate_hz;
  const auto num_finite = std::count_if(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
  if (rate_hz < kBandRate_hz || static_cast<double>(num_finite) < needed) return out;
  std::vector<double> slow = resample(fill_gaps(x), rate_hz, kBandRate_hz);
  constexpr int64_t kOrder = 8;
  slow = filter_both_ways(butterworth(kOrder, Band::kHighPass, 0.01, 0.0, kBandRate_hz), slow);
  const PowerSpectrum spectrum = welch(slow, kBandRate_hz, kBandSegment, Taper::kBlackman);
  out.power = band_power(spectrum, low_hz, high_hz);
  const double all = band_power(spectrum, 0.0, 0.5 * kBandRate_hz);
  out.normalized = all > 0 ? out.power / all : kMissing;
  return out;
}

Table eda_intervals(const EdaSignals& signals, const std::vector<Interval>& intervals,
                    const EdaFeatureConfig& config) {
  config::ThrowingChecks checks("eda_features");
  config.validate(checks);
  Table table;
  table.columns = {
      {"eda_good_share", "1", "share of good samples"},
      {"eda_mean", "microsiemens", "mean conductance"},
      {"eda_sd", "microsiemens", "deviation of the conductance"},
      {"eda_min", "microsiemens", "lowest conductance"},
      {"eda_max", "microsiemens", "highest conductance"},
      {"eda_slope", "microsiemens/min", "slope of the conductance"},
      {"eda_tonic_mean", "microsiemens", "mean of the tonic part"},
      {"eda_tonic_sd", "microsiemens", "deviation of the tonic part"},
      {"eda_tonic_slope", "microsiemens/min", "slope of the tonic part"},
      {"eda_phasic_sd", "microsiemens", "deviation of the phasic part"},
      {"eda_phasic_auc", "microsiemens*s/min", "area under |phasic|, a minute of good signal"},
      {"scr_count", "1", "responses with their peak in the window"},
      {"scr_rate", "1/min", "responses a minute of good signal"},
      {"scr_amplitude_mean", "microsiemens", "mean amplitude of the responses"},
      {"scr_amplitude_max", "microsiemens", "largest amplitude"},
      {"scr_amplitude_sum", "microsiemens", "sum of the amplitudes"},
      {"scr_rise_mean", "s", "mean time from onset to peak"},
      {"scr_recovery_mean", "s", "mean time from peak to recovery, of those that recover"},
      {"eda_sympathetic_power", "microsiemens^2", "power in the sympathetic band (windows from 64 s)"},
      {"eda_sympathetic_share", "1", "its share of the power up to 1 Hz"},
  };
  const double rate_hz = signals.conductance.rate_hz;
  for (const Interval& interval : intervals) {
    const Span span = span_of(signals.conductance, interval.start_s, interval.end_s);
    const double share = good_share(signals.good, span);
    std::vector<double> row(table.columns.size(), kMissing);
    row[0] = share;
    if (share >= config.min_good_share && share > 0) {
      const std::vector<double> whole = part(signals.conductance.values, span);
      const std::vector<double> tonic = part(signals.tonic.values, span);
      const std::vector<double> phasic = part(signals.phasic.values, span);
      double area = 0;
      double seconds = 0;
      for (const double v : phasic) {
        if (!std::isfinite(v)) continue;
        area += std::abs(v) / rate_hz;
        seconds += 1.0 / rate_hz;
      }
      double count = 0, sum = 0, largest = kMissing, rise = 0, recovery = 0, recovered = 0;
      const auto at = std::lower_bound(signals.responses.begin(), signals.responses.end(), interval.start_s,
                                       [](const TimedScr& r, double time_s) { return r.peak_s < time_s; });
      for (auto r = at; r != signals.responses.end() && r->peak_s < interval.end_s; ++r) {
        count += 1;
        sum += r->amplitude;
        largest = std::fmax(largest, r->amplitude);
        rise += r->rise_s;
        if (!std::isnan(r->recovery_s)) {
          recovery += r->recovery_s;
          recovered += 1;
        }
      }
      const double minutes = share * static_cast<double>(span.last - span.first) / rate_hz / 60.0;
      const SympatheticPower band =
          sympathetic_power(whole, rate_hz, config.band_low_hz, config.band_high_hz);
      row = {share,
             mean(whole),
             standard_deviation(whole),
             minimum(whole),
             maximum(whole),
             slope_per_min(whole, rate_hz),
             mean(tonic),
             standard_deviation(tonic),
             slope_per_min(tonic, rate_hz),
             standard_deviation(phasic),
             seconds > 0 ? area / (seconds / 60.0) : kMissing,
             count,
             count / minutes,
             count > 0 ? sum / count : kMissing,
             largest,
             sum,
             count > 0 ? rise / count : kMissing,
             recovered > 0 ? recovery / recovered : kMissing,
             band.power,
             band.normalized};
    }
    table.add_row(interval.start_s, interval.end_s, row);
  }
  return table;
}

Table eda_event_related(const EdaSignals& signals, const std::vector<double>& stimuli_s,
                        const EdaFeatureConfig& config) {
  config::ThrowingChecks checks("eda_features");
  config.validate(checks);
  Table table;
  table.columns = {
      {"eda_good_share", "1", "share of good samples from the stimulus to the window's end"},
      {"eda_scr", "1", "1 when a response begins in the latency window, else 0"},
      {"eda_level", "microsiemens", "mean conductance before the stimulus"},
      {"eda_peak_amplitude", "microsiemens", "highest phasic value in the window"},
      {"scr_latency", "s", "stimulus to onset of the first response"},
      {"scr_peak_amplitude", "microsiemens", "its amplitude"},
      {"scr_peak_time", "s", "stimulus to its peak"},
      {"scr_rise_time", "s", "its onset to its peak"},
      {"scr_recovery_time", "s", "its peak to recovery"},
  };
  for (const double stimulus_s : stimuli_s) {
    const double end_s = stimulus_s + std::max(config.event_window_s, config.latency_max_s);
    const Span span = span_of(signals.conductance, stimulus_s, end_s);
    const double expected = (end_s - stimulus_s) * signals.conductance.rate_hz;
    // What lies outside the recording is not good either.
    const double inside = std::min(1.0, static_cast<double>(span.last - span.first) / expected);
    const double share = span.last > span.first ? inside * good_share(signals.good, span) : 0.0;
    std::vector<double> row(table.columns.size(), kMissing);
    row[0] = share;
    if (share >= config.min_good_share && share > 0) {
      row[1] = 0;
      row[2] = mean(part(signals.conductance.values,
                         span_of(signals.conductance, stimulus_s - config.baseline_s, stimulus_s)));
      row[3] = maximum(part(signals.phasic.values,
                            span_of(signals.phasic, stimulus_s, stimulus_s + config.event_window_s)));
      const auto r = std::lower_bound(signals.responses.begin(), signals.responses.end(),
                                      stimulus_s + config.latency_min_s,
                                      [](const TimedScr& a, double time_s) { return a.onset_s < time_s; });
      if (r != signals.responses.end() && r->onset_s <= stimulus_s + config.latency_max_s) {
        row = {share,
               1.0,
               row[2],
               row[3],
               r->onset_s - stimulus_s,
               r->amplitude,
               r->peak_s - stimulus_s,
               r->rise_s,
               r->recovery_s};
      }
    }
    table.add_row(stimulus_s, end_s, row);
  }
  return table;
}

}  // namespace limbic::signals
