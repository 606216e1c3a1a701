#include "limbic/signals/voice/perturbation.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/constants.h"
#include "voice/pitch_frames.h"
#include "voice/pulse_rms.h"

namespace limbic::signals {
namespace {

double ratio_of(double a, double b) {
  return a > b ? a / b : b / a;
}

bool is_period(double duration_s, const PerturbationConfig& c) {
  return duration_s > 0 && duration_s >= c.period_floor_s && duration_s <= c.period_ceiling_s;
}

/// Mean over all runs of `width` neighbouring periods that are regular of |middle - mean of the run|; with
/// width 2, of the difference of the two.
double mean_deviation(const std::vector<double>& periods, size_t width, const PerturbationConfig& c) {
  double sum = 0;
  int64_t count = 0;
  for (size_t first = 0; first + width <= periods.size(); ++first) {
    const double* p = periods.data() + first;
    bool is_regular = true;
    double total = 0;
    for (size_t k = 0; k < width && is_regular; ++k) {
      is_regular = is_period(p[k], c) && (k == 0 || ratio_of(p[k], p[k - 1]) <= c.max_period_factor);
      total += p[k];
    }
    if (!is_regular) continue;
    sum += width == 2 ? std::abs(p[1] - p[0]) : std::abs(p[width / 2] - total / static_cast<double>(width));
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

}  // namespace

void PerturbationConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(period_floor_s > 0 && period_floor_s < 1, "period_floor_s",
                "must be in (0, 1)" + got(period_floor_s));
  checks.expect(period_ceiling_s > period_floor_s && period_ceiling_s <= 1, "period_ceiling_s",
                "must be above period_floor_s and at most 1" + got(period_ceiling_s));
  checks.expect(max_period_factor > 1 && max_period_factor < 100, "max_period_factor",
                "must be in (1, 100)" + got(max_period_factor));
  checks.expect(max_amplitude_factor > 1 && max_amplitude_factor < 100, "max_amplitude_factor",
                "must be in (1, 100)" + got(max_amplitude_factor));
}

Jitter jitter_of(const std::vector<double>& pulses_s, const PerturbationConfig& config) {
  Jitter jitter;
  std::vector<double> periods;
  for (size_t i = 1; i < pulses_s.size(); ++i) periods.push_back(pulses_s[i] - pulses_s[i - 1]);
  // For the mean a period counts when it is regular towards one of its neighbours.
  double sum = 0;
  for (size_t i = 0; i < periods.size(); ++i) {
    if (!is_period(periods[i], config)) continue;
    const bool has_left = i > 0 && periods[i - 1] > 0;
    const bool has_right = i + 1 < periods.size() && periods[i + 1] > 0;
    const bool fits_left = has_left && ratio_of(periods[i], periods[i - 1]) <= config.max_period_factor;
    const bool fits_right = has_right && ratio_of(periods[i], periods[i + 1]) <= config.max_period_factor;
    // A neighbour that does not exist is no objection.
    if (has_left && has_right && !fits_left && !fits_right) continue;
    sum += periods[i];
    ++jitter.num_periods;
  }
  if (jitter.num_periods == 0) return jitter;
  jitter.mean_period_s = sum / static_cast<double>(jitter.num_periods);
  jitter.local_s = mean_deviation(periods, 2, config);
  jitter.local = jitter.local_s / jitter.mean_period_s;
  jitter.rap = mean_deviation(periods, 3, config) / jitter.mean_period_s;
  jitter.ppq5 = mean_deviation(periods, 5, config) / jitter.mean_period_s;
  jitter.ddp = 3.0 * jitter.rap;
  return jitter;
}

double regular_pulse_rms(const SampleSpan& x, double pulse_s, double left_period_s, double right_period_s,
                         const PerturbationConfig& config) {
  if (!is_period(left_period_s, config) || !is_period(right_period_s, config) ||
      ratio_of(left_period_s, right_period_s) > config.max_period_factor)
    return kMissing;
  constexpr double kShare = 0.2;
  const double left_s = kShare * left_period_s;
  const double right_s = kShare * right_period_s;
  const int64_t first = std::max(x.first, x.after(pulse_s - left_s));
  const int64_t last = std::min(x.last - 1, x.before(pulse_s + right_s));
  if (last - first < 3) return kMissing;
  double energy = 0;
  double weight = 0;
  for (int64_t i = first; i <= last; ++i) {
    const double distance_s = x.time_of(i) - pulse_s;
    const double w = 0.5 + 0.5 * std::cos(kPi * distance_s / (distance_s < 0 ? left_s : right_s));
    energy += w * w * x.at(i) * x.at(i);
    weight += w * w;
  }
  return std::sqrt(energy / weight);
}

std::vector<PulseAmplitude> pulse_amplitudes(const float* samples, int64_t num_samples, double rate_hz,
                                             const std::vector<double>& pulses_s,
                                             const PerturbationConfig& config) {
  check_voice_rate(rate_hz);
  const auto x = finite_samples(samples, num_samples);
  const SampleSpan span{x.data(), 0, static_cast<int64_t>(x.size()), rate_hz};
  std::vector<PulseAmplitude> amplitudes;
  for (size_t i = 0; i < pulses_s.size(); ++i) {
    PulseAmplitude a{pulses_s[i], kMissing};
    if (i > 0 && i + 1 < pulses_s.size()) {
      a.rms = regular_pulse_rms(span, pulses_s[i], pulses_s[i] - pulses_s[i - 1],
                                pulses_s[i + 1] - pulses_s[i], config);
    }
    amplitudes.push_back(a);
  }
  return amplitudes;
}

Shimmer shimmer_of(const std::vector<PulseAmplitude>& amplitudes, const PerturbationConfig& config) {
  std::vector<PulseAmplitude> points;
  for (const PulseAmplitude& a : amplitudes) {
    if (a.rms > 0) points.push_back(a);
  }
  Shimmer shimmer;
  if (points.size() < 2) return shimmer;
  double level = 0;
  for (size_t i = 0; i + 1 < points.size(); ++i) level += points[i].rms;
  level /= static_cast<double>(points.size() - 1);

  // Neighbours in the list that are a period apart and of like amplitude.
  std::vector<char> is_joined(points.size(), 0);
  for (size_t i = 1; i < points.size(); ++i) {
    is_joined[i] = is_period(points[i].time_s - points[i - 1].time_s, config) &&
                           ratio_of(points[i].rms, points[i - 1].rms) <= config.max_amplitude_factor
                       ? 1
                       : 0;
  }
  const auto mean_over_runs = [&](size_t width, auto measure) {
    double sum = 0;
    int64_t count = 0;
    size_t run = 1;
    for (size_t i = 0; i < points.size(); ++i) {
      run = i > 0 && is_joined[i] != 0 ? run + 1 : 1;
      if (run < width) continue;
      sum += measure(points.data() + (i + 1 - width));
      ++count;
    }
    return count > 0 ? sum / static_cast<double>(count) : kMissing;
  };
  const auto quotient = [&](size_t width) {
    return mean_over_runs(width,
                          [width](const PulseAmplitude* a) {
                            double total = 0;
                            for (size_t k = 0; k < width; ++k) total += a[k].rms;
                            return std::abs(a[width / 2].rms - total / static_cast<double>(width));
                          }) /
           level;
  };
  shimmer.local =
      mean_over_runs(2, [](const PulseAmplitude* a) { return std::abs(a[1].rms - a[0].rms); }) / level;
  shimmer.local_db = mean_over_runs(
      2, [](const PulseAmplitude* a) { return 20.0 * std::abs(std::log10(a[1].rms / a[0].rms)); });
  shimmer.apq3 = quotient(3);
  shimmer.apq5 = quotient(5);
  shimmer.apq11 = quotient(11);
  shimmer.dda = 3.0 * shimmer.apq3;
  return shimmer;
}

}  // namespace limbic::signals
