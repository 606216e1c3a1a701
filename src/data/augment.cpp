#include "limbic/data/augment.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "limbic/core/error.h"

namespace limbic::data {
namespace {

/// Where one output pixel comes from: four source offsets and their weights.
struct BilinearTap {
  std::array<int32_t, 4> offset{};
  std::array<float, 4> weight{};
};

/// Index inside [0, size), or -1 for a zero beyond the border.
int64_t inside(int64_t i, int64_t size, Padding padding) {
  if (i >= 0 && i < size) return i;
  if (padding == Padding::kZero) return -1;
  if (padding == Padding::kReplicate || size == 1) return std::clamp<int64_t>(i, 0, size - 1);
  const int64_t period = 2 * (size - 1);
  const int64_t r = ((i % period) + period) % period;
  return r < size ? r : period - r;
}

struct AffineDraw {
  bool flip = false;
  double shift_x = 0;
  double shift_y = 0;
  double angle_rad = 0;
  double scale = 1;
  bool is_identity() const { return !flip && shift_x == 0 && shift_y == 0 && angle_rad == 0 && scale == 1; }
};

/// Output pixel (x, y) of an image turned, scaled, mirrored about its centre and shifted comes from here.
std::vector<BilinearTap> affine_taps(int64_t height, int64_t width, const AffineDraw& draw, Padding padding) {
  std::vector<BilinearTap> taps(static_cast<size_t>(height * width));
  const double cx = static_cast<double>(width - 1) / 2;
  const double cy = static_cast<double>(height - 1) / 2;
  const double c = std::cos(draw.angle_rad) / draw.scale;
  const double s = std::sin(draw.angle_rad) / draw.scale;
  size_t tap_idx = 0;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, ++tap_idx) {
      const double dx = static_cast<double>(x) - cx - draw.shift_x;
      const double dy = static_cast<double>(y) - cy - draw.shift_y;
      const double turned_x = c * dx + s * dy;
      const double source_x = (draw.flip ? -turned_x : turned_x) + cx;
      const double source_y = -s * dx + c * dy + cy;
      const double floor_x = std::floor(source_x);
      const double floor_y = std::floor(source_y);
      const auto fx = static_cast<float>(source_x - floor_x);
      const auto fy = static_cast<float>(source_y - floor_y);
      BilinearTap& tap = taps[tap_idx];
      for (int64_t k = 0; k < 4; ++k) {
        const int64_t sx = inside(static_cast<int64_t>(floor_x) + (k & 1), width, padding);
        const int64_t sy = inside(static_cast<int64_t>(floor_y) + (k >> 1), height, padding);
        if (sx < 0 || sy < 0) continue;
        const auto i = static_cast<size_t>(k);
        tap.offset[i] = static_cast<int32_t>(sy * width + sx);
        tap.weight[i] = ((k & 1) != 0 ? fx : 1 - fx) * ((k >> 1) != 0 ? fy : 1 - fy);
      }
    }
  }
  return taps;
}

double mean_of_bytes(const uint8_t* values, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  return count > 0 ? static_cast<double>(sum) / static_cast<double>(count) : 0.0;
}

