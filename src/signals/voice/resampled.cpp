#include "voice/resampled.h"

namespace limbic::signals {
namespace {

constexpr int64_t kPhases = 256;  ///< between two input samples; taps between phases are interpolated
constexpr double kSideSamples = 100;
constexpr double kResampledPi = 3.14159265358979323846;

}  // namespace

Resampled::Resampled(double in_rate_hz, double out_rate_hz) : in_rate_(in_rate_hz), out_rate_(out_rate_hz) {
  const double cut = std::min(1.0, out_rate_hz / in_rate_hz);  // in units of half the input rate
  const double side = kSideSamples / cut;
  half_ = static_cast<int64_t>(std::ceil(side)) + 1;
  reach_s_ = static_cast<double>(half_ + 1) / in_rate_hz;
  if (in_rate_hz == out_rate_hz) return;
  for (int64_t phase = 0; phase <= kPhases; ++phase) {
    const double fraction = static_cast<double>(phase) / static_cast<double>(kPhases);
    for (int64_t tap = 0; tap < 2 * half_; ++tap) {
      const double d = fraction + static_cast<double>(half_ - 1 - tap);  // from the tap to the output
      const double a = kResampledPi * cut * d;
      const double window = std::abs(d) < side ? 0.5 + 0.5 * std::cos(kResampledPi * d / side) : 0.0;
      table_.push_back(cut * window * (std::abs(a) < 1e-9 ? 1.0 : std::sin(a) / a));
    }
  }
}

int64_t Resampled::num_output(int64_t num_input) const {
  return static_cast<int64_t>(std::llround(static_cast<double>(num_input) * out_rate_ / in_rate_));
}

std::vector<double> Resampled::compute(const SampleSpan& x, int64_t first, int64_t last) const {
  std::vector<double> out(static_cast<size_t>(std::max<int64_t>(0, last - first)), 0.0);
  if (in_rate_ == out_rate_) {
    for (int64_t i = std::max(first, x.first); i < std::min(last, x.last); ++i)
      out[static_cast<size_t>(i - first)] = x.at(i);
    return out;
  }
  const int64_t row = 2 * half_;
  for (int64_t i = first; i < last; ++i) {
    const double at = (static_cast<double>(i) + 0.5) / out_rate_ * in_rate_ - 0.5;
    const double floor_at = std::floor(at);
    const double phase = (at - floor_at) * static_cast<double>(kPhases);
    const auto p = std::min(static_cast<int64_t>(phase), kPhases - 1);
    const double mix = phase - static_cast<double>(p);
    const double* low = table_.data() + p * row;
    const double* high = low + row;
    const int64_t start = static_cast<int64_t>(floor_at) - half_ + 1;
    const int64_t from = std::clamp<int64_t>(x.first - start, 0, row);
    const int64_t to = std::clamp<int64_t>(x.last - start, from, row);
    const double* in = x.data + (start - x.first);
    double sum_low[2] = {0, 0};
    double sum_high[2] = {0, 0};
    int64_t k = from;
    for (; k + 1 < to; k += 2) {
      for (int64_t j = 0; j < 2; ++j) {
        sum_low[j] += in[k + j] * low[k + j];
        sum_high[j] += in[k + j] * high[k + j];
      }
    }
    if (k < to) {
      sum_low[0] += in[k] * low[k];
      sum_high[0] += in[k] * high[k];
    }
    const double a = sum_low[0] + sum_low[1];
    const double b = sum_high[0] + sum_high[1];
    out[static_cast<size_t>(i - first)] = a + mix * (b - a);
  }
  return out;
}

}  // namespace limbic::signals
