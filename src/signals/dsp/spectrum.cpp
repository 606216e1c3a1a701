#include "limbic/signals/dsp/spectrum.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/constants.h"
#include "fft.h"
#include "limbic/core/error.h"
#include "taper.h"

namespace limbic::signals {
namespace {

/// |X[k]|^2 of kLanes real signals of any length. RealFft takes even lengths; an odd one goes with a zero
/// after every sample, whose spectrum of twice the length is the same one twice.
class PowerOf {
 public:
  explicit PowerOf(size_t length)
      : step_(length % 2 == 0 ? 1 : 2),
        fft_(static_cast<int64_t>(length * step_)),
        signal_(length * step_),
        scratch_(length * step_),
        power_(static_cast<size_t>(fft_.num_bins())) {}

  void clear() { std::fill(signal_.begin(), signal_.end(), Lanes{}); }
  void set(size_t lane, size_t i, double value) {
    set_lane(signal_[i * step_], static_cast<int64_t>(lane), value);
  }
  void transform() { fft_.power_spectrum(signal_.data(), scratch_.data(), power_.data()); }
  double power(size_t lane, size_t bin) const { return lane_of(power_[bin], static_cast<int64_t>(lane)); }

 private:
  size_t step_;
  RealFft fft_;
  std::vector<Lanes> signal_;
  std::vector<Lanes> scratch_;
  std::vector<Lanes> power_;
};

}  // namespace

std::vector<double> periodic_taper(Taper taper, size_t length) {
  std::vector<double> w(length, 1.0);
  if (taper == Taper::kRectangular || length <= 1) return w;
  for (size_t i = 0; i < length; ++i) {
    const double angle = kTwoPi * static_cast<double>(i) / static_cast<double>(length);
    if (taper == Taper::kHann) w[i] = 0.5 - 0.5 * std::cos(angle);
    if (taper == Taper::kHamming) w[i] = 0.54 - 0.46 * std::cos(angle);
    if (taper == Taper::kBlackman) w[i] = 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2.0 * angle);
  }
  return w;
}

PowerSpectrum welch(const std::vector<double>& x, double rate_hz, int64_t segment_samples, Taper taper,
                    int64_t nfft) {
  require(std::isfinite(rate_hz) && rate_hz > 0, ErrorCode::kConfig,
          "welch: sampling rate " + std::to_string(rate_hz) + " Hz; expected a positive number");
  require(segment_samples >= 1 && (nfft == 0 || nfft >= segment_samples), ErrorCode::kConfig,
          "welch: segment_samples " + std::to_string(segment_samples) + ", nfft " + std::to_string(nfft) +
              "; expected at least 1, nfft 0 or at least the segment");
  if (x.empty()) return {};
  const size_t segment = std::min(static_cast<size_t>(segment_samples), x.size());
  const size_t length = nfft == 0 ? segment : static_cast<size_t>(nfft);
  const size_t hop = segment - segment / 2;
  const size_t num_segments = 1 + (x.size() - segment) / hop;
  const std::vector<double> window = periodic_taper(taper, segment);
  double energy = 0;
  for (const double w : window) energy += w * w;

  PowerSpectrum out;
  const size_t num_bins = length / 2 + 1;
  out.density.assign(num_bins, 0.0);
  PowerOf fft(length);
  for (size_t first = 0; first < num_segments; first += kLanes) {
    const size_t used = std::min(kLanes, num_segments - first);
    fft.clear();
    for (size_t lane = 0; lane < used; ++lane) {
      const double* samples = x.data() + (first + lane) * hop;
      double sum = 0;
      for (size_t i = 0; i < segment; ++i) sum += samples[i];
      const double mean = sum / static_cast<double>(segment);
      for (size_t i = 0; i < segment; ++i) fft.set(lane, i, (samples[i] - mean) * window[i]);
    }
    fft.transform();
    for (size_t lane = 0; lane < used; ++lane) {
      for (size_t k = 0; k < num_bins; ++k) out.density[k] += fft.power(lane, k);
    }
  }
  const double scale = 1.0 / (rate_hz * energy * static_cast<double>(num_segments));
  for (size_t k = 0; k < num_bins; ++k) {
    const bool is_single = k == 0 || 2 * k == length;
    out.density[k] *= is_single ? scale : 2.0 * scale;
    out.frequency_hz.push_back(rate_hz * static_cast<double>(k) / static_cast<double>(length));
  }
  return out;
}

