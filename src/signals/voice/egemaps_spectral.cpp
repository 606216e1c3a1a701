#include "voice/egemaps_spectral.h"

#include <algorithm>
#include <cmath>
#include "dsp/constants.h"

namespace limbic::signals {
namespace {

constexpr int kMelBands = 26;
constexpr double kMelLow_hz = 20.0;
constexpr double kMelHigh_hz = 8000.0;
constexpr double kLoudnessFloor = 9.3e-10;
constexpr double kLoudnessPower = 0.33;
constexpr double kHtkScale = 32767.0 * 32767.0;  ///< MFCC of int16 samples, floor 1, as HTK
constexpr double kLifter = 22.0;
constexpr int kNumMfcc = 4;
constexpr double kPowerFloor = 1e-14;
constexpr double kPowerFloor_db = -140.0;
constexpr double kTop_hz = 5000.0;

double mel_of(double hz) {
  return 1127.0 * std::log(1.0 + hz / 700.0);
}

/// Sensitivity of the ear at 40 phon: Hermansky, "Perceptual linear predictive analysis of speech", JASA 87
/// (1990), with the extra fall above 5 kHz, in the scaling of openSMILE.
double equal_loudness(double hz) {
  const double w = 2.0 * kPi * hz;
  const double w2 = w * w;
  const double c = w2 + 6.3e6;
  return 1e32 * (w2 + 56.8e6) * w2 * w2 / (c * c * (w2 + 0.38e9) * (w2 * w2 * w2 * w + 1.7e31));
}

/// 10 log10(above / below); `above` at or under the floor counts as the floor, nothing below is 0 dB.
double ratio_db(double above, double below) {
  return below > 0 ? 10.0 * std::log10((above > kPowerFloor ? above : kPowerFloor) / below) : 0.0;
}

}  // namespace

EgemapsSpectral::EgemapsSpectral(const EgemapsGrid& grid) : grid_(grid) {
  const double nyquist_hz = 0.5 * static_cast<double>(grid.frame_samples) / kEgemapsSpectralFrame_s;
  const double high_hz = kMelHigh_hz > nyquist_hz ? nyquist_hz : kMelHigh_hz;
  const int64_t low_bin = std::llround(kMelLow_hz / grid.bin_hz);
  const int64_t high_bin = std::min<int64_t>(std::llround(high_hz / grid.bin_hz), grid.num_bins);
  const double low_mel = mel_of(kMelLow_hz);
  const double step = (mel_of(high_hz) - low_mel) / (kMelBands + 1);
  // The bin at the lower edge belongs to no filter.
  first_mel_bin_ = low_bin + 1;
  for (int64_t bin = first_mel_bin_; bin < high_bin; ++bin) {
    const double place = (mel_of(grid.hz(bin)) - low_mel) / step;
    const int upper = std::max(1, static_cast<int>(std::ceil(place)));  // first centre at or above the bin
    mel_channel_.push_back(upper - 2);
    mel_weight_.push_back(upper - place);
  }
  for (int m = 0; m < kMelBands; ++m) {
    const double centre_hz = 700.0 * (std::exp((low_mel + (m + 1) * step) / 1127.0) - 1.0);
    ear_.push_back(equal_loudness(centre_hz));
  }
  for (int i = 1; i <= kNumMfcc; ++i) {
    const double lift = 1.0 + 0.5 * kLifter * std::sin(kPi * i / kLifter);
    for (int m = 0; m < kMelBands; ++m) {
      cosines_.push_back(lift * std::sqrt(2.0 / kMelBands) * std::cos(kPi * i / kMelBands * (m + 0.5)));
    }
  }
  low_ = slope_band(0.0, 500.0);
  mid_ = slope_band(500.0, 1500.0);
  while (flux_bins_ < grid.num_bins && grid.hz(flux_bins_) < kTop_hz) ++flux_bins_;
}

EgemapsSpectral::SlopeBand EgemapsSpectral::slope_band(double low_hz, double high_hz) const {
  SlopeBand band;
  int64_t above = 0;
  while (grid_.hz(above) <= low_hz) ++above;
  band.first = above - 1;
  band.first_weight = (grid_.hz(above) - low_hz) / grid_.bin_hz;
  int64_t at = 0;
  while (grid_.hz(at) < high_hz) ++at;
  band.last = grid_.hz(at) == high_hz ? at : at - 1;
  band.last_weight = (high_hz - grid_.hz(at - 1)) / grid_.bin_hz;
  band.width = static_cast<double>(band.last - band.first);
  const double first_f = band.first_weight * grid_.hz(band.first);
  const double last_f = band.last_weight * grid_.hz(band.last);
  band.sum_f = first_f + last_f;
  band.sum_f2 = first_f * first_f + last_f * last_f;
  for (int64_t bin = band.first + 1; bin < band.last; ++bin) {
    band.sum_f += grid_.hz(bin);
    band.sum_f2 += grid_.hz(bin) * grid_.hz(bin);
  }
  return band;
}

double EgemapsSpectral::slope(const SlopeBand& band, const std::vector<double>& level_db) const {
  double sum = 0;
  double sum_f = 0;
  const auto add = [&](int64_t bin, double weight) {
    const double level = weight * level_db[static_cast<size_t>(bin)];
    sum += level;
    sum_f += grid_.hz(bin) * level;
  };
  add(band.first, band.first_weight);
  for (int64_t bin = band.first + 1; bin < band.last; ++bin) add(bin, 1.0);
  add(band.last, band.last_weight);
  const double denominator = band.width * band.sum_f2 - band.sum_f * band.sum_f;
  return denominator != 0 ? (band.width * sum_f - band.sum_f * sum) / denominator : 0.0;
}

void EgemapsSpectral::mel_energies(const double* power, double* bands) const {
  std::fill(bands, bands + kMelBands, 0.0);
  const double* p = power + first_mel_bin_;
  for (size_t i = 0; i < mel_channel_.size(); ++i) {
    const int lower = mel_channel_[i];
    const double share = p[i] * mel_weight_[i];
    if (lower >= 0) bands[lower] += share;
    if (lower < kMelBands - 1) bands[lower + 1] += p[i] - share;
  }
}

SpectralFrame EgemapsSpectral::measure(const double* power, std::vector<double>& previous) const {
  SpectralFrame out{};
  double bands[kMelBands];
  mel_energies(power, bands);
  double loudness = 0;
  double log_mel[kMelBands];
  for (int m = 0; m < kMelBands; ++m) {
    loudness += std::pow(std::max(bands[m], kLoudnessFloor) * ear_[static_cast<size_t>(m)], kLoudnessPower);
    log_mel[m] = std::log(std::max(bands[m] * kHtkScale, 1.0));
  }
  out[kLoudness] = static_cast<float>(loudness / kMelBands);
  for (int i = 0; i < kNumMfcc; ++i) {
    double sum = 0;
    for (int m = 0; m < kMelBands; ++m) sum += cosines_[static_cast<size_t>(i * kMelBands + m)] * log_mel[m];
    out[kMfcc + static_cast<size_t>(i)] = static_cast<float>(sum);
  }

  double below_1k = 0;
  double above_1k = 0;
  double peak_below_2k = 0;
  double peak_above_2k = 0;
  for (int64_t bin = 0; bin < grid_.num_bins && grid_.hz(bin) <= kTop_hz; ++bin) {
    (grid_.hz(bin) < 1000.0 ? below_1k : above_1k) += power[bin];
    double& peak = grid_.hz(bin) < 2000.0 ? peak_below_2k : peak_above_2k;
    peak = std::max(peak, power[bin]);
  }
  out[kAlphaRatio] = static_cast<float>(ratio_db(above_1k, below_1k));
  // In single precision, so that the equal peaks of a click give exactly 0, which means carry on without
  // them.
  out[kHammarberg] = static_cast<float>(ratio_db(static_cast<double>(static_cast<float>(peak_below_2k)),
                                                 static_cast<double>(static_cast<float>(peak_above_2k))));

  std::vector<double> level_db(static_cast<size_t>(mid_.last) + 1);
  for (size_t bin = 0; bin < level_db.size(); ++bin) {
    level_db[bin] = power[bin] > kPowerFloor ? 10.0 * std::log10(power[bin]) : kPowerFloor_db;
  }
  out[kSlopeLow] = static_cast<float>(slope(low_, level_db));
  out[kSlopeMid] = static_cast<float>(slope(mid_, level_db));

  const bool is_first = previous.empty();
  previous.resize(static_cast<size_t>(flux_bins_));
  double change = 0;
  for (size_t bin = 0; bin < previous.size(); ++bin) {
    const double magnitude = std::sqrt(power[bin]);
    change += (magnitude - previous[bin]) * (magnitude - previous[bin]);
    previous[bin] = magnitude;
  }
  out[kFlux] = is_first ? 0.0f : static_cast<float>(std::sqrt(change / static_cast<double>(flux_bins_)));
  return out;
}

}  // namespace limbic::signals
