#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "heart/detectors.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/peaks.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// Pan & Tompkins' derivative, its taps 5 ms apart.
std::vector<double> qrs_slope(const std::vector<double>& x, double rate_hz) {
  const auto step = static_cast<ptrdiff_t>(std::max(1.0, std::round(rate_hz / 200)));
  const auto size = static_cast<ptrdiff_t>(x.size());
  std::vector<double> y(x.size(), 0.0);
  const auto at = [&](ptrdiff_t i) { return x[static_cast<size_t>(i)]; };
  for (ptrdiff_t i = 2 * step; i + 2 * step < size; ++i) {
    y[static_cast<size_t>(i)] =
        (2 * at(i + 2 * step) + at(i + step) - at(i - step) - 2 * at(i - 2 * step)) / 8;
  }
  return y;
}

/// The two running levels of Pan & Tompkins (1985) over the peaks of the integrated energy.
class QrsRule {
 public:
  QrsRule(const std::vector<double>& energy, const std::vector<double>& slope, double rate_hz)
      : energy_(energy), slope_(slope), rate_hz_(rate_hz) {}

  /// Samples (of the integrated energy) of QRS complexes.
  std::vector<int64_t> run(const std::vector<Peak>& peaks) {
    learn(0);
    for (size_t p = 0; p < peaks.size(); ++p) {
      const int64_t here = peaks[p].index;
      if (!beats_.empty() && static_cast<double>(here - beats_.back()) > kLostSeconds * rate_hz_ &&
          here - learned_at_ > static_cast<int64_t>(kLostSeconds * rate_hz_)) {
        learn(here);
      }
      search_back(peaks, p);
      if (peaks[p].height > signal_threshold() && !is_t_wave(here)) {
        accept(peaks[p], kSignalWeight);
      } else {
        noise_ += kSignalWeight * (std::min(peaks[p].height, signal_) - noise_);
      }
    }
    search_back(peaks, peaks.size());
    return beats_;
  }

 private:
  static constexpr double kSignalWeight = 0.125;
  static constexpr double kSearchBackWeight = 0.25;
  static constexpr double kRefractorySeconds = 0.2;
  static constexpr double kTWaveSeconds = 0.36;
  static constexpr double kLearnSeconds = 8;
  static constexpr double kLostSeconds = 4;
  /// One artefact must not raise the level above the beats that follow.
  static constexpr double kLargestStep = 3;

  /// Levels from the eight seconds that begin here: the median of each second's highest energy.
  void learn(int64_t from) {
    learned_at_ = from;
    const auto second = static_cast<int64_t>(std::ceil(rate_hz_));
    const auto size = static_cast<int64_t>(energy_.size());
    const int64_t end = std::min(size, from + static_cast<int64_t>(kLearnSeconds * rate_hz_));
    from = std::max<int64_t>(0, std::min(from, end - 2 * second));
    std::vector<double> highest;
    for (int64_t i = from; i < end; i += second) {
      highest.push_back(*std::max_element(energy_.begin() + i, energy_.begin() + std::min(end, i + second)));
    }
    signal_ = median(highest);
    noise_ = median(std::vector<double>(energy_.begin() + from, energy_.begin() + end));
  }

  double signal_threshold() const { return noise_ + 0.25 * (signal_ - noise_); }

  double steepest(int64_t around) const {
    const auto reach = static_cast<int64_t>(0.1 * rate_hz_);
    double best = 0;
    const int64_t end = std::min(static_cast<int64_t>(slope_.size()), around + reach + 1);
    for (int64_t i = std::max<int64_t>(0, around - reach); i < end; ++i) {
      best = std::max(best, std::abs(slope_[static_cast<size_t>(i)]));
    }
    return best;
  }

  bool is_t_wave(int64_t here) const {
    if (beats_.empty() || static_cast<double>(here - beats_.back()) > kTWaveSeconds * rate_hz_) return false;
    return steepest(here) < 0.5 * last_slope_;
  }

  double usual_interval() const {
    const size_t count = std::min<size_t>(8, beats_.size() - 1);
    return static_cast<double>(beats_.back() - beats_[beats_.size() - 1 - count]) /
           static_cast<double>(count);
  }