uint8_t to_byte(double value) {
  return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

affect::Stream augment_with(const affect::Stream& stream, const ImageAugment& config, core::Rng& rng,
                            int64_t max_frames) {
  if (stream.values.dim() != 4 || stream.values.scalar_type() != at::kByte) {
    throw Error(ErrorCode::kConfig,
                "augment." + stream.modality +
                    ": `image` wants (T, C, H, W) uint8 images; use spectrum or series for features");
  }
  affect::Stream out = random_crop(stream, max_frames, rng);
  // Every draw is made whatever the config: switching one change off leaves the others as they were.
  AffineDraw draw;
  draw.flip = rng.chance(config.flip);
  draw.shift_x = rng.uniform(-1, 1) * config.shift_px;
  draw.shift_y = rng.uniform(-1, 1) * config.shift_px;
  draw.angle_rad = rng.uniform(-1, 1) * config.rotate_deg * M_PI / 180;
  draw.scale = 1 + rng.uniform(-1, 1) * config.scale;
  const double brightness = rng.uniform(-1, 1) * config.brightness * 255;
  const double contrast = 1 + rng.uniform(-1, 1) * config.contrast;
  const bool erase = rng.chance(config.erase);
  const double erase_area = rng.uniform(config.erase_min, config.erase_max);
  const double erase_aspect = std::exp(rng.uniform(-1, 1) * std::log(config.erase_aspect));
  const double erase_x = rng.uniform();
  const double erase_y = rng.uniform();

  const at::Tensor source = out.values.contiguous();
  out.values = at::empty(source.sizes(), source.options());
  const int64_t height = source.size(2);
  const int64_t width = source.size(3);
  const int64_t num_pixels = height * width;
  const int64_t num_planes = source.size(0) * source.size(1);
  const auto* from = source.data_ptr<uint8_t>();
  auto* to = out.values.data_ptr<uint8_t>();
  const double mean = mean_of_bytes(from, source.numel());

  std::array<uint8_t, 256> tone{};
  for (int i = 0; i < 256; ++i)
    tone[static_cast<size_t>(i)] = to_byte((i - mean) * contrast + mean + brightness);

  if (draw.is_identity()) {
    for (int64_t i = 0; i < source.numel(); ++i) to[i] = tone[from[i]];
  } else {
    const auto taps = affine_taps(height, width, draw, config.padding);
    for (int64_t plane = 0; plane < num_planes; ++plane, from += num_pixels, to += num_pixels) {
      for (int64_t i = 0; i < num_pixels; ++i) {
        const BilinearTap& tap = taps[static_cast<size_t>(i)];
        float value = 0.5f;
        for (size_t k = 0; k < 4; ++k) value += tap.weight[k] * static_cast<float>(from[tap.offset[k]]);
        to[i] = tone[static_cast<size_t>(std::min(value, 255.0f))];
      }
    }
    to = out.values.data_ptr<uint8_t>();
  }

  if (erase) {
    const double area = erase_area * static_cast<double>(num_pixels);
    const auto h = std::clamp<int64_t>(std::lround(std::sqrt(area * erase_aspect)), 1, height);
    const auto w = std::clamp<int64_t>(std::lround(std::sqrt(area / erase_aspect)), 1, width);
    const auto top = static_cast<int64_t>(erase_y * static_cast<double>(height - h + 1));
    const auto left = static_cast<int64_t>(erase_x * static_cast<double>(width - w + 1));
    const uint8_t fill = config.erase_with_mean ? to_byte(mean_of_bytes(to, source.numel())) : uint8_t{0};
    for (int64_t plane = 0; plane < num_planes; ++plane) {
      for (int64_t y = top; y < top + h; ++y)
        std::fill_n(to + plane * num_pixels + y * width + left, w, fill);
    }
  }
  return out;
}

/// One axis of a resampled grid: two neighbours and the weight of the second.
struct LinearTap {
  int64_t first = 0;
  int64_t second = 0;
  float weight = 0;
};

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

affect::Stream augment_with(const affect::Stream& stream, const SeriesAugment& config, core::Rng& rng,
                            int64_t max_frames) {
  check_series(stream, SeriesAugment::kType);
  const auto factor = static_cast<float>(1 + rng.uniform(-1, 1) * config.scale);
  const auto offset = static_cast<float>(rng.normal() * config.offset);
  affect::Stream out = random_crop(stream, max_frames, rng);
  out.values = out.values.clone(at::MemoryFormat::Contiguous);
  auto* values = out.values.data_ptr<float>();
  for (int64_t i = 0; i < out.values.numel(); ++i) values[i] = values[i] * factor + offset;
  if (config.noise > 0) {
    for (int64_t i = 0; i < out.values.numel(); ++i)
      values[i] += static_cast<float>(config.noise * rng.normal());
  }
  return out;
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

}  // namespace

void ImageAugment::validate(config::Checks& checks) const {
  expect_share(checks, "flip", flip);
  expect_not_negative(checks, "shift_px", shift_px);
  checks.expect(rotate_deg >= 0 && rotate_deg <= 180, "rotate_deg",
                fmt::format("must be in [0, 180], got {}", rotate_deg));
  expect_below_one(checks, "scale", scale);
  expect_share(checks, "brightness", brightness);
  expect_share(checks, "contrast", contrast);
  expect_share(checks, "erase", erase);
  checks.expect(
      erase_min > 0 && erase_min <= erase_max && erase_max <= 1, "erase_min",
      fmt::format("0 < erase_min <= erase_max <= 1 must hold, got {} and {}", erase_min, erase_max));
  checks.expect(erase_aspect >= 1 && erase_aspect <= 10, "erase_aspect",
                fmt::format("must be in [1, 10], got {}", erase_aspect));
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

void SeriesAugment::validate(config::Checks& checks) const {
  expect_below_one(checks, "scale", scale);
  expect_not_negative(checks, "offset", offset);
  expect_not_negative(checks, "noise", noise);
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

affect::Stream augment(const affect::Stream& stream, const AugmentVariant& config, core::Rng& rng,
                       int64_t max_frames) {
  return std::visit([&](const auto& c) { return augment_with(stream, c, rng, max_frames); }, config);
}

}  // namespace limbic::data
