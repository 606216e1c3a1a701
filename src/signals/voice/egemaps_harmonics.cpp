#include "voice/egemaps_harmonics.h"

#include <algorithm>
#include <cmath>

#include "dsp/constants.h"
#include "dsp/fft.h"

namespace limbic::signals {
namespace {

constexpr float kLowestLevel = -200.0f;
constexpr double kMaxRatio = 1e11;
constexpr double kMinRatio = 1e-9;

float limited(float level_db) {
  return std::clamp(level_db, kEgemapsNoLevel, -kEgemapsNoLevel);
}

/// |autocorrelation| at single lags from a power spectrum, four neighbouring lags in one pass (Clenshaw's
/// recurrence for the cosine series), each computed when it is asked for.
class LazyCorrelation {
 public:
  LazyCorrelation(const float* magnitude, int64_t num_bins)
      : num_bins_(num_bins), power_(static_cast<size_t>(num_bins)) {
    for (size_t i = 0; i < power_.size(); ++i) {
      power_[i] = static_cast<double>(magnitude[i]) * static_cast<double>(magnitude[i]);
    }
    power_.front() *= 0.5;
    power_.back() *= 0.5;
    value_.assign((power_.size() + kLanes - 1) / kLanes * kLanes, -1.0f);
  }

  float at(int64_t lag) {
    const auto i = static_cast<size_t>(lag);
    if (value_[i] < 0) compute(i / kLanes * kLanes);
    return value_[i];
  }
  bool is_peak(int64_t lag) {
    if (lag < 0 || lag >= num_bins_) return false;
    return (lag == 0 || at(lag) > at(lag - 1)) && (lag + 1 == num_bins_ || at(lag) > at(lag + 1));
  }
  /// The peak nearest to `lag`; of two equally near ones the earlier.
  int64_t nearest_peak(int64_t lag) {
    if (is_peak(lag)) return lag;
    for (int64_t away = 1; lag - away > 0 || lag + away < num_bins_ - 1; ++away) {
      if (lag - away > 0 && is_peak(lag - away)) return lag - away;
      if (lag + away < num_bins_ - 1 && is_peak(lag + away)) return lag + away;
    }
    const bool first_higher = at(0) > at(lag);
    const bool last_higher = at(num_bins_ - 1) > at(lag);
    if (first_higher && (!last_higher || lag < num_bins_ / 2)) return 0;
    return last_higher ? num_bins_ - 1 : lag;
  }

 private:
  void compute(size_t first) {
    Lanes twice_cosine;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double angle = kPi * static_cast<double>(first + lane) / static_cast<double>(num_bins_ - 1);
      set_lane(twice_cosine, static_cast<int64_t>(lane), 2.0 * std::cos(angle));
    }
    Lanes b1{};
    Lanes b2{};
    for (size_t k = power_.size() - 1; k > 0; --k) {
      const Lanes::Pair p = {power_[k], power_[k]};
      const Lanes b0 = Lanes{p, p} + twice_cosine * b1 - b2;
      b2 = b1;
      b1 = b0;
    }
    const Lanes::Pair p = {power_[0], power_[0]};
    const Lanes sum = Lanes{p, p} + 0.5 * (twice_cosine * b1) - b2;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      value_[first + lane] = static_cast<float>(std::abs(lane_of(sum, static_cast<int64_t>(lane))));
    }
  }

  int64_t num_bins_;
  std::vector<double> power_;
  std::vector<float> value_;  ///< negative = not computed
};

}  // namespace

/// The bin nearest to a frequency, not before `from`; 0 above the last bin.
int64_t EgemapsHarmonics::bin_of(float hz, int64_t from) const {
  const auto frequency = static_cast<double>(hz);
  auto above = std::max(from, static_cast<int64_t>(frequency / grid_.bin_hz));
  while (above < grid_.num_bins && grid_.hz(above) <= frequency) ++above;
  if (above >= grid_.num_bins) return 0;
  return above > 0 && grid_.hz(above) - frequency > frequency - grid_.hz(above - 1) ? above - 1 : above;
}

bool EgemapsHarmonics::is_peak(const float* magnitude, int64_t bin) const {
  if (bin < 0 || bin >= grid_.num_bins) return false;
  return (bin == 0 || magnitude[bin] > magnitude[bin - 1]) &&
         (bin + 1 == grid_.num_bins || magnitude[bin] > magnitude[bin + 1]);
}

