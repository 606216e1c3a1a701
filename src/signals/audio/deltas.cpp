#include "limbic/signals/audio/deltas.h"

#include <algorithm>
#include <string>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {
namespace {

int64_t frames_of(const char* what, const std::vector<float>& x_TF, int64_t num_features) {
  const auto size = static_cast<int64_t>(x_TF.size());
  require(num_features >= 1 && size % num_features == 0, ErrorCode::kInternal,
          std::string(what) + ": " + std::to_string(size) + " values are not frames of " +
              std::to_string(num_features));
  return size / num_features;
}

/// Frame that stands for frame `t` beyond the ends; -1 for zeros.
int64_t frame_at(int64_t t, int64_t total, DeltaEdges edges) {
  if (t >= 0 && t < total) return t;
  if (edges == DeltaEdges::kConstant) return -1;
  if (edges == DeltaEdges::kWrap) return ((t % total) + total) % total;
  if (edges == DeltaEdges::kMirror && total > 1) {
    const int64_t period = 2 * total - 2;
    const int64_t at = ((t % period) + period) % period;
    return std::min(at, period - at);
  }
  return std::clamp<int64_t>(t, 0, total - 1);
}

}  // namespace

std::vector<float> regression_deltas(const std::vector<float>& x_TF, int64_t num_features,
                                     int64_t half_window, int64_t order) {
  const int64_t total = frames_of("regression_deltas", x_TF, num_features);
  require(half_window >= 1 && order >= 1, ErrorCode::kConfig,
          "regression_deltas: half_window and order must be at least 1");
  double norm = 0;
  for (int64_t k = 1; k <= half_window; ++k) norm += 2.0 * static_cast<double>(k * k);
  std::vector<float> x = x_TF;
  std::vector<float> out(x.size());
  for (int64_t round = 0; round < order; ++round) {
    for (int64_t t = 0; t < total; ++t) {
      for (int64_t f = 0; f < num_features; ++f) {
        double sum = 0;
        for (int64_t k = 1; k <= half_window; ++k) {
          const float after = x[static_cast<size_t>(std::min(t + k, total - 1) * num_features + f)];
          const float before = x[static_cast<size_t>(std::max<int64_t>(t - k, 0) * num_features + f)];
          sum += static_cast<double>(k) * (static_cast<double>(after) - static_cast<double>(before));
        }
        out[static_cast<size_t>(t * num_features + f)] = static_cast<float>(sum / norm);
      }
    }
    x = out;
  }
  return out;
}

std::vector<float> polynomial_deltas(const std::vector<float>& x_TF, int64_t num_features, int64_t width,
                                     int64_t order, DeltaEdges edges) {
  const int64_t total = frames_of("polynomial_deltas", x_TF, num_features);
  require(order >= 1 && width % 2 == 1 && width > order, ErrorCode::kConfig,
          "polynomial_deltas: width " + std::to_string(width) + ", order " + std::to_string(order) +
              "; expected an odd width above the order, the order at least 1");
  std::vector<float> out(x_TF.size());
  const int64_t margin = edges == DeltaEdges::kInterp || total == 0 ? 0 : width / 2;
  for (int64_t f = 0; f < num_features; ++f) {
    std::vector<double> course;
    for (int64_t t = -margin; t < total + margin; ++t) {
      const int64_t at = frame_at(t, total, edges);
      course.push_back(at < 0 ? 0.0 : static_cast<double>(x_TF[static_cast<size_t>(at * num_features + f)]));
    }
    const std::vector<double> slope = savitzky_golay(course, width, order, order);
    for (int64_t t = 0; t < total; ++t)
      out[static_cast<size_t>(t * num_features + f)] =
          static_cast<float>(slope[static_cast<size_t>(t + margin)]);
  }
  return out;
}

}  // namespace limbic::signals
