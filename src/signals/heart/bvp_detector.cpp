#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "heart/detectors.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

std::vector<double> central_slope(const std::vector<double>& x) {
  std::vector<double> y(x.size(), 0.0);
  for (size_t i = 1; i + 1 < x.size(); ++i) y[i] = 0.5 * (x[i + 1] - x[i - 1]);
  return y;
}

/// A pulse rises faster than it falls: its slope is skewed to the side of systole. Ten seconds, one vote.
double polarity_opinion(const std::vector<double>& slope, double rate_hz) {
  const auto length = static_cast<size_t>(10 * rate_hz);
  double votes = 0;
  for (size_t first = 0; first + length <= slope.size(); first += length) {
    const auto begin = slope.begin() + static_cast<ptrdiff_t>(first);
    const double skew = skewness(std::vector<double>(begin, begin + static_cast<ptrdiff_t>(length)));
    if (std::isfinite(skew)) votes += std::clamp(skew, -1.0, 1.0);
  }
  return votes;
}

/// Elgendi et al. (2013): blocks where the short mean of the squared upper half exceeds the long one.
std::vector<int64_t> systolic_peaks(const std::vector<double>& wave, double rate_hz, double min_ibi_s) {
  constexpr double kPeakSeconds = 0.111;
  constexpr double kBeatSeconds = 0.667;
  constexpr double kOffset = 0.02;
  // The paper's offset is a part of the recording's mean; a moving one keeps a burst of motion from hiding
  // the beats elsewhere.
  constexpr double kOffsetSeconds = 10;
  std::vector<double> energy(wave.size());
  std::transform(wave.begin(), wave.end(), energy.begin(), [](double v) { return v > 0 ? v * v : 0.0; });
  const auto window = [&](double seconds) { return std::max<int64_t>(1, std::llround(seconds * rate_hz)); };
  const auto peak_mean = moving_average(energy, window(kPeakSeconds));
  const auto beat_mean = moving_average(energy, window(kBeatSeconds));
  const auto level = moving_average(energy, window(kOffsetSeconds));

  std::vector<int64_t> peaks;
  const auto min_distance = min_ibi_s * rate_hz;
  const auto shortest = static_cast<size_t>(window(kPeakSeconds));
  for (size_t i = 0; i < wave.size();) {
    if (!(peak_mean[i] > beat_mean[i] + kOffset * level[i])) {
      ++i;
      continue;
    }
    const size_t first = i;
    while (i < wave.size() && peak_mean[i] > beat_mean[i] + kOffset * level[i]) ++i;
    // A block at the edge is a part of one.
    if (i - first < shortest || first == 0 || i == wave.size()) continue;
    const auto begin = wave.begin();
    const int64_t peak =
        std::max_element(begin + static_cast<ptrdiff_t>(first), begin + static_cast<ptrdiff_t>(i)) - begin;
    if (!peaks.empty() && static_cast<double>(peak - peaks.back()) < min_distance) {
      if (wave[static_cast<size_t>(peak)] > wave[static_cast<size_t>(peaks.back())]) peaks.back() = peak;
      continue;
    }
    peaks.push_back(peak);
  }
  return peaks;
}

}  // namespace

WaveBeats detect_bvp(const std::vector<double>& x, double rate_hz, const BeatConfig& config, double& votes) {
  constexpr double kRiseSeconds = 0.35;  // longest systolic rise
  WaveBeats out;
  out.wave = filter_both_ways(butterworth(2, Band::kBandPass, config.bvp_low_hz,
                                          std::min(config.bvp_high_hz, 0.45 * rate_hz), rate_hz),
                              x);
  auto slope = central_slope(out.wave);
  votes += polarity_opinion(slope, rate_hz);
  const bool is_down =
      config.bvp_polarity == BvpPolarity::kDown || (config.bvp_polarity == BvpPolarity::kAuto && votes < 0);
  if (is_down) {
    for (double& v : out.wave) v = -v;
    for (double& v : slope) v = -v;
  }
  const auto peaks = systolic_peaks(out.wave, rate_hz, config.min_ibi_s);
  const auto rise = static_cast<int64_t>(std::llround(kRiseSeconds * rate_hz));
  for (size_t p = 0; p < peaks.size(); ++p) {
    double position = 0;
    if (config.bvp_fiducial == BvpFiducial::kPeak) {
      position = refine_peak(out.wave, peaks[p]);
    } else {
      const int64_t first = std::max<int64_t>(p > 0 ? peaks[p - 1] + 1 : 0, peaks[p] - rise);
      const auto begin = slope.begin();
      position = refine_peak(slope, std::max_element(begin + first, begin + peaks[p] + 1) - begin);
    }
    if (out.position.empty() || position - out.position.back() >= config.min_ibi_s * rate_hz) {
      out.position.push_back(position);
    }
  }
  return out;
}

}  // namespace limbic::signals
