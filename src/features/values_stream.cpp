#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/features/feature_extractor.h"
#include "streams.h"

namespace limbic::features {
namespace {

/// A feature that never moves is divided by this instead of by its deviation.
constexpr double kMinDeviation = 1e-5;

void scale_by_subject(float* x, int64_t num_frames, int64_t num_features, const bool* valid,
                      const SubjectScale& subject) {
  for (int64_t t = 0; t < num_frames; ++t) {
    for (int64_t f = 0; f < num_features; ++f) {
      float& v = x[t * num_features + f];
      const auto i = static_cast<size_t>(f);
      v = valid[t] ? static_cast<float>((static_cast<double>(v) - subject.mean_F[i]) /
                                        std::max(subject.deviation_F[i], kMinDeviation))
                   : 0.0f;
    }
  }
}

/// Without a branch a value, so that it takes a fraction of the time of copying them.
bool all_finite(const float* x, int64_t count) {
  constexpr uint32_t kExponent = 0x7F800000U;
  uint32_t num_bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, x + i, sizeof(bits));
    num_bad += (bits & kExponent) == kExponent ? 1U : 0U;
  }
  return num_bad == 0;
}

/// Missing values become 0, which is the mean after normalisation, or stay NaN; outliers are cut.
void finish_values(float* x, int64_t num_values, bool keep_missing, double clip) {
  for (int64_t i = 0; i < num_values; ++i) {
    if (std::isnan(x[i])) {
      if (!keep_missing) x[i] = 0.0f;
      continue;
    }
    if (clip > 0) x[i] = std::clamp(x[i], static_cast<float>(-clip), static_cast<float>(clip));
  }
}

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
  std::vector<int64_t> count(width, 0);  // a value may be missing in a frame that is valid
  for (int64_t t = 0; t < num_frames; ++t) {
    if (!valid[t]) continue;
    for (size_t f = 0; f < width; ++f) {
      const float v = x[static_cast<size_t>(t) * width + f];
      if (std::isnan(v)) continue;
      mean[f] += static_cast<double>(v);
      ++count[f];
    }
  }
  for (size_t f = 0; f < width; ++f) mean[f] /= static_cast<double>(std::max<int64_t>(count[f], 1));
  // The second pass is around the mean: one pass of squares loses the deviation of a large, steady value.
  for (int64_t t = 0; t < num_frames; ++t) {
    if (!valid[t]) continue;
    for (size_t f = 0; f < width; ++f) {
      float& v = x[static_cast<size_t>(t) * width + f];
      const double centered = static_cast<double>(v) - mean[f];
      if (!std::isnan(centered)) square[f] += centered * centered;
      v = static_cast<float>(centered);
    }
  }
  if (how != Normalise::kMeanVariance) return;
  std::vector<float> scale(width);
  for (size_t f = 0; f < width; ++f) {
    const double deviation = std::sqrt(square[f] / static_cast<double>(std::max<int64_t>(count[f], 1)));
    scale[f] = static_cast<float>(1.0 / std::max(deviation, kMinDeviation));
  }
  for (int64_t t = 0; t < num_frames; ++t) {
    for (size_t f = 0; f < width; ++f) x[static_cast<size_t>(t) * width + f] *= scale[f];
  }
}

void LogMelFeature::validate(config::Checks& checks) const {
  checks.expect(normalise != Normalise::kSubject, "normalise", "subject is for values features only");
}

void ValuesFeature::validate(config::Checks& checks) const {
  checks.expect(
      clip == 0 || normalise != Normalise::kNone, "clip",
      "cuts normalised values, but normalise is none; choose a normalise, or the encoder's own clip");
  checks.expect(std::isfinite(clip) && clip >= 0, "clip",
                "must not be negative, got " + std::to_string(clip));
}

bool keeps_missing(const ModalityFeature& feature) {
  const auto* values = std::get_if<ValuesFeature>(&feature);
  return values != nullptr && values->missing == MissingValue::kKeep;
}

