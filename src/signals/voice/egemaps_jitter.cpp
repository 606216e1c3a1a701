#include "voice/egemaps_jitter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dsp/fft.h"
#include "voice/egemaps_frames.h"

namespace limbic::signals {
namespace {

constexpr double kSearchRange = 0.1;
constexpr double kMinCorrelation = 0.5;

double dot(const double* a, const double* b, int64_t n) {
  Lanes sum{};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    Lanes x;
    Lanes y;
    std::memcpy(&x, a + i, sizeof x);
    std::memcpy(&y, b + i, sizeof y);
    sum = sum + x * y;
  }
  double rest = 0;
  for (; i < n; ++i) rest += a[i] * b[i];
  return sum.low[0] + sum.low[1] + sum.high[0] + sum.high[1] + rest;
}

/// Peak to peak, without the first and the last sample.
double swing(const double* x, int64_t n) {
  const auto [low, high] = std::minmax_element(x + 1, x + std::max<int64_t>(n - 1, 2));
  return *high - *low;
}

}  // namespace

EgemapsJitter::EgemapsJitter(int64_t sample_rate_hz)
    : sample_rate_hz_(sample_rate_hz),
      frame_samples_(EgemapsGrid(kEgemapsPitchFrame_s, sample_rate_hz).frame_samples),
      step_samples_(
          static_cast<int64_t>(std::ceil(kEgemapsHop_s / (1.0 / static_cast<double>(sample_rate_hz))))) {}

void EgemapsJitter::load(int64_t from, int64_t count, const WavePiece& wave) {
  const auto n = static_cast<size_t>(count);
  x_.resize(n);
  sum_.resize(n + 1);
  sum2_.resize(n + 1);
  for (size_t i = 0; i < n; ++i) {
    x_[i] = static_cast<double>(wave.values[static_cast<size_t>(from - wave.begin) + i]);
    sum_[i + 1] = sum_[i] + x_[i];
    sum2_[i + 1] = sum2_[i] + x_[i] * x_[i];
  }
}

/// Normalised correlation of the `lag` samples from `start` with the `lag` after them, for lags low..high.
void EgemapsJitter::correlate(int64_t start, int64_t low, int64_t high) {
  correlation_.assign(static_cast<size_t>(high - low + 1), 0.0);
  const auto a = static_cast<size_t>(start);
  for (int64_t lag = low; lag <= high; ++lag) {
    const auto n = static_cast<double>(lag);
    const size_t b = a + static_cast<size_t>(lag);
    const size_t c = b + static_cast<size_t>(lag);
    const double first = sum_[b] - sum_[a];
    const double second = sum_[c] - sum_[b];
    const double power =
        (sum2_[b] - sum2_[a] - first * first / n) * (sum2_[c] - sum2_[b] - second * second / n);
    const double product = dot(x_.data() + a, x_.data() + b, lag) - first * second / n;
    // A flat stretch correlates with nothing: NaN is no peak.
    correlation_[static_cast<size_t>(lag - low)] =
        power > 0 ? product / std::sqrt(power) : std::numeric_limits<double>::quiet_NaN();
  }
}

// Note [Periods as openSMILE walks them]
// A frame reads from where the last one stopped: one step, or two periods if that is more, at most to the
// frame's end. It may walk beyond one step; then the next frame starts again at the last period that began
// within the step, so periods are seen by two frames. Voicing carries the last period and the last results.
EgemapsJitter::Result EgemapsJitter::next(float f0_hz, int64_t frame_start, const WavePiece& wave) {
  const int64_t step = step_samples_ + behind_;
  int64_t limit = behind_ + frame_samples_;
  if (frame_start - behind_ != position_) {  // steps that are no whole number of samples
    position_ = frame_start;
    limit = std::min(limit, frame_samples_);
  }
  if (!(f0_hz > 0)) {
    position_ += step;
    behind_ = 0;
    last_period_ = last_jitter_ = last_shimmer_ = 0;
    return {};
  }
  const double period = (1.0 / static_cast<double>(f0_hz)) * static_cast<double>(sample_rate_hz_);
  const auto expected = static_cast<int64_t>(std::llround(period));
  const auto low = static_cast<int64_t>(std::floor((1.0 - kSearchRange) * period));
  const auto high = static_cast<int64_t>(std::ceil((1.0 + kSearchRange) * period));
  int64_t count = std::min(std::max(step, 2 * high + 2), limit);
  position_ = std::max(position_, wave.begin);
  count = std::min(count, wave.end() - position_);
  load(position_, count, wave);

  int64_t start = 0;
  int64_t kept = 0;  // last period that began within the step
  double num_periods = 0;
  double num_pairs = 0;
  double sum_period = 0;
  double sum_change = 0;
  double sum_swing = 0;
  double sum_swing_change = 0;
  while (start < count - 2 * high - 1) {
    correlate(start, low, high);
    size_t best = 0;  // the first lag is never a peak
    for (size_t i = 1; i + 2 < correlation_.size(); ++i) {
      const bool is_peak = correlation_[i - 1] < correlation_[i] && correlation_[i] > correlation_[i + 1];
      if (is_peak && (best == 0 || correlation_[i] > correlation_[best])) best = i;
    }
    if (best == 0) {
      start += expected;
    } else {
      const int64_t found = low + static_cast<int64_t>(best);
      const double left = correlation_[best - 1];
      const double here = correlation_[best];
      const double right = correlation_[best + 1];
      const double offset = 0.5 * (left - right) / (left - 2.0 * here + right);
      if (here - 0.25 * (left - right) * offset > kMinCorrelation) {
        const double length = static_cast<double>(found) + offset;
        sum_period += length;
        num_periods += 1;
        if (last_period_ > 0) {
          sum_change += std::abs(last_period_ - length);
          num_pairs += 1;
        }
        last_period_ = length;
        const double first = swing(x_.data() + start, found);
        const double second = swing(x_.data() + start + found, found);
        sum_swing += 0.5 * (first + second);
        sum_swing_change += std::abs(first - second);
      }
      start += found;
    }
    if (start < step - 1) kept = start;
  }
  position_ += kept;
  behind_ = step - kept;

  if (num_pairs > 0) last_jitter_ = std::min(1.0, (sum_change / num_pairs) / (sum_period / num_periods));
  if (num_periods > 0) last_shimmer_ = sum_swing > 0 ? std::min(1.0, sum_swing_change / sum_swing) : 0.0;
  // A single period without one before has no jitter; a frame without any repeats the last one's.
  const double jitter = num_periods > 0 && num_pairs == 0 ? 0.0 : last_jitter_;
  return {static_cast<float>(jitter), static_cast<float>(20.0 * std::log10(1.0 + last_shimmer_))};
}

}  // namespace limbic::signals
