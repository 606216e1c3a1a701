#include "mel_filterbank.h"

#include <algorithm>
#include <cmath>

#include "frame_reader.h"

namespace limbic::signals {
namespace {

// Slaney's Auditory Toolbox scale: 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor 6.4.
constexpr double kSlaneyHzPerMel = 200.0 / 3.0;
constexpr double kSlaneyBreakHz = 1000.0;
constexpr double kSlaneyBreakMel = kSlaneyBreakHz / kSlaneyHzPerMel;
const double kSlaneyLogStep = std::log(6.4) / 27.0;

}  // namespace

double hz_to_mel(double hz, MelScale scale) {
  if (scale == MelScale::kHtk) return 1127.0 * std::log1p(hz / 700.0);
  if (hz < kSlaneyBreakHz) return hz / kSlaneyHzPerMel;
  return kSlaneyBreakMel + std::log(hz / kSlaneyBreakHz) / kSlaneyLogStep;
}

double mel_to_hz(double mel, MelScale scale) {
  if (scale == MelScale::kHtk) return 700.0 * std::expm1(mel / 1127.0);
  if (mel < kSlaneyBreakMel) return mel * kSlaneyHzPerMel;
  return kSlaneyBreakHz * std::exp((mel - kSlaneyBreakMel) * kSlaneyLogStep);
}

std::vector<MelFilter> mel_filters(const LogMelConfig& config) {
  const int64_t fft_samples = fft_samples_of(config.fft_samples, config.window_samples);
  const double bin_hz = static_cast<double>(config.sample_rate_hz) / static_cast<double>(fft_samples);
  const double nyquist_hz = 0.5 * static_cast<double>(config.sample_rate_hz);
  const double high_hz = config.high_hz > 0 ? config.high_hz : nyquist_hz + config.high_hz;
  const double low_mel = hz_to_mel(config.low_hz, config.mel_scale);
  const double step_mel =
      (hz_to_mel(high_hz, config.mel_scale) - low_mel) / static_cast<double>(config.num_mels + 1);
  const bool in_mel = config.triangles == Triangles::kMel;

  std::vector<MelFilter> filters(static_cast<size_t>(config.num_mels));
  for (int64_t m = 0; m < config.num_mels; ++m) {
    double edge[3];  // left, peak, right on the axis of the triangles
    double edge_hz[3];
    for (int i = 0; i < 3; ++i) {
      const double mel = low_mel + static_cast<double>(m + i) * step_mel;
      edge_hz[i] = mel_to_hz(mel, config.mel_scale);
      edge[i] = in_mel ? mel : edge_hz[i];
    }
    const double height = config.mel_norm == MelNorm::kArea ? 2.0 / (edge_hz[2] - edge_hz[0]) : 1.0;
    MelFilter& filter = filters[static_cast<size_t>(m)];
    for (int64_t bin = 0; bin <= fft_samples / 2; ++bin) {
      const double hz = bin_hz * static_cast<double>(bin);
      const double x = in_mel ? hz_to_mel(hz, config.mel_scale) : hz;
      const double weight =
          std::min((x - edge[0]) / (edge[1] - edge[0]), (edge[2] - x) / (edge[2] - edge[1]));
      if (weight <= 0) {
        if (filter.weights.empty()) continue;
        break;
      }
      if (filter.weights.empty()) filter.first_bin = bin;
      filter.weights.push_back(weight * height);
    }
  }
  return filters;
}

std::vector<double> mel_filterbank(const LogMelConfig& config) {
  config::ThrowingChecks checks("log_mel");
  config.validate(checks);
  const auto num_bins =
      static_cast<size_t>(fft_samples_of(config.fft_samples, config.window_samples) / 2 + 1);
  std::vector<double> dense(static_cast<size_t>(config.num_mels) * num_bins, 0.0);
  const auto filters = mel_filters(config);
  for (size_t m = 0; m < filters.size(); ++m) {
    std::copy(filters[m].weights.begin(), filters[m].weights.end(),
              dense.begin() + static_cast<std::ptrdiff_t>(m * num_bins) + filters[m].first_bin);
  }
  return dense;
}

}  // namespace limbic::signals