EgemapsHarmonics::Harmonics EgemapsHarmonics::find(float f0_hz, const float* magnitude) const {
  Harmonics out;
  std::array<float, kHarmonics> height{};  // of the parabola
  int64_t last = bin_of(0.5f * f0_hz, 1);
  const int64_t first = last;
  for (int h = 0; h < kHarmonics; ++h) {
    const auto i = static_cast<size_t>(h);
    const int64_t expected = bin_of(static_cast<float>(h + 1) * f0_hz, last);
    int64_t peak = -1;
    if (is_peak(magnitude, expected)) {
      peak = expected;
    } else {
      // The nearest one within half of F0, above before below.
      const int64_t low = bin_of((static_cast<float>(h) + 0.5f) * f0_hz, last);
      const int64_t high = bin_of((static_cast<float>(h) + 1.5f) * f0_hz, expected);
      int64_t left = expected - 1;
      int64_t right = expected + 1;
      for (; peak < 0 && (left >= low || right <= high); --left, ++right) {
        if (right <= high && is_peak(magnitude, right)) {
          peak = right;
        } else if (left >= low && is_peak(magnitude, left)) {
          peak = left;
        }
      }
    }
    last = expected;
    out[i].bin = expected;
    if (peak < first || peak >= grid_.num_bins - 1) continue;
    const auto left = static_cast<double>(magnitude[peak - 1]);
    const auto here = static_cast<double>(magnitude[peak]);
    const auto right = static_cast<double>(magnitude[peak + 1]);
    const double offset = 0.5 * (left - right) / (left - 2.0 * here + right);
    out[i].bin = peak;
    out[i].frequency_hz = static_cast<float>(grid_.hz(peak) + offset * grid_.bin_hz);
    out[i].magnitude = magnitude[peak];
    height[i] = static_cast<float>(here - 0.25 * (left - right) * offset);
  }

  const float reference = out[0].magnitude;
  for (size_t i = 1; i < out.size(); ++i) {
    if (reference > 0) {
      out[i].level_db =
          height[i] > 0 ? std::max(kLowestLevel,
                                   static_cast<float>(20.0 * (std::log10(height[i]) - std::log10(reference))))
                        : kLowestLevel;
    } else {
      out[i].level_db = kEgemapsNoLevel;
    }
    if (out[i].bin == out[i - 1].bin) out[i] = {0, 0, 0, kEgemapsNoLevel};  // one peak for two harmonics
  }
  return out;
}

float EgemapsHarmonics::hnr_db(float f0_hz, const float* magnitude) const {
  const double rate_hz = 2.0 * grid_.hz(grid_.num_bins - 1);
  const auto lag = static_cast<int64_t>(std::floor(rate_hz / static_cast<double>(f0_hz)));
  if (lag <= 0) return 0;
  LazyCorrelation correlation(magnitude, grid_.num_bins);
  const int64_t peak = correlation.nearest_peak(lag);
  if (peak <= 0) return 0;
  const auto periodic = static_cast<double>(correlation.at(peak));
  const auto noise = static_cast<double>(correlation.at(0) - correlation.at(peak));
  const double ratio = noise == 0 ? kMaxRatio : std::clamp(periodic / noise, kMinRatio, kMaxRatio);
  return static_cast<float>(10.0 * std::log10(ratio));
}

EgemapsHarmonics::Result EgemapsHarmonics::measure(float f0_hz, const float* magnitude,
                                                   const EgemapsFormantFrame& formants) const {
  Result out;
  out.hnr_db = hnr_db(f0_hz, magnitude);
  const Harmonics harmonics = find(f0_hz, magnitude);
  // Note [H1 is the second harmonic]: harmonic 0 is F0 itself in openSMILE, so what eGeMAPS calls H1 and H2
  // lie at 2 F0 and 3 F0.
  const float h1 = harmonics[1].level_db;
  out.h1_h2_db = limited(h1 - harmonics[2].level_db);
  out.h1_a3_db = limited(h1 + kEgemapsNoLevel);
  for (size_t f = 0; f < kEgemapsFormants; ++f) {
    const float low = 0.8f * formants.frequency_hz[f];
    const float high = 1.2f * formants.frequency_hz[f];
    float strongest = 0;
    for (const Harmonic& h : harmonics) {
      if (h.frequency_hz < low || h.frequency_hz > high || h.magnitude <= strongest) continue;
      strongest = h.magnitude;
      out.formant_db[f] = h.level_db;
      if (f == 2) out.h1_a3_db = limited(h1 - h.level_db);
    }
  }
  return out;
}

}  // namespace limbic::signals
