#include "limbic/signals/voice/periods.h"

#include <algorithm>
#include <cmath>

#include "voice/period_search.h"
#include "voice/pitch_frames.h"
#include "voice/sinc.h"

namespace limbic::signals {
namespace {

constexpr double kNearest = 0.8;  ///< in periods
constexpr double kFarthest = 1.25;
constexpr double kLeastCorrelation = 0.3;
constexpr double kEdgeCorrelation = 0.7;
constexpr double kLeastPeak = 0.01;  ///< of the recording's
constexpr double kEdgePeak = 0.023333;

/// Time of the largest |sample| in [start_s, end_s], between samples by a parabola.
double largest_deflection(const SampleSpan& x, double start_s, double end_s) {
  const int64_t first = std::max(x.first, x.before(start_s));
  const int64_t last = std::min(x.last - 1, x.after(end_s));
  if (last <= first) return 0.5 * (start_s + end_s);
  int64_t highest = first;
  int64_t lowest = first;
  for (int64_t i = first; i <= last; ++i) {
    if (x.at(i) > x.at(highest)) highest = i;
    if (x.at(i) < x.at(lowest)) lowest = i;
  }
  if (x.at(highest) == x.at(lowest)) return 0.5 * (start_s + end_s);
  const int64_t best = std::abs(x.at(lowest)) > std::abs(x.at(highest)) ? lowest : highest;
  if (best == first || best == last) return x.time_of(best);
  return x.time_of(best) + vertex_offset(x.at(best - 1), x.at(best), x.at(best + 1)) / x.rate_hz;
}

struct Match {
  double correlation = -1;
  double time_s = 0;
  double peak = 0;  ///< largest |sample| of the matched period
};

/// Where in [start_s, end_s] the period around a pulse resembles the one around `pulse_s` most.
Match best_match(const SampleSpan& x, double pulse_s, double period_s, double start_s, double end_s) {
  Match best;
  best.time_s = pulse_s;
  const int64_t first = x.nearest(pulse_s - 0.5 * period_s);
  const int64_t last = x.nearest(pulse_s + 0.5 * period_s);
  const int64_t from = x.before(start_s - 0.5 * period_s);
  const int64_t to = x.after(end_s - 0.5 * period_s);
  double before = 0;
  double middle = 0;
  double best_left = 0;
  double best_right = 0;
  int64_t best_start = 0;
  for (int64_t start = from; start <= to; ++start) {
    double product = 0;
    double norm1 = 0;
    double norm2 = 0;
    double peak = 0;
    const int64_t shift = start - first;
    const int64_t low = std::max({first, x.first, x.first - shift});
    const int64_t high = std::min({last + 1, x.last, x.last - shift});
    for (int64_t i = low; i < high; ++i) {
      const double a = x.at(i);
      const double b = x.at(i + shift);
      product += a * b;
      norm1 += a * a;
      norm2 += b * b;
      peak = std::max(peak, std::abs(b));
    }
    const double here = product != 0 ? product / std::sqrt(norm1 * norm2) : 0.0;
    // `middle` belongs to the start before this one and now has both neighbours.
    if (middle > best.correlation && middle >= before && middle >= here) {
      best.correlation = middle;
      best_left = before;
      best_right = here;
      best_start = start - 1;
      best.peak = peak;
    }
    before = middle;
    middle = here;
  }
  if (best.correlation > -1) {
    const double offset = vertex_offset(best_left, best.correlation, best_right);
    best.correlation += 0.25 * offset * (best_right - best_left);
    best.time_s = pulse_s + (static_cast<double>(best_start - first) + offset) / x.rate_hz;
  }
  return best;
}

}  // namespace

std::vector<VoicedStretch> voiced_stretches(const PitchTrack& track, double duration_s) {
  std::vector<VoicedStretch> stretches;
  const size_t n = track.num_frames();
  for (size_t t = 0; t < n; ++t) {
    if (!track.is_voiced(t)) continue;
    const size_t first = t;
    while (t + 1 < n && track.is_voiced(t + 1)) ++t;
    stretches.push_back({std::max(0.0, track.time_of(first) - 0.5 * track.hop_s),
                         std::min(duration_s, track.time_of(t) + 0.5 * track.hop_s)});
  }
  return stretches;
}

void find_stretch_periods(const SampleSpan& x, double peak, const PitchTrack& track, VoicedStretch stretch,
                          double& last_s, std::vector<double>& pulses_s) {
  const double middle_s = 0.5 * (stretch.start_s + stretch.end_s);
  const double middle_f0 = track.f0_at(middle_s);
  if (!(middle_f0 > 0)) return;
  const double first_s = largest_deflection(x, middle_s - 0.5 / middle_f0, middle_s + 0.5 / middle_f0);
  std::vector<double> found;
  found.push_back(first_s);

  double t = first_s;
  while (true) {
    const double f0 = track.f0_at(t);
    if (!(f0 > 0)) break;
    const Match m = best_match(x, t, 1.0 / f0, t - kFarthest / f0, t - kNearest / f0);
    t = m.correlation == -1 ? t - 1.0 / f0 : m.time_s;  // without a maximum one period is skipped
    const bool is_apart = t - last_s > kNearest / f0;
    if (t < stretch.start_s) {
      if (m.correlation > kEdgeCorrelation && m.peak > kEdgePeak * peak && is_apart) found.push_back(t);
      break;
    }
    if (m.correlation > kLeastCorrelation && (m.peak == 0 || m.peak > kLeastPeak * peak) && is_apart)
      found.push_back(t);
  }
  std::reverse(found.begin(), found.end());

  t = first_s;
  while (true) {
    const double f0 = track.f0_at(t);
    if (!(f0 > 0)) break;
    const Match m = best_match(x, t, 1.0 / f0, t + kNearest / f0, t + kFarthest / f0);
    t = m.correlation == -1 ? t + 1.0 / f0 : m.time_s;
    if (t >= stretch.end_s) {
      if (m.correlation > kEdgeCorrelation && m.peak > kEdgePeak * peak) {
        found.push_back(t);
        last_s = t;
      }
      break;
    }
    if (m.correlation > kLeastCorrelation && (m.peak == 0 || m.peak > kLeastPeak * peak)) {
      found.push_back(t);
      last_s = t;
    }
  }
  pulses_s.insert(pulses_s.end(), found.begin(), found.end());
}

std::vector<double> find_periods(const float* samples, int64_t num_samples, double rate_hz,
                                 const PitchTrack& track) {
  check_voice_rate(rate_hz);
  const auto x = finite_samples(samples, num_samples);
  const SampleSpan span{x.data(), 0, static_cast<int64_t>(x.size()), rate_hz};
  double peak = 0;
  for (double value : x) peak = std::max(peak, std::abs(value));
  std::vector<double> pulses_s;
  double last_s = -1e300;
  for (const VoicedStretch& stretch : voiced_stretches(track, static_cast<double>(num_samples) / rate_hz))
    find_stretch_periods(span, peak, track, stretch, last_s, pulses_s);
  std::sort(pulses_s.begin(), pulses_s.end());
  return pulses_s;
}

}  // namespace limbic::signals
