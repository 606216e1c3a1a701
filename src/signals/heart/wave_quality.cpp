#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "heart/detectors.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean(a);
  const double mean_b = mean(b);
  double aa = 0;
  double bb = 0;
  double ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : kMissing;
}

/// Runs of samples for which `holds(i)`, of at least `samples`.
template <class Holds>
std::vector<SampleRange> runs_where(int64_t size, int64_t samples, Holds holds) {
  std::vector<SampleRange> out;
  for (int64_t i = 0; i < size;) {
    if (!holds(i)) {
      ++i;
      continue;
    }
    const int64_t first = i;
    while (i < size && holds(i)) ++i;
    if (i - first >= samples) out.push_back({first, i});
  }
  return out;
}

}  // namespace

double refine_peak(const std::vector<double>& x, int64_t i) {
  const auto at = static_cast<double>(i);
  if (i < 1 || i + 1 >= static_cast<int64_t>(x.size())) return at;
  const double left = x[static_cast<size_t>(i - 1)];
  const double middle = x[static_cast<size_t>(i)];
  const double right = x[static_cast<size_t>(i + 1)];
  const double bend = left - 2 * middle + right;
  // Not a maximum (the search ended on a flank): stay.
  if (!(bend < 0) || left > middle || right > middle) return at;
  return at + 0.5 * (left - right) / bend;
}

std::vector<double> wave_quality(const WaveBeats& beats, double rate_hz, double before_s, double after_s) {
  constexpr double kWaveRateHz = 100;
  constexpr size_t kFewest = 5;
  const auto step = std::max<int64_t>(1, std::llround(rate_hz / kWaveRateHz));
  const auto before = static_cast<int64_t>(before_s * rate_hz);
  const auto after = static_cast<int64_t>(after_s * rate_hz);
  std::vector<double> quality(beats.position.size(), kMissing);
  std::vector<size_t> whole;
  std::vector<std::vector<double>> waves;
  for (size_t b = 0; b < beats.position.size(); ++b) {
    const int64_t centre = std::llround(beats.position[b]);
    if (centre < before || centre + after >= static_cast<int64_t>(beats.wave.size())) continue;
    whole.push_back(b);
    waves.emplace_back();
    for (int64_t i = -before; i <= after; i += step) {
      waves.back().push_back(beats.wave[static_cast<size_t>(centre + i)]);
    }
  }
  if (waves.size() < kFewest) return quality;
  std::vector<double> usual;
  std::vector<double> column(waves.size());
  for (size_t i = 0; i < waves[0].size(); ++i) {
    for (size_t w = 0; w < waves.size(); ++w) column[w] = waves[w][i];
    usual.push_back(median(column));
  }
  for (size_t w = 0; w < waves.size(); ++w) quality[whole[w]] = correlation(waves[w], usual);
  return quality;
}

std::vector<SampleRange> missing_ranges(const std::vector<double>& x) {
  return runs_where(static_cast<int64_t>(x.size()), 1,
                    [&](int64_t i) { return !std::isfinite(x[static_cast<size_t>(i)]); });
}

std::vector<SampleRange> flat_ranges(const std::vector<double>& x, int64_t samples) {
  // Runs of unchanging steps; a run of n steps is n + 1 equal samples.
  auto runs = runs_where(static_cast<int64_t>(x.size()) - 1, samples - 1, [&](int64_t i) {
    return x[static_cast<size_t>(i)] == x[static_cast<size_t>(i + 1)];
  });
  for (auto& run : runs) ++run.last;
  return runs;
}

std::vector<SampleRange> clipped_ranges(const std::vector<double>& x, int64_t samples) {
  constexpr size_t kFewest = 3;
  const double highest = maximum(x);
  const double lowest = minimum(x);
  std::vector<SampleRange> out;
  if (!(highest > lowest)) return out;
  for (const double level : {lowest, highest}) {
    const auto runs = runs_where(static_cast<int64_t>(x.size()), samples,
                                 [&](int64_t i) { return x[static_cast<size_t>(i)] == level; });
    if (runs.size() >= kFewest) out.insert(out.end(), runs.begin(), runs.end());
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

}  // namespace limbic::signals
