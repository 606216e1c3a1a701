#include "voice/subharmonics.h"

#include <algorithm>
#include <cmath>

#include "voice/sinc.h"

namespace limbic::signals {
namespace {

constexpr double kPointsPerOctave = 48;
constexpr double kShsPi = 3.14159265358979323846;

/// Two periods of the lowest voice, Hermes' 40 ms at least.
double shs_window_s(const PitchConfig& c) {
  return std::max(0.04, 2.0 / c.floor_hz);
}
int64_t shs_window_samples(const PitchConfig& c) {
  return static_cast<int64_t>(std::floor(shs_window_s(c) * 2.0 * c.shs_max_hz));
}

/// Correlation of the period before t and the one after it, in [0, 1].
double period_correlation(const SampleSpan& x, double t, double period_s) {
  const int64_t middle = x.before(t) + 1;
  const int64_t period = std::max<int64_t>(2, std::llround(period_s * x.rate_hz));
  double product = 0;
  double first = 0;
  double second = 0;
  for (int64_t i = middle - period; i < middle; ++i) {
    if (!x.holds(i) || !x.holds(i + period)) continue;
    const double a = x.at(i);
    const double b = x.at(i + period);
    product += a * b;
    first += a * a;
    second += b * b;
  }
  return first > 0 && second > 0 ? std::max(0.0, product / std::sqrt(first * second)) : 0.0;
}

}  // namespace

SubharmonicFrames::SubharmonicFrames(const PitchConfig& config)
    : config_(config),
      window_s_(shs_window_s(config)),
      low_rate_hz_(2.0 * config.shs_max_hz),
      window_samples_(shs_window_samples(config)),
      // Zeros behind the window put the spectrum's points at most 10 Hz apart at any floor.
      fft_(fast_fft_length(std::max<int64_t>(2 * window_samples_, 256))) {
  for (int64_t i = 0; i < window_samples_; ++i) {
    window_.push_back(0.54 - 0.46 * std::cos(2.0 * kShsPi * (static_cast<double>(i) + 0.5) /
                                             static_cast<double>(window_samples_)));
  }
  log2_low_ = std::log2(config.floor_hz);
  num_points_ =
      static_cast<int64_t>(std::floor(kPointsPerOctave * std::log2(config.shs_max_hz / config.floor_hz)));
  num_f0_points_ = std::min(
      num_points_,
      static_cast<int64_t>(std::ceil(kPointsPerOctave * std::log2(config.ceiling_hz / config.floor_hz))) + 1);
  for (int64_t i = 0; i < num_points_; ++i) {
    const double octaves = static_cast<double>(i) / kPointsPerOctave;
    sensitivity_.push_back(0.5 + std::atan(3.0 * octaves) / kShsPi);
  }
  double weight = 1;
  for (int64_t n = 1; n <= config.shs_harmonics; ++n, weight *= config.shs_compression) {
    harmonic_shift_.push_back(
        static_cast<int64_t>(std::llround(kPointsPerOctave * std::log2(static_cast<double>(n)))));
    harmonic_weight_.push_back(weight);
  }
}

void SubharmonicFrames::compute(const SampleSpan& low, const SampleSpan& full, const AudioLevel& level,
                                const double* times_s, int64_t num_frames, PitchFrame* frames) const {
  std::vector<Lanes> signal(static_cast<size_t>(fft_.length()));
  std::vector<Lanes> scratch(signal.size());
  std::vector<Lanes> power(static_cast<size_t>(fft_.num_bins()));
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const double t = times_s[lane];
    PitchFrame& frame = frames[lane];
    double peak = 0;
    for (int64_t i = full.before(t - 0.5 * window_s_); i <= full.after(t + 0.5 * window_s_); ++i) {
      if (full.holds(i)) peak = std::max(peak, std::abs(full.at(i) - level.mean));
    }
    frame.intensity = level.peak > 0 ? std::min(1.0, peak / level.peak) : 0;
    const int64_t start = low.before(t) + 1 - window_samples_ / 2;
    double sum = 0;
    for (int64_t j = 0; j < window_samples_; ++j) sum += low.holds(start + j) ? low.at(start + j) : 0;
    const double mean = sum / static_cast<double>(window_samples_);
    for (int64_t j = 0; j < window_samples_; ++j) {
      const double x = low.holds(start + j) ? low.at(start + j) - mean : 0.0;
      set_lane(signal[static_cast<size_t>(j)], lane, x * window_[static_cast<size_t>(j)]);
    }
  }
  fft_.power_spectrum(signal.data(), scratch.data(), power.data());
  std::vector<double> amplitude(power.size());
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    for (size_t k = 0; k < power.size(); ++k) amplitude[k] = std::sqrt(lane_of(power[k], lane));
    PitchFrame& frame = frames[lane];
    sum_of(amplitude, frame);
    for (PitchCandidate& c : frame.candidates)
      c.strength *= period_correlation(full, times_s[lane], 1.0 / c.hz);
  }
}

