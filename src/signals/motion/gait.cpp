#include "limbic/signals/motion/gait.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "dsp/constants.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/peaks.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

constexpr double kGaitLowHz = 0.5;
constexpr double kGaitHighHz = 10;
constexpr double kGaitRateHz = 25;

using Channels = std::vector<TimeSeries>;

/// The channels within 0.5-10 Hz, at about 25 Hz when they are faster: enough for lags, cheap for hours.
Channels gait_band(const Channels& channels) {
  Channels out;
  for (const auto& channel : channels) {
    const double high_hz = std::min(kGaitHighHz, 0.45 * channel.rate_hz);
    const auto band =
        filter_runs(butterworth(2, Band::kBandPass, kGaitLowHz, high_hz, channel.rate_hz), channel.values);
    const auto step = static_cast<size_t>(std::max(1.0, std::floor(channel.rate_hz / kGaitRateHz)));
    out.push_back({channel.rate_hz / static_cast<double>(step), channel.t0_s, {}});
    for (size_t i = 0; i < band.size(); i += step) out.back().values.push_back(band[i]);
  }
  return out;
}

/// Unbiased autocorrelation of samples [first, first + count) at lags 0...max_lag, summed over channels, 1 at
/// lag 0.
std::vector<double> autocorrelation(const Channels& band, size_t first, size_t count, size_t max_lag) {
  std::vector<double> out(max_lag + 1, 0.0);
  for (const auto& channel : band) {
    const auto begin = channel.values.begin() + static_cast<ptrdiff_t>(first);
    std::vector<double> x(begin, begin + static_cast<ptrdiff_t>(count));
    const double centre = mean(x);
    for (double& v : x) v -= centre;
    for (size_t lag = 0; lag <= max_lag; ++lag) {
      double sum = 0;
      for (size_t i = 0; i + lag < count; ++i) sum += x[i] * x[i + lag];
      out[lag] += sum / static_cast<double>(count - lag);
    }
  }
  const double power = out[0];
  for (double& v : out) v = power > 0 ? v / power : 0;
  return out;
}

struct LagPeak {
  double lag = 0;
  double height = 0;
};

/// Value and place of the maximum beside sample `i` of a curve, by a parabola.
LagPeak vertex(const std::vector<double>& y, size_t i) {
  LagPeak out{static_cast<double>(i), y[i]};
  if (i == 0 || i + 1 >= y.size()) return out;
  const double bend = y[i - 1] - 2 * y[i] + y[i + 1];
  if (!(bend < 0)) return out;
  const double shift = 0.5 * (y[i - 1] - y[i + 1]) / bend;
  if (std::abs(shift) > 1) return out;
  return {out.lag + shift, y[i] - 0.25 * (y[i - 1] - y[i + 1]) * shift};
}

/// The stride's peak: the shortest lag whose peak comes close to the highest one's.
LagPeak stride_peak(const std::vector<double>& correlation, double rate_hz, const GaitConfig& config) {
  constexpr double kClose = 0.95;
  const auto first = static_cast<size_t>(std::ceil(config.min_stride_s * rate_hz));
  const auto last = std::min(correlation.size() - 2, static_cast<size_t>(config.max_stride_s * rate_hz));
  std::vector<LagPeak> peaks;
  double highest = 0;
  for (size_t i = std::max<size_t>(1, first); i <= last; ++i) {
    if (correlation[i] < correlation[i - 1] || correlation[i] < correlation[i + 1]) continue;
    peaks.push_back(vertex(correlation, i));
    highest = std::max(highest, peaks.back().height);
  }
  for (const auto& peak : peaks) {
    if (peak.height >= kClose * highest) return peak;
  }
  return {};
}

/// Highest correlation about half a stride: left and right steps need not be equally long.
double step_height(const std::vector<double>& correlation, double stride_lag) {
  const auto first = static_cast<size_t>(0.4 * stride_lag);
  const auto last = std::min(correlation.size() - 1, static_cast<size_t>(std::ceil(0.6 * stride_lag)));
  size_t best = first;
  for (size_t i = first; i <= last; ++i) {
    if (correlation[i] > correlation[best]) best = i;
  }
  return vertex(correlation, best).height;
}

