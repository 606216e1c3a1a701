#include "limbic/signals/audio/spectral_shape.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace limbic::signals {
namespace {

/// Levels in dB stop here, so that digital silence is a number.
constexpr double kLeastPower = 1e-12;

std::string number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool is_increasing(const std::vector<double>& x) {
  return std::adjacent_find(x.begin(), x.end(), [](double a, double b) { return !(a < b); }) == x.end();
}

}  // namespace

void SpectralShapeConfig::validate(config::Checks& checks) const {
  const double nyquist_hz = 0.5 * static_cast<double>(sample_rate_hz);
  checks.expect(sample_rate_hz > 0, "sample_rate_hz",
                "must be positive, got " + std::to_string(sample_rate_hz));
  checks.expect(fft_samples >= 8 && fft_samples % 2 == 0, "fft_samples",
                "must be even and at least 8, got " + std::to_string(fft_samples));
  checks.expect(low_hz >= 0 && low_hz < nyquist_hz, "low_hz",
                "must be in [0, half the sample rate), got " + number(low_hz));
  checks.expect(high_hz == 0 || (high_hz > low_hz && high_hz <= nyquist_hz), "high_hz",
                "must be 0 or above low_hz and at most half the sample rate, got " + number(high_hz));
  for (const double p : rolloff_percent)
    checks.expect(p > 0 && p < 100, "rolloff_percent", "must be in (0, 100), got " + number(p));
  checks.expect(band_edges_hz.empty() ||
                    (band_edges_hz.size() >= 2 && band_edges_hz.front() >= 0 && is_increasing(band_edges_hz)),
                "band_edges_hz", "must be two or more increasing frequencies, or none");
  checks.expect(contrast_low_hz > 0 && std::isfinite(contrast_low_hz), "contrast_low_hz",
                "must be positive, got " + number(contrast_low_hz));
  checks.expect(contrast_octaves >= -1 && contrast_octaves <= 20, "contrast_octaves",
                "must be in [-1, 20], got " + std::to_string(contrast_octaves));
}