SubjectScale subject_scale(const std::vector<affect::Stream>& streams) {
  SubjectScale scale;
  std::vector<int64_t> count;
  const auto for_each_value = [&](const auto& action) {
    for (const auto& stream : streams) {
      require(stream.values.defined() && stream.values.dim() == 2 && stream.values.is_floating_point(),
              ErrorCode::kData, "values: expected a (T, F) floating-point tensor");
      const at::Tensor values = stream.values.to(at::kFloat).contiguous();
      const at::Tensor valid_T = checked_valid(stream.valid_T, values.size(0), "values");
      const auto width = static_cast<size_t>(values.size(1));
      if (count.empty()) {
        count.assign(width, 0);
        scale.mean_F.assign(width, 0.0);
        scale.deviation_F.assign(width, 0.0);
      }
      require(width == count.size(), ErrorCode::kData, "values: streams of one subject differ in width");
      for (int64_t t = 0; t < values.size(0); ++t) {
        if (!valid_T.data_ptr<bool>()[t]) continue;
        const float* row = values.data_ptr<float>() + t * static_cast<int64_t>(width);
        for (size_t f = 0; f < width; ++f) {
          if (std::isfinite(row[f])) action(f, static_cast<double>(row[f]));
        }
      }
    }
  };
  for_each_value([&](size_t f, double v) {
    scale.mean_F[f] += v;
    ++count[f];
  });
  for (size_t f = 0; f < count.size(); ++f)
    scale.mean_F[f] /= static_cast<double>(std::max<int64_t>(count[f], 1));
  for_each_value(
      [&](size_t f, double v) { scale.deviation_F[f] += (v - scale.mean_F[f]) * (v - scale.mean_F[f]); });
  for (size_t f = 0; f < count.size(); ++f) {
    scale.deviation_F[f] =
        std::sqrt(scale.deviation_F[f] / static_cast<double>(std::max<int64_t>(count[f], 1)));
  }
  return scale;
}

affect::Stream values_stream(const affect::Stream& raw, const ValuesFeature& feature,
                             const SubjectScale* subject) {
  require(raw.values.defined() && raw.values.dim() == 2 && raw.values.is_floating_point(), ErrorCode::kData,
          "values: expected a (T, F) floating-point tensor");
  const int64_t num_frames = raw.values.size(0);
  const int64_t num_features = raw.values.size(1);
  affect::Stream stream = raw;
  stream.valid_T = checked_valid(raw.valid_T, num_frames, "values");
  stream.values = raw.values.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  auto* x = stream.values.data_ptr<float>();
  const auto* valid = stream.valid_T.data_ptr<bool>();
  const bool is_finite = all_finite(x, num_frames * num_features);
  for (int64_t t = 0; t < num_frames && !is_finite; ++t) {
    const float* row = x + t * num_features;
    const bool may_miss = feature.missing != MissingValue::kRefuse;
    require(
        !valid[t] || std::all_of(row, row + num_features,
                                 [&](float v) { return std::isfinite(v) || (may_miss && std::isnan(v)); }),
        ErrorCode::kData,
        "values: frame " + std::to_string(t) +
            " is marked valid but is not finite; expected false in valid_T, or `missing: mean`");
  }
  if (feature.normalise == Normalise::kSubject) {
    require(subject != nullptr && subject->mean_F.size() == static_cast<size_t>(num_features),
            ErrorCode::kInternal, "values: normalise subject without the subject's statistics");
    scale_by_subject(x, num_frames, num_features, valid, *subject);
  } else {
    normalise_frames(x, num_frames, num_features, valid, feature.normalise);
  }
  if (!is_finite || feature.clip > 0) {
    finish_values(x, num_frames * num_features, feature.missing == MissingValue::kKeep, feature.clip);
  }
  return stream;
}

}  // namespace limbic::features