std::vector<GaitWindow> walking_windows(const Channels& band, const GaitConfig& config) {
  const TimeSeries& clock = band[0];
  const auto count = static_cast<size_t>(std::llround(config.window_s * clock.rate_hz));
  const auto max_lag = std::min(count - 2, static_cast<size_t>(config.max_stride_s * clock.rate_hz) + 2);
  std::vector<GaitWindow> out;
  for (int64_t w = 0;; ++w) {
    const auto first =
        static_cast<size_t>(std::llround(static_cast<double>(w) * config.hop_s * clock.rate_hz));
    if (first + count > clock.values.size()) return out;
    double power = 0;  // NaN when any sample is
    for (const auto& channel : band) {
      for (size_t i = first; i < first + count; ++i) power += channel.values[i] * channel.values[i];
    }
    if (!(std::sqrt(power / static_cast<double>(count)) >= config.min_deviation_g)) continue;
    const auto correlation = autocorrelation(band, first, count, max_lag);
    const LagPeak stride = stride_peak(correlation, clock.rate_hz, config);
    if (!(stride.height >= config.min_regularity)) continue;
    out.push_back({clock.time_of(static_cast<int64_t>(first)) + 0.5 * config.window_s,
                   stride.lag / clock.rate_hz, step_height(correlation, stride.lag), stride.height});
  }
}

/// Cuts off ends of a bout where the walk has not begun or has ended: windows reach beyond it.
void trim(const Channels& band, WalkingBout& bout) {
  constexpr double kAlive = 0.25;  // of the bout's usual power
  std::vector<double> power;
  TimeSeries part;
  for (const auto& channel : band) {
    part = slice(channel, bout.start_s, bout.end_s);
    power.resize(part.values.size(), 0.0);
    for (size_t i = 0; i < power.size(); ++i) power[i] += part.values[i] * part.values[i];
  }
  power = moving_average(power, std::max<int64_t>(1, std::llround(part.rate_hz)));
  const double limit = kAlive * median(power);
  const auto is_alive = [&](double p) { return p >= limit; };
  const auto first = std::find_if(power.begin(), power.end(), is_alive) - power.begin();
  const auto last = power.rend() - std::find_if(power.rbegin(), power.rend(), is_alive);
  bout.end_s = std::min(bout.end_s, part.time_of(last));
  bout.start_s = std::max(bout.start_s, part.time_of(first));
}

/// Direction of the greatest power of up to three channels, by power iteration; its sign makes the sharper
/// extremes of the projection, the impacts, point up.
std::vector<double> main_direction(const Channels& narrow, const Channels& wide) {
  const size_t size = narrow.size();
  std::vector<double> covariance(size * size, 0.0);
  for (size_t a = 0; a < size; ++a) {
    for (size_t b = 0; b < size; ++b) {
      for (size_t i = 0; i < narrow[a].values.size(); ++i) {
        const double product = narrow[a].values[i] * narrow[b].values[i];
        if (std::isfinite(product)) covariance[a * size + b] += product;
      }
    }
  }
  std::vector<double> direction(size, 0.0);
  size_t strongest = 0;
  for (size_t a = 1; a < size; ++a) {
    if (covariance[a * size + a] > covariance[strongest * size + strongest]) strongest = a;
  }
  direction[strongest] = 1;
  for (int pass = 0; pass < 50; ++pass) {
    std::vector<double> next(size, 0.0);
    double power = 0;
    for (size_t a = 0; a < size; ++a) {
      for (size_t b = 0; b < size; ++b) next[a] += covariance[a * size + b] * direction[b];
      power += next[a] * next[a];
    }
    if (!(power > 0)) break;
    for (size_t a = 0; a < size; ++a) direction[a] = next[a] / std::sqrt(power);
  }
  std::vector<double> projection(wide[0].values.size(), 0.0);
  for (size_t a = 0; a < size; ++a) {
    for (size_t i = 0; i < projection.size(); ++i) projection[i] += direction[a] * wide[a].values[i];
  }
  if (skewness(projection) < 0) {
    for (double& d : direction) d = -d;
  }
  return direction;
}

TimeSeries projected(const Channels& channels, const std::vector<double>& direction) {
  TimeSeries out{channels[0].rate_hz, channels[0].t0_s, std::vector<double>(channels[0].values.size(), 0.0)};
  for (size_t a = 0; a < channels.size(); ++a) {
    for (size_t i = 0; i < out.values.size(); ++i) out.values[i] += direction[a] * channels[a].values[i];
  }
  return out;
}

