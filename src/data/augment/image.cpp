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

/// Colours away from grey by a factor, turned about grey in the YIQ plane (NTSC's matrices).
void turn_colours(uint8_t* images, int64_t num_images, int64_t num_pixels, double saturation,
                  double hue_rad) {
  const double c = saturation * std::cos(hue_rad);
  const double s = saturation * std::sin(hue_rad);
  for (int64_t n = 0; n < num_images; ++n) {
    uint8_t* r = images + 3 * n * num_pixels;
    uint8_t* g = r + num_pixels;
    uint8_t* b = g + num_pixels;
    for (int64_t i = 0; i < num_pixels; ++i) {
      const double red = r[i], green = g[i], blue = b[i];
      const double y = 0.299 * red + 0.587 * green + 0.114 * blue;
      const double in_phase = 0.5959 * red - 0.2746 * green - 0.3213 * blue;
      const double quadrature = 0.2115 * red - 0.5227 * green + 0.3112 * blue;
      const double turned_i = c * in_phase - s * quadrature;
      const double turned_q = s * in_phase + c * quadrature;
      r[i] = to_byte(y + 0.956 * turned_i + 0.619 * turned_q);
      g[i] = to_byte(y - 0.272 * turned_i - 0.647 * turned_q);
      b[i] = to_byte(y - 1.106 * turned_i + 1.703 * turned_q);
    }
  }
}

}  // namespace

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
  const double side = 1 - rng.uniform() * config.crop;
  const double crop_x = rng.uniform(-1, 1);
  const double crop_y = rng.uniform(-1, 1);
  const double saturation = 1 + rng.uniform(-1, 1) * config.saturation;
  const double hue_rad = rng.uniform(-1, 1) * config.hue_deg * M_PI / 180;

  const at::Tensor source = out.values.contiguous();
  out.values = at::empty(source.sizes(), source.options());
  const int64_t height = source.size(2);
  const int64_t width = source.size(3);
  const int64_t num_pixels = height * width;
  const int64_t num_planes = source.size(0) * source.size(1);
  if (side < 1) {
    // The window's middle comes to the image's, then everything grows to fill it.
    draw.scale /= side;
    draw.shift_x -= crop_x * (1 - side) / 2 * static_cast<double>(width - 1) / side;
    draw.shift_y -= crop_y * (1 - side) / 2 * static_cast<double>(height - 1) / side;
  }
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

  if (config.saturation > 0 || config.hue_deg > 0) {
    if (source.size(1) != 3) {
      throw Error(ErrorCode::kConfig, "augment." + stream.modality +
                                          ": saturation and hue_deg want RGB images; these have " +
                                          std::to_string(source.size(1)) + " channel(s)");
    }
    turn_colours(to, source.size(0), num_pixels, saturation, hue_rad);
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

}  // namespace limbic::data
