#include "motion/activity.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/spectrum.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {

Span span_of(double rate_hz, double t0_s, size_t size, const Interval& window) {
  constexpr double kSlack = 5e-7;  // as slice(): a border that is a sample's time up to rounding
  const auto index = [&](double time_s) {
    return static_cast<int64_t>(
        std::clamp(std::ceil((time_s - t0_s) * rate_hz - kSlack), 0.0, static_cast<double>(size)));
  };
  const int64_t first = index(window.start_s);
  return {first, std::max(first, index(window.end_s))};
}

std::vector<double> part_of_series(const TimeSeries& series, const Span& span) {
  if (series.values.empty()) return {};
  return {series.values.begin() + span.first, series.values.begin() + span.last};
}

double crossings(const std::vector<double>& x, double hysteresis) {
  int side = 0;
  double count = 0;
  for (const double v : x) {
    const int here = v > hysteresis ? 1 : v < -hysteresis ? -1 : 0;
    if (here == 0) continue;
    if (side != 0 && here != side) ++count;
    side = here;
  }
  return count;
}

double part_above(const std::vector<double>& x, double limit) {
  double above = 0;
  double known = 0;
  for (const double v : x) {
    if (!std::isfinite(v)) continue;
    ++known;
    above += std::abs(v) > limit ? 1 : 0;
  }
  return known > 0 ? above / known : kMissing;
}

Motion motion_of(const std::vector<double>& norm) {
  std::vector<double> above;
  std::vector<double> away;
  const double centre = mean(norm);
  for (const double v : norm) {
    if (!std::isfinite(v)) continue;
    above.push_back(std::max(0.0, v - 1));
    away.push_back(std::abs(v - centre));
  }
  return {mean(above), mean(away)};
}

Rhythm rhythm_of(const std::vector<double>& norm, double rate_hz) {
  constexpr double kSegmentSeconds = 8;
  constexpr double kLowHz = 0.3;
  constexpr double kHighHz = 15;
  Rhythm out;
  const auto filled = fill_gaps(norm);
  // Two seconds resolve half a hertz: less says nothing of a rhythm.
  if (filled.size() < static_cast<size_t>(2 * rate_hz) || !std::isfinite(filled[0])) return out;
  const auto spectrum = welch(filled, rate_hz, static_cast<int64_t>(kSegmentSeconds * rate_hz));
  double total = 0;
  double highest = 0;
  for (size_t k = 0; k < spectrum.density.size(); ++k) {
    const double f = spectrum.frequency_hz[k];
    if (f < kLowHz || f > kHighHz) continue;
    total += spectrum.density[k];
    if (spectrum.density[k] > highest) {
      highest = spectrum.density[k];
      out.dominant_hz = f;
    }
  }
  if (!(total > 0)) return {};
  double bins = 0;
  double near = 0;
  double entropy = 0;
  for (size_t k = 0; k < spectrum.density.size(); ++k) {
    const double f = spectrum.frequency_hz[k];
    if (f < kLowHz || f > kHighHz) continue;
    const double p = spectrum.density[k] / total;
    ++bins;
    if (p > 0) entropy -= p * std::log(p);
    if (std::abs(f - out.dominant_hz) <= 0.1 + 1e-9) near += p;
  }
  out.dominant_part = near;
  if (bins > 1) out.entropy = entropy / std::log(bins);
  return out;
}

double still_part(const TimeSeries& dynamic, const Span& span, double limit_g) {
  const auto second = static_cast<int64_t>(std::ceil(dynamic.rate_hz));
  double still = 0;
  double known = 0;
  for (int64_t i = span.first; i + second <= span.last; i += second) {
    const double rms = root_mean_square(part_of_series(dynamic, {i, i + second}));
    if (!std::isfinite(rms)) continue;
    ++known;
    still += rms < limit_g ? 1 : 0;
  }
  return known > 0 ? still / known : kMissing;
}

}  // namespace limbic::signals