/// Steps of a bout: maxima about the step's own frequency, where each stride has two even when an arm swings
/// the sensor once a stride; then the highest sample of the wider band nearby.
std::vector<double> steps_of(const Channels& band, const Interval& bout, double stride_s) {
  constexpr double kMarginSeconds = 3;
  const double step_hz = 2 / stride_s;
  Channels wide;
  Channels narrow;
  for (const auto& channel : band) {
    wide.push_back(slice(channel, bout.start_s - kMarginSeconds, bout.end_s + kMarginSeconds));
    narrow.push_back(wide.back());
    const double high_hz = std::min(1.5 * step_hz, 0.45 * channel.rate_hz);
    narrow.back().values = filter_runs(
        butterworth(2, Band::kBandPass, 0.65 * step_hz, high_hz, channel.rate_hz), wide.back().values);
  }
  const auto direction = main_direction(narrow, wide);
  const TimeSeries coarse = projected(narrow, direction);
  const TimeSeries fine = projected(wide, direction);
  PeakRules rules;
  rules.min_height = 0;
  rules.min_distance = std::max<int64_t>(1, static_cast<int64_t>(0.3 * stride_s * fine.rate_hz));
  const auto reach = static_cast<int64_t>(0.12 * stride_s * fine.rate_hz);
  std::vector<double> out;
  for (const auto& peak : find_peaks(coarse.values, rules)) {
    const int64_t first = std::max<int64_t>(0, peak.index - reach);
    const int64_t last = std::min(static_cast<int64_t>(fine.values.size()), peak.index + reach + 1);
    const auto begin = fine.values.begin();
    const auto best = static_cast<size_t>(std::max_element(begin + first, begin + last) - begin);
    const double time_s = fine.t0_s + vertex(fine.values, best).lag / fine.rate_hz;
    if (time_s >= bout.start_s && time_s < bout.end_s &&
        (out.empty() || time_s > out.back() + 0.2 * stride_s)) {
      out.push_back(time_s);
    }
  }
  return out;
}

/// Sum of the magnitudes (over channels) of even over odd harmonics from start to end, which is one stride.
double harmonic_ratio_of(const Channels& channels, double start_s, double end_s, int64_t num_harmonics) {
  constexpr size_t kPoints = 128;
  static const auto roots = [] {
    std::array<std::pair<double, double>, kPoints> out;
    for (size_t i = 0; i < kPoints; ++i) {
      const double angle = kTwoPi * static_cast<double>(i) / kPoints;
      out[i] = {std::cos(angle), std::sin(angle)};
    }
    return out;
  }();
  const TimeSeries& clock = channels[0];
  const auto reachable = static_cast<int64_t>(0.45 * clock.rate_hz * (end_s - start_s));
  const auto highest = static_cast<size_t>(std::min<int64_t>({num_harmonics, reachable, kPoints / 2 - 1}));
  std::vector<double> power(highest + 1, 0.0);
  for (const auto& channel : channels) {
    std::vector<double> x(kPoints);
    for (size_t i = 0; i < kPoints; ++i) {
      const double time_s = start_s + (end_s - start_s) * static_cast<double>(i) / kPoints;
      const double sample = (time_s - clock.t0_s) * clock.rate_hz;
      const auto left = static_cast<int64_t>(std::floor(sample));
      if (left < 0 || left + 1 >= static_cast<int64_t>(channel.values.size())) return kMissing;
      const double u = sample - static_cast<double>(left);
      const auto at = static_cast<size_t>(left);
      x[i] = (1 - u) * channel.values[at] + u * channel.values[at + 1];
    }
    for (size_t k = 1; k <= highest; ++k) {
      double re = 0;
      double im = 0;
      for (size_t i = 0; i < kPoints; ++i) {
        const auto& [cosine, sine] = roots[k * i % kPoints];
        re += x[i] * cosine;
        im += x[i] * sine;
      }
      power[k] += re * re + im * im;
    }
  }
  double even = 0;
  double odd = 0;
  for (size_t k = 1; k <= highest; ++k) (k % 2 == 0 ? even : odd) += std::sqrt(power[k]);
  return odd > 0 ? even / odd : kMissing;
}

}  // namespace

void GaitConfig::validate(config::Checks& checks) const {
  checks.expect(min_stride_s >= 0.3 && min_stride_s <= 5, "min_stride_s", "must be in [0.3, 5]");
  checks.expect(max_stride_s > min_stride_s && max_stride_s <= 10, "max_stride_s",
                "must be above min_stride_s, at most 10");
  checks.expect(window_s >= 2 * max_stride_s && window_s <= 60, "window_s",
                "must hold two of the longest strides, at most 60");
  checks.expect(hop_s > 0 && hop_s <= window_s, "hop_s", "must be in (0, window_s]");
  checks.expect(min_deviation_g > 0 && std::isfinite(min_deviation_g), "min_deviation_g", "must be positive");
  checks.expect(min_regularity > 0 && min_regularity < 1, "min_regularity", "must be in (0, 1)");
  checks.expect(min_bout_s >= 0 && std::isfinite(min_bout_s), "min_bout_s", "must not be negative");
  checks.expect(num_harmonics >= 2 && num_harmonics <= 60, "num_harmonics", "must be in [2, 60]");
}

