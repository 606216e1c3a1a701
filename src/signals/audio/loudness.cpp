#include "limbic/signals/audio/loudness.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "dsp/constants.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

constexpr double kAbsoluteGateLufs = -70.0;

double lufs_of(double power) {
  return -0.691 + 10.0 * std::log10(std::max(power, 1e-12));
}

int64_t end_of_step(int64_t step, double sample_rate_hz) {
  return std::llround(static_cast<double>(step + 1) * 0.1 * sample_rate_hz);
}

}  // namespace

BiquadCascade k_weighting(double sample_rate_hz) {
  require(std::isfinite(sample_rate_hz) && sample_rate_hz >= 100, ErrorCode::kConfig,
          "loudness: sampling rate " + std::to_string(sample_rate_hz) + " Hz; expected at least 100");
  // Below 3.4 kHz the shelf lies above Nyquist; held below it, the filter stays stable.
  const double shelf_hz = std::min(1681.974450955533, 0.45 * sample_rate_hz);
  const double shelf_k = std::tan(kPi * shelf_hz / sample_rate_hz);
  const double shelf_q = 0.7071752369554196;
  const double high = std::pow(10.0, 3.999843853973347 / 20.0);
  const double middle = std::pow(high, 0.4996667741545416);
  const double shelf = 1.0 + shelf_k / shelf_q + shelf_k * shelf_k;
  const double pass_k = std::tan(kPi * std::min(38.13547087602444, 0.45 * sample_rate_hz) / sample_rate_hz);
  const double pass_q = 0.5003270373238773;
  const double pass = 1.0 + pass_k / pass_q + pass_k * pass_k;
  return {{(high + middle * shelf_k / shelf_q + shelf_k * shelf_k) / shelf,
           2.0 * (shelf_k * shelf_k - high) / shelf,
           (high - middle * shelf_k / shelf_q + shelf_k * shelf_k) / shelf,
           2.0 * (shelf_k * shelf_k - 1.0) / shelf, (1.0 - shelf_k / shelf_q + shelf_k * shelf_k) / shelf},
          {1.0, -2.0, 1.0, 2.0 * (pass_k * pass_k - 1.0) / pass,
           (1.0 - pass_k / pass_q + pass_k * pass_k) / pass}};
}

LoudnessMeter::LoudnessMeter(double sample_rate_hz, std::vector<double> channel_weights)
    : sample_rate_hz_(sample_rate_hz),
      channel_weights_(std::move(channel_weights)),
      sections_(k_weighting(sample_rate_hz)),
      state_(4 * channel_weights_.size(), 0.0),
      step_end_(end_of_step(0, sample_rate_hz)) {
  require(!channel_weights_.empty(), ErrorCode::kConfig,
          "loudness: no channel; expected one weight a channel");
}

void LoudnessMeter::push(const float* samples, int64_t num_frames) {
  const size_t channels = channel_weights_.size();
  for (int64_t i = 0; i < num_frames; ++i) {
    for (size_t c = 0; c < channels; ++c) {
      double x = static_cast<double>(*samples++);
      if (!std::isfinite(x)) x = 0;
      double* state = state_.data() + 4 * c;
      for (const Biquad& s : sections_) {
        const double y = s.b0 * x + state[0];
        state[0] = s.b1 * x - s.a1 * y + state[1];
        state[1] = s.b2 * x - s.a2 * y;
        state += 2;
        x = y;
      }
      step_sum_ += channel_weights_[c] * x * x;
    }
    if (++num_frames_ < step_end_) continue;
    step_power_.push_back(step_sum_ / static_cast<double>(step_end_ - step_start_));
    step_start_ = step_end_;
    step_end_ = end_of_step(num_steps(), sample_rate_hz_);
    step_sum_ = 0;
    // A decaying filter state would end in denormal numbers, which are slow.
    for (double& v : state_) {
      if (std::abs(v) < 1e-30) v = 0;
    }
  }
}

double LoudnessMeter::window_power(int64_t step, int64_t length) const {
  double sum = 0;
  for (int64_t s = step - length + 1; s <= step; ++s) sum += step_power_[static_cast<size_t>(s)];
  return sum / static_cast<double>(length);
}

double LoudnessMeter::window_lufs(int64_t step, int64_t length) const {
  if (step + 1 < length || step >= num_steps()) return kMissing;
  return lufs_of(window_power(step, length));
}

std::vector<double> LoudnessMeter::gated_powers(int64_t first, int64_t last, int64_t length,
                                                double relative_lu) const {
  first = std::max<int64_t>(first, 0);
  last = std::min(last, num_steps());
  std::vector<double> powers;
  for (int64_t step = first + length - 1; step < last; ++step) {
    const double power = window_power(step, length);
    if (lufs_of(power) > kAbsoluteGateLufs) powers.push_back(power);
  }
  const double gate = lufs_of(mean(powers)) + relative_lu;
  powers.erase(
      std::remove_if(powers.begin(), powers.end(), [gate](double p) { return !(lufs_of(p) > gate); }),
      powers.end());
  return powers;
}

double LoudnessMeter::integrated_lufs(int64_t first, int64_t last) const {
  const auto powers = gated_powers(first, last, 4, -10.0);
  return powers.empty() ? kMissing : lufs_of(mean(powers));
}

double LoudnessMeter::range_lu(int64_t first, int64_t last) const {
  auto loudness = gated_powers(first, last, 30, -20.0);
  if (loudness.empty()) return kMissing;
  for (double& v : loudness) v = lufs_of(v);
  std::sort(loudness.begin(), loudness.end());
  // The nearest rank, as in the reference code of Tech 3342.
  const auto ranked = [&](double share) {
    return loudness[static_cast<size_t>(std::llround(share * static_cast<double>(loudness.size() - 1)))];
  };
  return ranked(0.95) - ranked(0.10);
}

double level_db(const float* samples, int64_t num_samples) {
  if (num_samples <= 0) return kMissing;
  double sum = 0;
  for (int64_t i = 0; i < num_samples; ++i) {
    const auto x = static_cast<double>(samples[i]);
    sum += x * x;
  }
  const double power = sum / static_cast<double>(num_samples);
  return std::isfinite(power) ? 10.0 * std::log10(std::max(power, 1e-12)) : kMissing;
}

}  // namespace limbic::signals
