#include "limbic/signals/voice/intensity.h"

#include <cmath>
#include <string>

#include "dsp/bessel.h"
#include "dsp/constants.h"
#include "limbic/signals/table.h"
#include "voice/intensity_frames.h"
#include "voice/pitch_frames.h"

namespace limbic::signals {
namespace {

const IntensityConfig& checked_intensity(const IntensityConfig& config, double rate_hz) {
  check_voice_rate(rate_hz);
  config::ThrowingChecks checks("intensity");
  config.validate(checks);
  return config;
}

}  // namespace

void IntensityConfig::validate(config::Checks& checks) const {
  const auto got = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(floor_hz >= 10 && floor_hz <= 2000, "floor_hz", "must be in [10, 2000]" + got(floor_hz));
  checks.expect(hop_s == 0 || (hop_s >= 1e-4 && hop_s <= 10), "hop_s",
                "must be 0 (automatic) or in [0.0001, 10]" + got(hop_s));
}

IntensityFrames::IntensityFrames(const IntensityConfig& config, double rate_hz)
    : config_(checked_intensity(config, rate_hz)),
      rate_hz_(rate_hz),
      hop_s_(config.hop_s > 0 ? config.hop_s : 0.8 / config.floor_hz),
      window_s_(6.4 / config.floor_hz),
      half_(static_cast<int64_t>(std::floor(0.5 * window_s_ * rate_hz))) {
  const double steepness = 2.0 * kPi * kPi + 0.5;
  for (int64_t i = -half_; i <= half_; ++i) {
    const double u = static_cast<double>(i) / (0.5 * window_s_ * rate_hz);
    window_.push_back(bessel_i0(steepness * std::sqrt(std::max(0.0, 1.0 - u * u))));
    window_sum_ += window_.back();
  }
}

void IntensityFrames::compute(const SampleSpan& x, const FrameGrid& grid, int64_t first, int64_t last,
                              std::vector<double>& level_db) const {
  constexpr double kReference = 4e-10;  // (20 micropascal)^2
  for (int64_t k = first; k < last; ++k) {
    const int64_t middle = x.nearest(grid.time_of(k));
    const int64_t from = std::max(x.first, middle - half_);
    const int64_t to = std::min(x.last, middle + half_ + 1);
    const double* w = window_.data() + (from - middle + half_);
    double mean = 0;
    double weight = 0;
    if (to - from == 2 * half_ + 1) {
      weight = window_sum_;
    } else {
      for (int64_t i = from; i < to; ++i) weight += w[i - from];
    }
    if (config_.subtract_mean && to > from) {
      for (int64_t i = from; i < to; ++i) mean += x.at(i);
      mean /= static_cast<double>(to - from);
    }
    double energy = 0;
    for (int64_t i = from; i < to; ++i) energy += w[i - from] * (x.at(i) - mean) * (x.at(i) - mean);
    const double power = weight > 0 ? energy / weight : 0.0;
    level_db.push_back(power > 1e-30 ? 10.0 * std::log10(power / kReference) : kMissing);
  }
}

IntensityTrack intensity(const float* samples, int64_t num_samples, double rate_hz,
                         const IntensityConfig& config) {
  const IntensityFrames frames(config, rate_hz);
  const auto x = finite_samples(samples, num_samples);
  const SampleSpan span{x.data(), 0, static_cast<int64_t>(x.size()), rate_hz};
  const FrameGrid grid = frames.grid(num_samples);
  IntensityTrack track{grid.first_s, grid.hop_s, {}};
  frames.compute(span, grid, 0, grid.count, track.level_db);
  return track;
}

}  // namespace limbic::signals