Gait find_gait(const std::vector<TimeSeries>& channels, const GaitConfig& config) {
  config::ThrowingChecks checks("imu.gait");
  config.validate(checks);
  require(!channels.empty(), ErrorCode::kData, "gait: no channels; expected acceleration");
  for (const auto& channel : channels) {
    check_series(channel, "gait");
    require(channel.rate_hz == channels[0].rate_hz && channel.values.size() == channels[0].values.size(),
            ErrorCode::kData, "gait: channels of different rates or lengths; expected one clock");
    require(channel.rate_hz >= 10, ErrorCode::kData,
            "gait: sampled at " + std::to_string(channel.rate_hz) + " Hz; steps need at least 10 Hz");
  }
  const Channels band = gait_band(channels);
  Gait out;
  out.windows = walking_windows(band, config);
  for (size_t first = 0; first < out.windows.size();) {
    std::vector<double> strides{out.windows[first].stride_s};
    size_t last = first + 1;
    while (last < out.windows.size() &&
           out.windows[last].centre_s - out.windows[last - 1].centre_s < 1.5 * config.hop_s) {
      strides.push_back(out.windows[last++].stride_s);
    }
    WalkingBout bout{out.windows[first].centre_s - 0.5 * config.window_s,
                     out.windows[last - 1].centre_s + 0.5 * config.window_s,
                     {}};
    // Windows with a short break between them overlap: the later bout begins where the earlier ended.
    if (!out.bouts.empty()) bout.start_s = std::max(bout.start_s, out.bouts.back().end_s);
    trim(band, bout);
    if (bout.end_s - bout.start_s >= config.min_bout_s) {
      bout.step_s = steps_of(band, {bout.start_s, bout.end_s}, median(strides));
      out.bouts.push_back(bout);
    }
    first = last;
  }
  return out;
}

GaitMeasures measure_gait(const Gait& gait, const std::vector<TimeSeries>& channels, const Interval& window,
                          const GaitConfig& config) {
  GaitMeasures out;
  std::vector<double> step_times;
  std::vector<double> stride_times;
  std::vector<double> ratios;
  double walked_s = 0;
  for (const auto& bout : gait.bouts) {
    walked_s += std::max(0.0, std::min(bout.end_s, window.end_s) - std::max(bout.start_s, window.start_s));
    std::vector<double> steps;
    std::copy_if(bout.step_s.begin(), bout.step_s.end(), std::back_inserter(steps),
                 [&](double t) { return t >= window.start_s && t < window.end_s; });
    out.num_steps += static_cast<double>(steps.size());
    for (size_t i = 1; i < steps.size(); ++i) step_times.push_back(steps[i] - steps[i - 1]);
    for (size_t i = 2; i < steps.size(); ++i) stride_times.push_back(steps[i] - steps[i - 2]);
    for (size_t i = 2; i < steps.size(); i += 2) {
      ratios.push_back(harmonic_ratio_of(channels, steps[i - 2], steps[i], config.num_harmonics));
    }
  }
  if (window.end_s > window.start_s) out.walking = walked_s / (window.end_s - window.start_s);
  if (step_times.size() >= 2) {
    out.step_time_mean_s = mean(step_times);
    out.step_time_sd_s = sample_deviation(step_times);
    out.step_time_cv = out.step_time_sd_s / out.step_time_mean_s;
    out.cadence_per_min = 60 / out.step_time_mean_s;
  }
  if (stride_times.size() >= 2) {
    out.stride_time_mean_s = mean(stride_times);
    out.stride_time_cv = sample_deviation(stride_times) / out.stride_time_mean_s;
  }
  std::vector<double> step_regularity;
  std::vector<double> stride_regularity;
  std::vector<double> symmetry;
  for (const auto& w : gait.windows) {
    if (w.centre_s < window.start_s || w.centre_s >= window.end_s) continue;
    step_regularity.push_back(w.step_regularity);
    stride_regularity.push_back(w.stride_regularity);
    symmetry.push_back(w.step_regularity / w.stride_regularity);
  }
  out.step_regularity = mean(step_regularity);
  out.stride_regularity = mean(stride_regularity);
  out.step_symmetry = mean(symmetry);
  out.harmonic_ratio = mean(ratios);
  return out;
}

}  // namespace limbic::signals