SpectralShape::SpectralShape(const SpectralShapeConfig& config, const std::vector<double>& window)
    : config_(config) {
  config::ThrowingChecks checks("spectral_shape");
  config_.validate(checks);
  const auto rate = static_cast<double>(config.sample_rate_hz);
  const auto length = static_cast<double>(config.fft_samples);
  const auto num_bins = static_cast<size_t>(config.fft_samples / 2 + 1);
  for (size_t k = 0; k < num_bins; ++k) frequency_hz_.push_back(rate * static_cast<double>(k) / length);
  const double high_hz = config.high_hz > 0 ? config.high_hz : 0.5 * rate;
  const auto bin_from = [&](double hz) {
    return static_cast<size_t>(std::lower_bound(frequency_hz_.begin(), frequency_hz_.end(), hz) -
                               frequency_hz_.begin());
  };
  const auto bin_after = [&](double hz) {
    return static_cast<size_t>(std::upper_bound(frequency_hz_.begin(), frequency_hz_.end(), hz) -
                               frequency_hz_.begin());
  };
  first_ = bin_from(config.low_hz);
  last_ = bin_after(high_hz);
  checks.expect(last_ >= first_ + 2, "high_hz", "fewer than two bins lie between low_hz and high_hz");
  const double window_energy = std::inner_product(window.begin(), window.end(), window.begin(), 0.0);
  level_scale_ = 2.0 / (length * window_energy);

  columns_ = {{"spectral_centroid", "Hz", "centre of gravity"},
              {"spectral_spread", "Hz", "standard deviation around the centroid"},
              {"spectral_skewness", "1", "third standard moment over frequency"},
              {"spectral_kurtosis", "1", "fourth standard moment over frequency, 3 = Gaussian"},
              {"spectral_entropy", "1", "normalised to [0, 1]"},
              {"spectral_flatness", "1", "geometric over arithmetic mean of the power"},
              {"spectral_crest", "1", "highest over mean"},
              {"spectral_slope", "1/Hz", "linear regression over frequency, of the normalised spectrum"},
              {"spectral_decrease", "1", "mean fall from the lowest bin, weighted to low frequencies"},
              {"spectral_flux", "1", "distance from the frame before, both of length 1"}};
  for (const double p : config.rolloff_percent)
    columns_.push_back(
        {"spectral_rolloff_" + number(p), "Hz", number(p) + " % of the spectrum lie at or below it"});
  for (size_t b = 0; b + 1 < config.band_edges_hz.size(); ++b) {
    const double from = config.band_edges_hz[b];
    const double to = config.band_edges_hz[b + 1];
    columns_.push_back({"spectral_level_" + number(from) + "_" + number(to), "dB",
                        "mean square between these frequencies (Hz), of full scale"});
    // The last band of the spectrum includes Nyquist.
    bands_.emplace_back(bin_from(from), to >= 0.5 * rate ? num_bins : bin_from(to));
  }
  // As librosa: a band takes the bin below its own lowest and, but for the highest, gives up its highest.
  for (int64_t octave = 0; octave <= config.contrast_octaves; ++octave) {
    columns_.push_back(
        {"spectral_contrast_" + std::to_string(octave), "dB", "peaks over valleys in an octave band"});
    const double from =
        octave == 0 ? 0.0 : config.contrast_low_hz * std::pow(2.0, static_cast<double>(octave - 1));
    size_t begin = bin_from(from);
    size_t end = bin_after(config.contrast_low_hz * std::pow(2.0, static_cast<double>(octave)));
    if (from >= 0.5 * rate || begin >= end) {
      octaves_.emplace_back(0, 0);
      octave_tails_.push_back(0);
      continue;
    }
    if (octave > 0 && begin > 0) --begin;
    const bool is_highest = octave == config.contrast_octaves;
    if (is_highest) end = num_bins;
    const double tail = std::nearbyint(0.02 * static_cast<double>(end - begin));
    octaves_.emplace_back(begin, is_highest ? end : end - 1);
    octave_tails_.push_back(std::max<size_t>(1, static_cast<size_t>(tail)));
  }
}

void SpectralShape::moments(const std::vector<double>& a, double* out) const {
  const double* f = frequency_hz_.data() + first_;
  const auto count = static_cast<double>(a.size());
  double sum = 0;
  double sum_f = 0;
  double top = 0;
  double mean_f = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    sum += a[k];
    sum_f += a[k] * f[k];
    mean_f += f[k];
    top = std::max(top, a[k]);
  }
  mean_f /= count;
  const double centroid = sum_f / sum;
  double m2 = 0;
  double m3 = 0;
  double m4 = 0;
  double entropy = 0;
  double ff = 0;
  double fa = 0;
  double fall = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    const double q = a[k] / sum;
    const double d = f[k] - centroid;
    const double qdd = q * d * d;
    m2 += qdd;
    m3 += qdd * d;
    m4 += qdd * d * d;
    if (q > 0) entropy -= q * std::log2(q);
    const double from_middle = f[k] - mean_f;
    ff += from_middle * from_middle;
    fa += from_middle * q;
    if (k > 0) fall += (a[k] - a[0]) / static_cast<double>(k);
  }
  const double rest = sum - a[0];
  out[0] = centroid;
  out[1] = std::sqrt(m2);
  out[2] = m2 > 0 ? m3 / (m2 * std::sqrt(m2)) : kMissing;
  out[3] = m2 > 0 ? m4 / (m2 * m2) : kMissing;
  out[4] = entropy / std::log2(count);
  out[6] = top * count / sum;
  out[7] = fa / ff;
  out[8] = rest > 0 ? fall / rest : kMissing;
}

