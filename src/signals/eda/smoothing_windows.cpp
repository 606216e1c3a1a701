#include "eda/smoothing_windows.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace limbic::signals {
namespace {

std::vector<double> with_sum_1(std::vector<double> w) {
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  for (double& v : w) v /= sum;
  return w;
}

}  // namespace

std::vector<double> box_window(size_t size) {
  return std::vector<double>(size, 1.0 / static_cast<double>(size));
}

std::vector<double> parzen_window(size_t size) {
  std::vector<double> w(size);
  const auto length = static_cast<double>(size);
  for (size_t i = 0; i < size; ++i) {
    const double from_middle = std::abs(static_cast<double>(i) - 0.5 * (length - 1.0));
    const double x = from_middle / (0.5 * length);
    w[i] = from_middle <= 0.25 * (length - 1.0) ? 1.0 - 6.0 * x * x * (1.0 - x) : 2.0 * std::pow(1.0 - x, 3);
  }
  return with_sum_1(std::move(w));
}

std::vector<double> bartlett_window(size_t size) {
  if (size < 3) return box_window(size);  // its ends are 0
  std::vector<double> w(size);
  const double half = 0.5 * static_cast<double>(size - 1);
  for (size_t i = 0; i < size; ++i) w[i] = 1.0 - std::abs(static_cast<double>(i) - half) / half;
  return with_sum_1(std::move(w));
}

std::vector<double> convolve_held(const std::vector<double>& x, const std::vector<double>& window) {
  std::vector<double> out(x.size());
  if (x.empty()) return out;
  const auto size = static_cast<int64_t>(window.size());
  const int64_t ahead = (size - 1) / 2;
  std::vector<double> padded;
  padded.reserve(x.size() + window.size());
  padded.insert(padded.end(), static_cast<size_t>(size - 1 - ahead), x.front());
  padded.insert(padded.end(), x.begin(), x.end());
  padded.insert(padded.end(), static_cast<size_t>(ahead), x.back());
  for (size_t i = 0; i < x.size(); ++i) {
    // window[k] meets the sample k before the newest one.
    out[i] = std::inner_product(window.rbegin(), window.rend(),
                                padded.begin() + static_cast<std::ptrdiff_t>(i), 0.0);
  }
  return out;
}

}  // namespace limbic::signals
