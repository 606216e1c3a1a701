#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "augment/changes.h"
#include "limbic/core/error.h"
#include "limbic/data/augment.h"

namespace limbic::data {
namespace {

/// Goes through normally distributed knots, evenly spaced from the first frame to the last, in cosine pieces.
class SlowCurve {
 public:
  SlowCurve(int64_t num_knots, double deviation, int64_t num_frames, core::Rng& rng)
      : step_(num_frames > 1 ? static_cast<double>(num_knots - 1) / static_cast<double>(num_frames - 1) : 0) {
    for (int64_t k = 0; k < num_knots; ++k) knots_.push_back(rng.normal() * deviation);
  }
  double at(int64_t frame) const {
    const double place = static_cast<double>(frame) * step_;
    const auto k = std::min(static_cast<size_t>(place), knots_.size() - 2);
    const double weight = 0.5 - 0.5 * std::cos(M_PI * (place - static_cast<double>(k)));
    return knots_[k] + weight * (knots_[k + 1] - knots_[k]);
  }

 private:
  double step_;
  std::vector<double> knots_;
};

/// Where each frame of a warped clip comes from: steps of 1 + curve (at least 0.1), first and last frame
/// fixed.
std::vector<double> warped_places(const SeriesAugment& config, int64_t num_frames, core::Rng& rng) {
  constexpr double kSlowest = 0.1;
  const SlowCurve curve(config.knots, config.time_warp, num_frames, rng);
  std::vector<double> places(static_cast<size_t>(num_frames), 0.0);
  for (int64_t t = 1; t < num_frames; ++t) {
    const double speed = std::max(kSlowest, 1 + 0.5 * (curve.at(t - 1) + curve.at(t)));
    places[static_cast<size_t>(t)] = places[static_cast<size_t>(t - 1)] + speed;
  }
  const double factor = num_frames > 1 ? static_cast<double>(num_frames - 1) / places.back() : 1.0;
  for (auto& place : places) place *= factor;
  return places;
}

void warp_time(affect::Stream& stream, const SeriesAugment& config, core::Rng& rng) {
  const int64_t num_frames = stream.values.size(0);
  const int64_t num_features = stream.values.size(1);
  const auto places = warped_places(config, num_frames, rng);
  const at::Tensor from = stream.values;
  const at::Tensor from_valid = stream.valid_T.contiguous();
  stream.values = at::empty_like(from);
  stream.valid_T = at::empty_like(from_valid);
  const auto* x = from.data_ptr<float>();
  auto* y = stream.values.data_ptr<float>();
  for (int64_t t = 0; t < num_frames; ++t) {
    const LinearTap tap = linear_tap(places[static_cast<size_t>(t)], num_frames);
    const float* a = x + tap.first * num_features;
    const float* b = x + tap.second * num_features;
    for (int64_t f = 0; f < num_features; ++f) y[t * num_features + f] = a[f] + tap.weight * (b[f] - a[f]);
    stream.valid_T.data_ptr<bool>()[t] = from_valid.data_ptr<bool>()[tap.first] &&
                                         (tap.weight == 0 || from_valid.data_ptr<bool>()[tap.second]);
  }
}

/// Rodrigues' formula about an axis that is uniform on the sphere.
std::array<double, 9> random_rotation(double most_rad, core::Rng& rng) {
  std::array<double, 3> u{};
  double norm = 0;
  for (auto& v : u) v = rng.normal();
  norm = std::sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
  for (auto& v : u) v = norm > 0 ? v / norm : 0;
  const double angle = rng.uniform(-1, 1) * most_rad;
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const double k = 1 - c;
  return {c + u[0] * u[0] * k,        u[0] * u[1] * k - u[2] * s, u[0] * u[2] * k + u[1] * s,
          u[1] * u[0] * k + u[2] * s, c + u[1] * u[1] * k,        u[1] * u[2] * k - u[0] * s,
          u[2] * u[0] * k - u[1] * s, u[2] * u[1] * k + u[0] * s, c + u[2] * u[2] * k};
}

void rotate(float* x, int64_t num_frames, int64_t num_features, int64_t first,
            const std::array<double, 9>& r) {
  for (int64_t t = 0; t < num_frames; ++t) {
    float* v = x + t * num_features + first;
    const std::array<double, 3> old{static_cast<double>(v[0]), static_cast<double>(v[1]),
                                    static_cast<double>(v[2])};
    for (size_t i = 0; i < 3; ++i)
      v[i] = static_cast<float>(r[3 * i] * old[0] + r[3 * i + 1] * old[1] + r[3 * i + 2] * old[2]);
  }
}

/// Multiplies by 1 + curve or adds the curve, each channel with its own.
template <class Action>
void bend(float* x, int64_t num_frames, int64_t num_features, const SeriesAugment& config, double deviation,
          core::Rng& rng, const Action& action) {
  for (int64_t f = 0; f < num_features; ++f) {
    const SlowCurve curve(config.knots, deviation, num_frames, rng);
    for (int64_t t = 0; t < num_frames; ++t) {
      float& v = x[t * num_features + f];
      v = static_cast<float>(action(static_cast<double>(v), curve.at(t)));
    }
  }
}

void drop_channels(float* x, int64_t num_frames, int64_t num_features, double probability, core::Rng& rng) {
  const int64_t survivor = rng.below(num_features);
  std::vector<bool> is_dropped;
  for (int64_t f = 0; f < num_features; ++f) is_dropped.push_back(rng.chance(probability));
  if (std::all_of(is_dropped.begin(), is_dropped.end(), [](bool d) { return d; }))
    is_dropped[static_cast<size_t>(survivor)] = false;
  for (int64_t f = 0; f < num_features; ++f) {
    if (!is_dropped[static_cast<size_t>(f)]) continue;
    for (int64_t t = 0; t < num_frames; ++t) x[t * num_features + f] = 0;
  }
}

void drop_frames(affect::Stream& stream, const SeriesAugment& config, core::Rng& rng) {
  const int64_t num_frames = stream.values.size(0);
  const int64_t num_features = stream.values.size(1);
  std::vector<bool> is_dropped(static_cast<size_t>(num_frames), false);
  for (int64_t i = 0; i < config.num_segments; ++i) {
    const int64_t length = std::min(1 + rng.below(config.segment_frames), num_frames);
    const int64_t first = rng.below(num_frames - length + 1);
    std::fill_n(is_dropped.begin() + first, length, true);
  }
  for (int64_t t = 0; t < num_frames; ++t) {
    if (rng.chance(config.frame_drop)) is_dropped[static_cast<size_t>(t)] = true;
  }
  stream.valid_T = stream.valid_T.clone(at::MemoryFormat::Contiguous);
  auto* valid = stream.valid_T.data_ptr<bool>();
  std::vector<int64_t> real;
  for (int64_t t = 0; t < num_frames; ++t) {
    if (valid[t]) real.push_back(t);
  }
  if (real.empty()) return;
  const int64_t survivor = real[static_cast<size_t>(rng.below(static_cast<int64_t>(real.size())))];
  if (std::all_of(real.begin(), real.end(), [&](int64_t t) { return is_dropped[static_cast<size_t>(t)]; }))
    is_dropped[static_cast<size_t>(survivor)] = false;
  for (int64_t t = 0; t < num_frames; ++t) {
    if (!is_dropped[static_cast<size_t>(t)]) continue;
    valid[t] = false;
    std::fill_n(stream.values.data_ptr<float>() + t * num_features, num_features, 0.0f);
  }
}

}  // namespace

affect::Stream augment_with(const affect::Stream& stream, const SeriesAugment& config, core::Rng& rng,
                            int64_t max_frames) {
  check_series(stream, SeriesAugment::kType);
  const auto factor = static_cast<float>(1 + rng.uniform(-1, 1) * config.scale);
  const auto offset = static_cast<float>(rng.normal() * config.offset);
  affect::Stream out = random_crop(stream, max_frames, rng);
  out.values = out.values.clone(at::MemoryFormat::Contiguous);
  const int64_t num_frames = out.values.size(0);
  const int64_t num_features = out.values.size(1);
  auto* values = out.values.data_ptr<float>();
  for (int64_t i = 0; i < out.values.numel(); ++i) values[i] = values[i] * factor + offset;
  if (config.noise > 0) {
    for (int64_t i = 0; i < out.values.numel(); ++i)
      values[i] += static_cast<float>(config.noise * rng.normal());
  }
  if (num_frames == 0 || num_features == 0) return out;

  // Each change has a generator of its own: switching one off leaves the others as they were.
  const uint64_t seed = rng.next();
  uint64_t change = 0;
  const auto own_rng = [&] { return core::Rng(seed, ++change); };
  core::Rng scale_rng = own_rng(), drift_rng = own_rng(), magnitude_rng = own_rng(), time_rng = own_rng(),
            rotate_rng = own_rng(), channel_rng = own_rng(), frame_rng = own_rng();
  if (config.time_warp > 0) {
    warp_time(out, config, time_rng);
    values = out.values.data_ptr<float>();
  }
  if (config.rotate_deg > 0 && !config.triads.empty()) {
    const auto rotation = random_rotation(config.rotate_deg * M_PI / 180, rotate_rng);
    for (const int64_t first : config.triads) {
      require(first + 3 <= num_features, ErrorCode::kConfig,
              fmt::format("augment.{}.triads: {} to {} do not exist; the series has {} channels",
                          stream.modality, first, first + 2, num_features));
      rotate(values, num_frames, num_features, first, rotation);
    }
  }
  if (config.channel_scale > 0) {
    for (int64_t f = 0; f < num_features; ++f) {
      const auto channel_factor = static_cast<float>(1 + config.channel_scale * scale_rng.normal());
      for (int64_t t = 0; t < num_frames; ++t) values[t * num_features + f] *= channel_factor;
    }
  }
  if (config.magnitude_warp > 0) {
    bend(values, num_frames, num_features, config, config.magnitude_warp, magnitude_rng,
         [](double v, double curve) { return v * (1 + curve); });
  }
  if (config.drift > 0) {
    bend(values, num_frames, num_features, config, config.drift, drift_rng,
         [](double v, double curve) { return v + curve; });
  }
  if (config.channel_drop > 0)
    drop_channels(values, num_frames, num_features, config.channel_drop, channel_rng);
  if (config.num_segments > 0 || config.frame_drop > 0) drop_frames(out, config, frame_rng);
  return out;
}

void SeriesAugment::validate(config::Checks& checks) const {
  expect_below_one(checks, "scale", scale);
  expect_not_negative(checks, "offset", offset);
  expect_not_negative(checks, "noise", noise);
  checks.expect(rotate_deg == 0 || !triads.empty(), "triads", "must name the channels that rotate_deg turns");
}

}  // namespace limbic::data
