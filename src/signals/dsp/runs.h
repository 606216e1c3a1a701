#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

namespace limbic::signals {

/// Calls each(first, last) for every stretch [first, last) of finite values.
template <class Each>
void for_finite_runs(const std::vector<double>& x, Each each) {
  size_t first = 0;
  while (first < x.size()) {
    if (!std::isfinite(x[first])) {
      ++first;
      continue;
    }
    size_t last = first;
    while (last < x.size() && std::isfinite(x[last])) ++last;
    each(first, last);
    first = last;
  }
}

/// `function` (vector to vector of the same length) of every finite run for itself; the rest is missing.
template <class Function>
std::vector<double> map_runs(const std::vector<double>& x, Function function) {
  std::vector<double> out(x.size(), std::nan(""));
  for_finite_runs(x, [&](size_t first, size_t last) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = x.begin() + static_cast<std::ptrdiff_t>(last);
    const std::vector<double> run = function(std::vector<double>(begin, end));
    for (size_t i = 0; i < run.size(); ++i) out[first + i] = run[i];
  });
  return out;
}

}  // namespace limbic::signals
