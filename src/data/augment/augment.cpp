#include "limbic/data/augment.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "augment/changes.h"
#include "limbic/core/error.h"

namespace limbic::data {

LinearTap linear_tap(double position, int64_t size) {
  const double clamped = std::clamp(position, 0.0, static_cast<double>(size - 1));
  const auto first = static_cast<int64_t>(clamped);
  return {first, std::min(first + 1, size - 1), static_cast<float>(clamped - static_cast<double>(first))};
}

void check_series(const affect::Stream& stream, const char* type) {
  if (stream.values.dim() != 2 || stream.values.scalar_type() != at::kFloat) {
    throw Error(ErrorCode::kConfig,
                fmt::format("augment.{}: `{}` wants (T, F) float32 features; use image for images",
                            stream.modality, type));
  }
}

void expect_share(config::Checks& checks, const char* field, double value) {
  checks.expect(value >= 0 && value <= 1, field, fmt::format("must be in [0, 1], got {}", value));
}

void expect_below_one(config::Checks& checks, const char* field, double value) {
  checks.expect(value >= 0 && value < 1, field, fmt::format("must be in [0, 1), got {}", value));
}

void expect_not_negative(config::Checks& checks, const char* field, double value) {
  checks.expect(std::isfinite(value) && value >= 0, field,
                fmt::format("must not be negative, got {}", value));
}

affect::Stream slice_frames(const affect::Stream& stream, int64_t first, int64_t num_frames) {
  affect::Stream out = stream;
  out.values = stream.values.narrow(0, first, num_frames);
  out.valid_T = stream.valid_T.narrow(0, first, num_frames);
  if (stream.rate_hz > 0) {
    out.t0 = stream.t0 + core::Timestamp::from_seconds(static_cast<double>(first) / stream.rate_hz);
  }
  return out;
}

affect::Stream random_crop(const affect::Stream& stream, int64_t max_frames, core::Rng& rng) {
  const int64_t num_frames = stream.values.size(0);
  if (max_frames <= 0 || num_frames <= max_frames) return stream;
  return slice_frames(stream, rng.below(num_frames - max_frames + 1), max_frames);
}

affect::Stream augment_with(const affect::Stream& stream, const ChainAugment& config, core::Rng& rng,
                            int64_t max_frames) {
  affect::Stream out = stream;
  for (const auto& step : config.steps) {
    const bool is_raw =
        std::holds_alternative<WaveAugment>(step) || std::holds_alternative<TextAugment>(step);
    if (is_raw) continue;
    out = std::visit([&](const auto& c) { return augment_with(out, c, rng, max_frames); }, step);
    max_frames = 0;  // the first has cropped
  }
  return max_frames > 0 ? random_crop(out, max_frames, rng) : out;
}

affect::Stream augment(const affect::Stream& stream, const AugmentVariant& config, core::Rng& rng,
                       int64_t max_frames) {
  return std::visit([&](const auto& c) { return augment_with(stream, c, rng, max_frames); }, config);
}

}  // namespace limbic::data
