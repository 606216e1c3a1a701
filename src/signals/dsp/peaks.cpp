#include "limbic/signals/dsp/peaks.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "limbic/core/error.h"
#include "runs.h"

namespace limbic::signals {
namespace {

/// For every sample the lowest one between it and the next strictly higher one (or the end) in the direction
/// of the walk; the nearest of equals. A stack of falling samples, each with the lowest it covers: O(n).
template <class Index>
std::vector<size_t> bases(const std::vector<double>& x, Index order) {
  std::vector<size_t> base(x.size());
  std::vector<size_t> stack;
  for (size_t step = 0; step < x.size(); ++step) {
    const size_t i = order(step);
    base[i] = i;
    while (!stack.empty() && x[stack.back()] <= x[i]) {
      const size_t covered = base[stack.back()];
      if (x[covered] < x[base[i]]) base[i] = covered;
      stack.pop_back();
    }
    stack.push_back(i);
  }
  return base;
}

std::vector<size_t> local_maxima(const std::vector<double>& x) {
  std::vector<size_t> out;
  for (size_t i = 1; i + 1 < x.size(); ++i) {
    if (!(x[i - 1] < x[i])) continue;
    size_t ahead = i + 1;
    while (ahead + 1 < x.size() && x[ahead] == x[i]) ++ahead;
    if (x[ahead] < x[i]) out.push_back((i + ahead - 1) / 2);
    i = ahead - 1;
  }
  return out;
}

/// The highest peak removes its neighbours, then the next highest that is left; of equals the later one goes
/// first (as scipy does).
std::vector<size_t> keep_distance(const std::vector<double>& x, std::vector<size_t> peaks, size_t distance) {
  std::vector<size_t> by_height(peaks.size());
  std::iota(by_height.begin(), by_height.end(), size_t{0});
  std::stable_sort(by_height.begin(), by_height.end(),
                   [&](size_t a, size_t b) { return x[peaks[a]] < x[peaks[b]]; });
  std::vector<bool> keep(peaks.size(), true);
  for (auto it = by_height.rbegin(); it != by_height.rend(); ++it) {
    const size_t p = *it;
    if (!keep[p]) continue;
    for (size_t k = p; k-- > 0 && peaks[p] - peaks[k] < distance;) keep[k] = false;
    for (size_t k = p + 1; k < peaks.size() && peaks[k] - peaks[p] < distance; ++k) keep[k] = false;
  }
  std::vector<size_t> out;
  for (size_t p = 0; p < peaks.size(); ++p) {
    if (keep[p]) out.push_back(peaks[p]);
  }
  return out;
}

}  // namespace

std::vector<Peak> find_peaks(const std::vector<double>& x, const PeakRules& rules) {
  require(rules.min_distance >= 1, ErrorCode::kConfig,
          "find_peaks: min_distance " + std::to_string(rules.min_distance) + "; expected at least 1 sample");
  std::vector<Peak> out;
  for_finite_runs(x, [&](size_t first, size_t last) {
    const std::vector<double> run(x.begin() + static_cast<std::ptrdiff_t>(first),
                                  x.begin() + static_cast<std::ptrdiff_t>(last));
    std::vector<size_t> peaks = local_maxima(run);
    peaks.erase(
        std::remove_if(peaks.begin(), peaks.end(), [&](size_t p) { return !(run[p] >= rules.min_height); }),
        peaks.end());
    peaks = keep_distance(run, std::move(peaks), static_cast<size_t>(rules.min_distance));
    const auto left = bases(run, [](size_t step) { return step; });
    const auto right = bases(run, [&](size_t step) { return run.size() - 1 - step; });
    for (const size_t p : peaks) {
      const double prominence = run[p] - std::max(run[left[p]], run[right[p]]);
      if (!(prominence >= rules.min_prominence)) continue;
      out.push_back({static_cast<int64_t>(first + p), run[p], prominence,
                     static_cast<int64_t>(first + left[p]), static_cast<int64_t>(first + right[p])});
    }
  });
  return out;
}

}  // namespace limbic::signals
