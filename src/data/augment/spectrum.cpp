#include "limbic/data/augment.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "augment/changes.h"
#include "limbic/core/error.h"

namespace limbic::data {
namespace {

/// Frames at another speed, bands moved and spread.
affect::Stream resample_spectrum(const affect::Stream& stream, double speed, double band_shift,
                                 double band_scale) {
  const int64_t num_frames = stream.values.size(0);
  const int64_t num_bands = stream.values.size(1);
  const auto num_out = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(num_frames) / speed));
  const double middle = static_cast<double>(num_bands - 1) / 2;
  std::vector<LinearTap> bands(static_cast<size_t>(num_bands));
  for (int64_t f = 0; f < num_bands; ++f) {
    bands[static_cast<size_t>(f)] =
        linear_tap((static_cast<double>(f) - middle) * band_scale + middle + band_shift, num_bands);
  }
  affect::Stream out = stream;
  out.values = at::empty({num_out, num_bands}, stream.values.options());
  out.valid_T = at::empty({num_out}, stream.valid_T.options());
  const at::Tensor source = stream.values.contiguous();
  const at::Tensor source_valid = stream.valid_T.contiguous();
  const auto* from = source.data_ptr<float>();
  const auto* from_valid = source_valid.data_ptr<bool>();
  auto* to = out.values.data_ptr<float>();
  auto* to_valid = out.valid_T.data_ptr<bool>();
  std::vector<float> row(static_cast<size_t>(num_bands));
  for (int64_t t = 0; t < num_out; ++t) {
    const LinearTap time = linear_tap(static_cast<double>(t) * speed, num_frames);
    const float* a = from + time.first * num_bands;
    const float* b = from + time.second * num_bands;
    for (int64_t f = 0; f < num_bands; ++f) row[static_cast<size_t>(f)] = a[f] + time.weight * (b[f] - a[f]);
    for (int64_t f = 0; f < num_bands; ++f) {
      const LinearTap& band = bands[static_cast<size_t>(f)];
      const float low = row[static_cast<size_t>(band.first)];
      to[t * num_bands + f] = low + band.weight * (row[static_cast<size_t>(band.second)] - low);
    }
    to_valid[t] = from_valid[time.first] && (time.weight == 0 || from_valid[time.second]);
  }
  return out;
}

}  // namespace

affect::Stream augment_with(const affect::Stream& stream, const SpectrumAugment& config, core::Rng& rng,
                            int64_t max_frames) {
  check_series(stream, SpectrumAugment::kType);
  const double speed = 1 + rng.uniform(-1, 1) * config.stretch;
  const double band_scale = 1 + rng.uniform(-1, 1) * config.band_scale;
  const double band_shift = rng.uniform(-1, 1) * config.band_shift;
  const auto gain = static_cast<float>(rng.normal() * config.gain);
  const double noise = rng.uniform() * config.noise;
  affect::Stream out = stream;
  const bool is_resampled = speed != 1 || band_scale != 1 || band_shift != 0;
  if (is_resampled && stream.values.numel() > 0)
    out = resample_spectrum(stream, speed, band_shift, band_scale);
  out = random_crop(out, max_frames, rng);
  if (out.values.is_alias_of(stream.values) || !out.values.is_contiguous()) {
    out.values = out.values.clone(at::MemoryFormat::Contiguous);
  }

  const int64_t num_frames = out.values.size(0);
  const int64_t num_bands = out.values.size(1);
  if (num_frames == 0) return out;
  auto* values = out.values.data_ptr<float>();
  if (gain != 0) {
    for (int64_t i = 0; i < out.values.numel(); ++i) values[i] += gain;
  }
  if (noise > 0) {
    for (int64_t i = 0; i < out.values.numel(); ++i) values[i] += static_cast<float>(noise * rng.normal());
  }
  if (config.num_time_masks == 0 && config.num_band_masks == 0) return out;

  std::vector<float> mean(static_cast<size_t>(num_bands), 0.0f);
  for (int64_t f = 0; f < num_bands; ++f) {
    double sum = 0;
    for (int64_t t = 0; t < num_frames; ++t) sum += static_cast<double>(values[t * num_bands + f]);
    mean[static_cast<size_t>(f)] = static_cast<float>(sum / static_cast<double>(num_frames));
  }
  const auto erase = [&](int64_t t0, int64_t t1, int64_t f0, int64_t f1) {
    for (int64_t t = t0; t < t1; ++t) {
      for (int64_t f = f0; f < f1; ++f) values[t * num_bands + f] = mean[static_cast<size_t>(f)];
    }
  };
  for (int64_t i = 0; i < config.num_time_masks; ++i) {
    const int64_t length = std::min(rng.below(config.time_mask_frames), num_frames - 1);
    const int64_t first = rng.below(num_frames - length + 1);
    erase(first, first + length, 0, num_bands);
  }
  for (int64_t i = 0; i < config.num_band_masks; ++i) {
    const int64_t width = std::min(rng.below(config.band_mask_bands), num_bands - 1);
    const int64_t first = rng.below(num_bands - width + 1);
    erase(0, num_frames, first, first + width);
  }
  return out;
}

void SpectrumAugment::validate(config::Checks& checks) const {
  expect_below_one(checks, "stretch", stretch);
  expect_not_negative(checks, "band_shift", band_shift);
  expect_below_one(checks, "band_scale", band_scale);
  expect_not_negative(checks, "gain", gain);
  expect_not_negative(checks, "noise", noise);
  checks.expect(num_time_masks >= 0 && num_time_masks <= 100, "num_time_masks",
                fmt::format("must be in [0, 100], got {}", num_time_masks));
  checks.expect(num_band_masks >= 0 && num_band_masks <= 100, "num_band_masks",
                fmt::format("must be in [0, 100], got {}", num_band_masks));
  checks.expect(time_mask_frames >= 1, "time_mask_frames",
                fmt::format("must be positive, got {}", time_mask_frames));
  checks.expect(band_mask_bands >= 1, "band_mask_bands",
                fmt::format("must be positive, got {}", band_mask_bands));
}

}  // namespace limbic::data