  /// A beat is overdue before peak `p`: the highest peak since the last beat passes at half the threshold.
  void search_back(const std::vector<Peak>& peaks, size_t p) {
    const auto end = p < peaks.size() ? peaks[p].index : static_cast<int64_t>(energy_.size());
    while (beats_.size() >= 3 && static_cast<double>(end - beats_.back()) > 1.66 * usual_interval()) {
      const Peak* best = nullptr;
      for (size_t q = p; q-- > 0 && peaks[q].index > beats_.back();) {
        const double away_s = static_cast<double>(peaks[q].index - beats_.back()) / rate_hz_;
        if (away_s < kRefractorySeconds || is_t_wave(peaks[q].index)) continue;
        if (best == nullptr || peaks[q].height > best->height) best = &peaks[q];
      }
      if (best == nullptr || best->height < 0.5 * signal_threshold()) return;
      accept(*best, kSearchBackWeight);
    }
  }

  void accept(const Peak& peak, double weight) {
    beats_.push_back(peak.index);
    last_slope_ = steepest(peak.index);
    signal_ += weight * (std::min(peak.height, kLargestStep * signal_) - signal_);
  }

  const std::vector<double>& energy_;
  const std::vector<double>& slope_;
  double rate_hz_;
  double signal_ = 0;
  double noise_ = 0;
  double last_slope_ = 0;
  int64_t learned_at_ = 0;
  std::vector<int64_t> beats_;
};

/// Sample of the largest value of sign * x within reach of `around`.
int64_t extreme_near(const std::vector<double>& x, int64_t around, int64_t reach, double sign) {
  const int64_t first = std::max<int64_t>(0, around - reach);
  const int64_t last = std::min(static_cast<int64_t>(x.size()), around + reach + 1);
  int64_t best = first;
  for (int64_t i = first; i < last; ++i) {
    if (sign * x[static_cast<size_t>(i)] > sign * x[static_cast<size_t>(best)]) best = i;
  }
  return best;
}

}  // namespace

WaveBeats detect_ecg(const std::vector<double>& x, double rate_hz, const BeatConfig& config, double& votes) {
  constexpr double kWaveLowHz = 5;
  constexpr double kWaveHighHz = 40;
  constexpr double kIntegrateSeconds = 0.12;
  constexpr double kReachSeconds = 0.1;
  const double high_hz = std::min(config.ecg_high_hz, 0.45 * rate_hz);
  const auto slope = qrs_slope(
      filter_both_ways(butterworth(2, Band::kBandPass, config.ecg_low_hz, high_hz, rate_hz), x), rate_hz);
  std::vector<double> energy(slope.size());
  std::transform(slope.begin(), slope.end(), energy.begin(), [](double v) { return v * v; });
  energy = moving_average(energy, std::max<int64_t>(1, std::llround(kIntegrateSeconds * rate_hz)));
  PeakRules rules;
  rules.min_distance = std::max<int64_t>(1, std::llround(std::min(0.2, config.min_ibi_s) * rate_hz));
  rules.min_height = std::numeric_limits<double>::min();
  const auto beats = QrsRule(energy, slope, rate_hz).run(find_peaks(energy, rules));

  WaveBeats out;
  out.wave = filter_both_ways(
      butterworth(2, Band::kBandPass, kWaveLowHz, std::min(kWaveHighHz, 0.45 * rate_hz), rate_hz), x);
  const auto reach = static_cast<int64_t>(std::llround(kReachSeconds * rate_hz));
  for (const int64_t beat : beats) {
    const double top = out.wave[static_cast<size_t>(extreme_near(out.wave, beat, reach, 1))];
    const double bottom = out.wave[static_cast<size_t>(extreme_near(out.wave, beat, reach, -1))];
    const double size = std::abs(top) + std::abs(bottom);
    if (size > 0) votes += (top + bottom) / size;
  }
  if (votes < 0) {
    for (double& v : out.wave) v = -v;
  }
  for (const int64_t beat : beats) {
    const double position = refine_peak(out.wave, extreme_near(out.wave, beat, reach, 1));
    if (out.position.empty() || position - out.position.back() >= config.min_ibi_s * rate_hz) {
      out.position.push_back(position);
    }
  }
  return out;
}

}  // namespace limbic::signals
