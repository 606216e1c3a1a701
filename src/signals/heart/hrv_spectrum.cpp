#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "heart/nn_intervals.h"
#include "limbic/signals/dsp/resample.h"
#include "limbic/signals/dsp/spectrum.h"
#include "limbic/signals/heart/hrv.h"

namespace limbic::signals {
namespace {

/// Frequency of the highest inner maximum within HF.
double hf_peak(const PowerSpectrum& spectrum, const HrvConfig& config) {
  double highest = 0;
  double at_hz = kMissing;
  for (size_t k = 1; k + 1 < spectrum.density.size(); ++k) {
    const double f = spectrum.frequency_hz[k];
    const double p = spectrum.density[k];
    if (f < config.hf_low_hz || f > config.hf_high_hz || p <= highest) continue;
    if (p < spectrum.density[k - 1] || p < spectrum.density[k + 1]) continue;
    highest = p;
    at_hz = f;
  }
  return at_hz;
}

HrvSpectrum no_spectrum() {
  return {kMissing, kMissing, kMissing, kMissing, kMissing, kMissing, kMissing, kMissing};
}

bool is_covered(const NnIntervals& nn, double window_s, double least) {
  constexpr size_t kFewest = 4;
  const double covered_s = std::accumulate(nn.ms.begin(), nn.ms.end(), 0.0) / 1000;
  return nn.ms.size() >= kFewest && covered_s >= least * window_s;
}

HrvSpectrum bands_of(const PowerSpectrum& spectrum, double window_s, const HrvConfig& config) {
  HrvSpectrum out = no_spectrum();
  // A recording of beats alone ends at its last beat, up to an interval before its time is over.
  constexpr double kLongestInterval = 2;
  window_s += kLongestInterval;
  if (window_s >= config.min_vlf_s) {
    out.vlf_ms2 = band_power(spectrum, config.vlf_low_hz, config.lf_low_hz);
    out.total_ms2 = band_power(spectrum, config.vlf_low_hz, config.hf_high_hz);
  }
  if (window_s >= config.min_lf_s) out.lf_ms2 = band_power(spectrum, config.lf_low_hz, config.hf_low_hz);
  if (window_s >= config.min_hf_s) {
    out.hf_ms2 = band_power(spectrum, config.hf_low_hz, config.hf_high_hz);
    out.hf_peak_hz = hf_peak(spectrum, config);
  }
  if (out.hf_ms2 > 0) out.lf_hf = out.lf_ms2 / out.hf_ms2;
  const double both = out.lf_ms2 + out.hf_ms2;
  if (both > 0) {
    out.lf_nu = 100 * out.lf_ms2 / both;
    out.hf_nu = 100 * out.hf_ms2 / both;
  }
  return out;
}

}  // namespace

HrvSpectrum hrv_welch(const std::vector<Beat>& beats, double window_s, const HrvConfig& config) {
  const NnIntervals nn = nn_intervals(beats);
  if (!is_covered(nn, window_s, config.welch_min_coverage)) return no_spectrum();
  std::vector<double> grid_s;
  const auto points = static_cast<int64_t>((nn.time_s.back() - nn.time_s.front()) * config.resample_hz) + 1;
  for (int64_t i = 0; i < points; ++i) {
    grid_s.push_back(nn.time_s.front() + static_cast<double>(i) / config.resample_hz);
  }
  const auto x = interpolate_cubic(nn.time_s, nn.ms, grid_s, 0, Cubic::kNatural);
  const auto segment = std::min(points, static_cast<int64_t>(config.segment_s * config.resample_hz));
  int64_t nfft = 1;
  while (nfft < 2 * segment) nfft *= 2;
  return bands_of(welch(x, config.resample_hz, segment, Taper::kHann, nfft), window_s, config);
}

HrvSpectrum hrv_lomb(const std::vector<Beat>& beats, double window_s, const HrvConfig& config) {
  const NnIntervals nn = nn_intervals(beats);
  if (!is_covered(nn, window_s, config.lomb_min_coverage)) return no_spectrum();
  // Segments as Welch's: the cost stays proportional to the recording and so does the variance's fall.
  const double span_s = nn.time_s.back() - nn.time_s.front();
  const double segment_s = std::min(config.segment_s, std::max(span_s, 1.0));
  const double step_hz = 1 / (4 * segment_s);
  PowerSpectrum sum;
  for (double f = step_hz; f < config.hf_high_hz + step_hz; f += step_hz) sum.frequency_hz.push_back(f);
  sum.density.assign(sum.frequency_hz.size(), 0.0);
  double weight = 0;
  const auto num_segments = static_cast<int64_t>(2 * (span_s - segment_s) / segment_s + 1e-9) + 1;
  for (int64_t s = 0; s < num_segments; ++s) {
    const double start_s = nn.time_s.front() + 0.5 * segment_s * static_cast<double>(s);
    const auto first =
        std::lower_bound(nn.time_s.begin(), nn.time_s.end(), start_s - 1e-9) - nn.time_s.begin();
    const auto last =
        std::upper_bound(nn.time_s.begin(), nn.time_s.end(), start_s + segment_s + 1e-9) - nn.time_s.begin();
    const NnIntervals part{{nn.time_s.begin() + first, nn.time_s.begin() + last},
                           {nn.ms.begin() + first, nn.ms.begin() + last}};
    if (!is_covered(part, segment_s, config.lomb_min_coverage)) continue;
    const auto spectrum = lomb_scargle(part.time_s, part.ms, sum.frequency_hz);
    for (size_t k = 0; k < sum.density.size(); ++k) sum.density[k] += spectrum.density[k];
    ++weight;
  }
  if (weight == 0) return no_spectrum();
  for (double& p : sum.density) p /= weight;
  return bands_of(sum, window_s, config);
}

}  // namespace limbic::signals