void SubharmonicFrames::sum_of(const std::vector<double>& amplitude, PitchFrame& frame) const {
  // Only the surroundings of maxima stay, smoothed: noise between harmonics does not count.
  const size_t n = amplitude.size();
  std::vector<char> is_near_peak(n, 0);
  for (size_t k = 1; k + 1 < n; ++k) {
    if (!(amplitude[k] > amplitude[k - 1] && amplitude[k] >= amplitude[k + 1])) continue;
    for (size_t j = k >= 2 ? k - 2 : 0; j <= std::min(n - 1, k + 2); ++j) is_near_peak[j] = 1;
  }
  std::vector<double> peaks(n, 0.0);
  for (size_t k = 0; k < n; ++k) peaks[k] = is_near_peak[k] != 0 ? amplitude[k] : 0.0;
  std::vector<double> smooth(n, 0.0);
  for (size_t k = 1; k + 1 < n; ++k) smooth[k] = 0.25 * peaks[k - 1] + 0.5 * peaks[k] + 0.25 * peaks[k + 1];

  std::vector<double> on_log(static_cast<size_t>(num_points_), 0.0);
  const double bins_per_hz = static_cast<double>(fft_.length()) / low_rate_hz_;
  double total = 0;
  for (size_t i = 0; i < on_log.size(); ++i) {
    const double at = std::exp2(log2_low_ + static_cast<double>(i) / kPointsPerOctave) * bins_per_hz;
    const auto k = static_cast<size_t>(at);
    if (k < 1 || k + 2 >= n) continue;
    // Cubic through four neighbours (Catmull-Rom).
    const double u = at - static_cast<double>(k);
    const double a = smooth[k - 1];
    const double b = smooth[k];
    const double c = smooth[k + 1];
    const double d = smooth[k + 2];
    const double cubic = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)));
    on_log[i] = std::max(0.0, cubic) * sensitivity_[i];
    total = std::max(total, on_log[i]);
  }
  if (!(total > 0)) return;

  std::vector<double> sum(static_cast<size_t>(num_f0_points_), 0.0);
  for (size_t h = 0; h < harmonic_shift_.size(); ++h) {
    const int64_t shift = harmonic_shift_[h];
    const int64_t last = std::min(num_f0_points_, num_points_ - shift);
    for (int64_t i = 0; i < last; ++i)
      sum[static_cast<size_t>(i)] += harmonic_weight_[h] * on_log[static_cast<size_t>(i + shift)];
  }
  double explained = 0;
  for (double s : sum) explained = std::max(explained, s);
  for (size_t i = 1; i + 1 < sum.size(); ++i) {
    if (!(sum[i] > sum[i - 1] && sum[i] >= sum[i + 1])) continue;
    const double offset = vertex_offset(sum[i - 1], sum[i], sum[i + 1]);
    const double value = sum[i] + 0.25 * offset * (sum[i + 1] - sum[i - 1]);
    frame.candidates.push_back(
        {std::exp2(log2_low_ + (static_cast<double>(i) + offset) / kPointsPerOctave), value / explained});
  }
  const auto room = static_cast<size_t>(std::max<int64_t>(0, config_.max_candidates - 1));
  if (frame.candidates.size() > room) {
    std::sort(frame.candidates.begin(), frame.candidates.end(),
              [](const PitchCandidate& a, const PitchCandidate& b) { return a.strength > b.strength; });
    frame.candidates.resize(room);
  }
}

}  // namespace limbic::signals
