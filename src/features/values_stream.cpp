#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/features/feature_extractor.h"
#include "streams.h"

namespace limbic::features {
namespace {

/// A feature that never moves is divided by this instead of by its deviation.
constexpr double kMinDeviation = 1e-5;

}  // namespace

at::Tensor checked_valid(const at::Tensor& valid_T, int64_t num_frames, const std::string& what) {
  if (!valid_T.defined()) return at::ones({num_frames}, at::kBool);
  require(valid_T.dim() == 1 && valid_T.size(0) == num_frames && valid_T.scalar_type() == at::kBool,
          ErrorCode::kData,
          what + ": expected one bool a frame (" + std::to_string(num_frames) + ") in valid_T");
  return valid_T.contiguous();
}

void normalise_frames(float* x, int64_t num_frames, int64_t num_features, const bool* valid, Normalise how) {
  int64_t num_valid = 0;
  for (int64_t t = 0; t < num_frames; ++t) {
    float* row = x + t * num_features;
    if (valid[t]) {
      ++num_valid;
    } else {
      std::fill(row, row + num_features, 0.0f);
    }
  }
  if (how == Normalise::kNone || num_valid == 0) return;

  const auto width = static_cast<size_t>(num_features);
  std::vector<double> mean(width, 0.0);
  std::vector<double> square(width, 0.0);
  for (int64_t t = 0; t < num_frames; ++t) {
    if (!valid[t]) continue;
    for (size_t f = 0; f < width; ++f) mean[f] += static_cast<double>(x[static_cast<size_t>(t) * width + f]);
  }
  for (double& m : mean) m /= static_cast<double>(num_valid);
  // The second pass is around the mean: one pass of squares loses the deviation of a large, steady value.
  for (int64_t t = 0; t < num_frames; ++t) {
    if (!valid[t]) continue;
    for (size_t f = 0; f < width; ++f) {
      float& v = x[static_cast<size_t>(t) * width + f];
      const double centered = static_cast<double>(v) - mean[f];
      square[f] += centered * centered;
      v = static_cast<float>(centered);
    }
  }
  if (how != Normalise::kMeanVariance) return;
  std::vector<float> scale(width);
  for (size_t f = 0; f < width; ++f) {
    const double deviation = std::sqrt(square[f] / static_cast<double>(num_valid));
    scale[f] = static_cast<float>(1.0 / std::max(deviation, kMinDeviation));
  }
  for (int64_t t = 0; t < num_frames; ++t) {
    for (size_t f = 0; f < width; ++f) x[static_cast<size_t>(t) * width + f] *= scale[f];
  }
}

affect::Stream values_stream(const affect::Stream& raw, const ValuesFeature& feature) {
  require(raw.values.defined() && raw.values.dim() == 2 && raw.values.is_floating_point(), ErrorCode::kData,
          "values: expected a (T, F) floating-point tensor");
  const int64_t num_frames = raw.values.size(0);
  const int64_t num_features = raw.values.size(1);
  affect::Stream stream = raw;
  stream.valid_T = checked_valid(raw.valid_T, num_frames, "values");
  stream.values = raw.values.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  auto* x = stream.values.data_ptr<float>();
  const auto* valid = stream.valid_T.data_ptr<bool>();
  for (int64_t t = 0; t < num_frames; ++t) {
    const float* row = x + t * num_features;
    require(!valid[t] || std::all_of(row, row + num_features, [](float v) { return std::isfinite(v); }),
            ErrorCode::kData,
            "values: frame " + std::to_string(t) +
                " is marked valid but is not finite; expected false in valid_T");
  }
  normalise_frames(x, num_frames, num_features, valid, feature.normalise);
  return stream;
}

}  // namespace limbic::features