PowerSpectrum lomb_scargle(const std::vector<double>& time_s, const std::vector<double>& x,
                           const std::vector<double>& frequency_hz) {
  require(time_s.size() == x.size(), ErrorCode::kInternal,
          "lomb_scargle: " + std::to_string(time_s.size()) + " times for " + std::to_string(x.size()) +
              " values");
  std::vector<double> t;
  std::vector<double> y;
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(time_s[i])) continue;
    t.push_back(time_s[i]);
    y.push_back(x[i]);
    sum += x[i];
  }
  PowerSpectrum out;
  out.frequency_hz = frequency_hz;
  out.density.assign(frequency_hz.size(), std::nan(""));
  if (t.size() < 2) return out;
  const auto [earliest, latest] = std::minmax_element(t.begin(), t.end());
  const double origin = *earliest;
  const double interval_s = (*latest - origin) / static_cast<double>(t.size() - 1);
  if (!(interval_s > 0)) return out;
  const double mean = sum / static_cast<double>(t.size());
  for (size_t i = 0; i < t.size(); ++i) {
    t[i] -= origin;
    y[i] -= mean;
  }
  for (size_t f = 0; f < frequency_hz.size(); ++f) {
    const double w = kTwoPi * frequency_hz[f];
    if (w == 0) out.density[f] = 0;  // the mean is out
    if (!(w > 0)) continue;
    double xc = 0;
    double xs = 0;
    double cc = 0;
    double cs = 0;
    for (size_t i = 0; i < t.size(); ++i) {
      const double c = std::cos(w * t[i]);
      const double s = std::sin(w * t[i]);
      xc += y[i] * c;
      xs += y[i] * s;
      cc += c * c;
      cs += c * s;
    }
    const double ss = static_cast<double>(t.size()) - cc;
    // Turned by w tau, cosine and sine are orthogonal over these times.
    const double turn = 0.5 * std::atan2(2.0 * cs, cc - ss);
    const double c = std::cos(turn);
    const double s = std::sin(turn);
    const double in_phase = c * xc + s * xs;
    const double in_quadrature = c * xs - s * xc;
    const double cos_energy = c * c * cc + 2.0 * c * s * cs + s * s * ss;
    const double sin_energy = c * c * ss - 2.0 * c * s * cs + s * s * cc;
    // Times that are all on one phase leave one of the two without energy (and without signal).
    const double least = 1e-12 * static_cast<double>(t.size());
    double power = 0;
    if (cos_energy > least) power += in_phase * in_phase / cos_energy;
    if (sin_energy > least) power += in_quadrature * in_quadrature / sin_energy;
    out.density[f] = interval_s * power;  // 2 interval x half the sum of both
  }
  return out;
}

double band_power(const PowerSpectrum& spectrum, double low_hz, double high_hz) {
  const auto& f = spectrum.frequency_hz;
  const auto& p = spectrum.density;
  if (f.size() < 2 || !(low_hz < high_hz) || !(low_hz < f.back()) || !(high_hz > f.front()))
    return std::nan("");
  double sum = 0;
  for (size_t k = 1; k < f.size(); ++k) {
    const double from = std::max(f[k - 1], low_hz);
    const double to = std::min(f[k], high_hz);
    if (!(from < to)) continue;
    const double slope = (p[k] - p[k - 1]) / (f[k] - f[k - 1]);
    sum += (to - from) * (p[k - 1] + slope * (0.5 * (from + to) - f[k - 1]));
  }
  return sum;
}

}  // namespace limbic::signals
