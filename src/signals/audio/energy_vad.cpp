#include "limbic/signals/audio/energy_vad.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

constexpr size_t kFloorBlocks = 8;
constexpr double kSmoothing_s = 0.06;
/// Mean over minimum of the smoothed power of one band of white noise over 3 s, measured.
constexpr double kFloorBias = 2.0;
/// The peak of the excess is forgotten at this pace.
constexpr double kPeakDecay_s = 10;
/// Below this a band is digital silence; 1e-10 is -100 dB of full scale.
constexpr double kLeastBandPower = 1e-10;

LogMelConfig mel_config(const EnergyVadConfig& config) {
  LogMelConfig mel;
  mel.sample_rate_hz = config.sample_rate_hz;
  mel.window_samples = (config.sample_rate_hz * 25 + 500) / 1000;
  mel.hop_samples = std::max<int64_t>(1, (config.sample_rate_hz * 10 + 500) / 1000);
  mel.num_mels = config.num_bands;
  mel.low_hz = config.low_hz;
  mel.high_hz = config.high_hz;
  mel.window = WindowShape::kHamming;
  mel.preemphasis = 0;
  mel.log = MelLog::kNone;
  return mel;
}

EnergyVadConfig checked(const EnergyVadConfig& config) {
  config::ThrowingChecks checks("energy_vad");
  config.validate(checks);
  return config;
}

}  // namespace

void EnergyVadConfig::validate(config::Checks& checks) const {
  checks.expect(sample_rate_hz >= 4000 && sample_rate_hz <= 384000, "sample_rate_hz",
                "must be in [4000, 384000], got " + std::to_string(sample_rate_hz));
  checks.expect(num_bands >= 1 && num_bands <= 64, "num_bands", "must be in [1, 64]");
  checks.expect(low_hz >= 0 && low_hz < high_hz, "low_hz", "must be at least 0 and below high_hz");
  checks.expect(high_hz <= static_cast<double>(sample_rate_hz) / 2, "high_hz",
                "must be at most half the sample rate, got " + std::to_string(high_hz));
  checks.expect(floor_window_s >= 0.1 && floor_window_s <= 60, "floor_window_s", "must be in [0.1, 60]");
  checks.expect(std::isfinite(threshold_db) && threshold_db > 0, "threshold_db", "must be positive");
  checks.expect(relative_threshold >= 0 && relative_threshold < 1, "relative_threshold", "must be in [0, 1)");
  checks.expect(std::isfinite(slope_db) && slope_db > 0, "slope_db", "must be positive");
  checks.expect(hangover_s >= 0 && hangover_s <= 10, "hangover_s", "must be in [0, 10]");
  checks.expect(std::isfinite(min_level_db), "min_level_db", "must be finite");
}

EnergyVad::EnergyVad(const EnergyVadConfig& config) : config_(checked(config)), mel_(mel_config(config)) {
  reset();
}

void EnergyVad::reset() {
  pending_.clear();
  bands_.assign(static_cast<size_t>(config_.num_bands), Band{});
  for (Band& band : bands_) band.block_minima.assign(kFloorBlocks, std::numeric_limits<double>::infinity());
  num_frames_ = 0;
  hold_left_ = 0;
  held_score_ = 0;
  peak_db_ = 0;
}

double EnergyVad::frame_s() const {
  return static_cast<double>(mel_.config().hop_samples) / static_cast<double>(config_.sample_rate_hz);
}

double EnergyVad::first_frame_s() const {
  return mel_.first_frame_s() - frame_s() / 2;
}

void EnergyVad::accept(const float* samples, int64_t num_samples, std::vector<double>& scores) {
  const int64_t window = mel_.config().window_samples;
  const int64_t hop = mel_.config().hop_samples;
  // A second at a time bounds what is held, whatever the caller gives.
  for (int64_t done = 0; done < num_samples;) {
    const int64_t count = std::min(num_samples - done, config_.sample_rate_hz);
    for (int64_t i = done; i < done + count; ++i)
      pending_.push_back(std::isfinite(samples[i]) ? samples[i] : 0.0f);
    done += count;
    const auto held = static_cast<int64_t>(pending_.size());
    const int64_t num_frames = mel_.num_frames(held);
    if (num_frames == 0) continue;
    std::vector<float> power_TF;
    mel_.compute(pending_.data(), held, power_TF);
    for (int64_t t = 0; t < num_frames; ++t) {
      double sum = 0;
      for (int64_t i = t * hop; i < t * hop + window; ++i) {
        const double x = pending_[static_cast<size_t>(i)];
        sum += x * x;
      }
      const double level_db = 10 * std::log10(std::max(sum / static_cast<double>(window), 1e-20));
      scores.push_back(score_of(power_TF.data() + t * config_.num_bands, level_db));
    }
    pending_.erase(pending_.begin(), pending_.begin() + num_frames * hop);
  }
}

double EnergyVad::score_of(const float* bands, double level_db) {
  const auto block_frames = std::max<int64_t>(
      1, std::llround(config_.floor_window_s / frame_s() / static_cast<double>(kFloorBlocks)));
  const auto block = static_cast<size_t>(num_frames_ / block_frames) % kFloorBlocks;
  const bool is_new_block = num_frames_ % block_frames == 0;
  const double keep = num_frames_ == 0 ? 0.0 : std::exp(-frame_s() / kSmoothing_s);
  ++num_frames_;

  double excess_db = 0;
  for (size_t b = 0; b < bands_.size(); ++b) {
    Band& band = bands_[b];
    band.power = keep * band.power + (1 - keep) * std::max(static_cast<double>(bands[b]), kLeastBandPower);
    double& minimum = band.block_minima[block];
    minimum = is_new_block ? band.power : std::min(minimum, band.power);
    const double floor = kFloorBias * *std::min_element(band.block_minima.begin(), band.block_minima.end());
    excess_db += std::max(0.0, 10 * std::log10(band.power / floor));
  }
  excess_db /= static_cast<double>(bands_.size());

  // Beside a loud voice, murmurs far below it are not that voice.
  peak_db_ = std::max(excess_db, peak_db_ * std::exp(-frame_s() / kPeakDecay_s));
  const double threshold_db = std::max(config_.threshold_db, config_.relative_threshold * peak_db_);
  double score = 0;
  if (level_db >= config_.min_level_db) {
    score = 1 / (1 + std::exp((threshold_db - excess_db) / config_.slope_db));
  }
  if (score >= 0.5) {
    hold_left_ = std::llround(config_.hangover_s / frame_s());
    held_score_ = score;
  } else if (hold_left_ > 0) {
    --hold_left_;
    score = std::max(score, held_score_);
  }
  return score;
}

}  // namespace limbic::signals