double SpectralShape::contrast(const std::vector<double>& magnitude, size_t band) const {
  const auto [begin, end] = octaves_[band];
  const size_t tail = std::min(octave_tails_[band], end - begin);
  if (tail == 0) return kMissing;
  std::vector<double> sorted(magnitude.begin() + static_cast<std::ptrdiff_t>(begin),
                             magnitude.begin() + static_cast<std::ptrdiff_t>(end));
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<std::ptrdiff_t>(tail);
  const double valley =
      std::accumulate(sorted.begin(), sorted.begin() + count, 0.0) / static_cast<double>(tail);
  const double peak = std::accumulate(sorted.end() - count, sorted.end(), 0.0) / static_cast<double>(tail);
  constexpr double kLeast = 1e-10;
  return 10.0 * std::log10(std::max(peak, kLeast) / std::max(valley, kLeast));
}

void SpectralShape::describe(const float* power_K, const float* previous_K, double* out) const {
  std::fill(out, out + columns_.size(), kMissing);
  const size_t num_bins = frequency_hz_.size();
  std::vector<double> magnitude(num_bins);
  std::vector<double> a(last_ - first_);
  double sum = 0;
  double log_sum = 0;
  double power_sum = 0;
  double dot = 0;
  double energy = 0;
  double previous_energy = 0;
  for (size_t k = 0; k < num_bins; ++k) magnitude[k] = std::sqrt(static_cast<double>(power_K[k]));
  for (size_t k = first_; k < last_; ++k) {
    const auto power = static_cast<double>(power_K[k]);
    const double weight = config_.spectrum == SpectrumKind::kMagnitude ? magnitude[k] : power;
    a[k - first_] = weight;
    sum += weight;
    const double floored = std::max(power, 1e-10);
    log_sum += std::log(floored);
    power_sum += floored;
    if (previous_K != nullptr) {
      const auto before = static_cast<double>(previous_K[k]);
      dot += config_.spectrum == SpectrumKind::kMagnitude ? std::sqrt(power * before) : power * before;
      energy += config_.spectrum == SpectrumKind::kMagnitude ? power : power * power;
      previous_energy += config_.spectrum == SpectrumKind::kMagnitude ? before : before * before;
    }
  }
  if (!std::isfinite(sum)) return;
  const size_t num_rolloffs = config_.rolloff_percent.size();
  double* levels = out + 10 + num_rolloffs;
  for (size_t b = 0; b < bands_.size(); ++b) {
    const auto [begin, end] = bands_[b];
    if (begin >= end) continue;
    double band = 0;
    for (size_t k = begin; k < end; ++k) {
      const bool is_single = k == 0 || k + 1 == num_bins;
      band += static_cast<double>(power_K[k]) * (is_single ? 0.5 : 1.0);
    }
    levels[b] = 10.0 * std::log10(std::max(level_scale_ * band, kLeastPower));
  }
  if (!(sum > 0)) return;

  const auto count = static_cast<double>(a.size());
  moments(a, out);
  out[5] = std::exp(log_sum / count) / (power_sum / count);
  if (energy > 0 && previous_energy > 0)
    out[9] = std::sqrt(std::max(0.0, 2.0 - 2.0 * dot / std::sqrt(energy * previous_energy)));
  std::vector<double> cumulated(a.size());
  std::partial_sum(a.begin(), a.end(), cumulated.begin());
  for (size_t r = 0; r < num_rolloffs; ++r) {
    const double share = 0.01 * config_.rolloff_percent[r] * cumulated.back();
    const auto at = std::lower_bound(cumulated.begin(), cumulated.end(), share) - cumulated.begin();
    out[10 + r] = frequency_hz_[first_ + static_cast<size_t>(at)];
  }
  for (size_t b = 0; b < octaves_.size(); ++b) levels[bands_.size() + b] = contrast(magnitude, b);
}

double zero_crossing_rate(const float* samples, int64_t num_samples) {
  if (num_samples < 2) return kMissing;
  int64_t crossings = 0;
  for (int64_t i = 1; i < num_samples; ++i) crossings += (samples[i] < 0) != (samples[i - 1] < 0) ? 1 : 0;
  return static_cast<double>(crossings) / static_cast<double>(num_samples - 1);
}

}  // namespace limbic::signals
