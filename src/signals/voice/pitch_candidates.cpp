#include "voice/pitch_candidates.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"
#include "voice/sinc.h"

namespace limbic::signals {
namespace {

constexpr double kCorrelationPi = 3.14159265358979323846;

/// A correlation cannot exceed 1, its interpolation can: what is above is folded back.
double folded(double strength) {
  return strength > 1.0 ? 1.0 / strength : strength;
}

struct Geometry {
  double window_s;
  int64_t window_samples;
  int64_t num_lags;
  int64_t fft_length;
};

}  // namespace

int64_t fast_fft_length(int64_t length) {
  int64_t best = 2;
  while (best < length) best *= 2;
  const int64_t with_three = best / 4 * 3;
  return best >= 8 && with_three >= length ? with_three : best;
}

namespace {

Geometry geometry_of(const CorrelationFrames::Options& o, double rate_hz) {
  using Window = CorrelationFrames::Window;
  const double stretch = o.window == Window::kGaussian ? 2.0 : 1.0;
  const double frame_s = stretch * o.periods / o.floor_hz;
  const auto whole = static_cast<int64_t>(std::floor(frame_s * rate_hz));
  Geometry g{};
  g.window_samples = 2 * (whole / 2 - 1);
  require(g.window_samples >= 4, ErrorCode::kConfig,
          "voice: a frame of " + std::to_string(frame_s) + " s is too short at " + std::to_string(rate_hz) +
              " Hz; expected at least 6 samples; lower floor_hz or use a higher rate");
  const double share = o.window == Window::kHann ? 0.5 : (o.window == Window::kGaussian ? 0.25 : 1.0);
  g.num_lags = static_cast<int64_t>(std::floor(share * static_cast<double>(g.window_samples))) + 1;
  if (o.window == Window::kNone) {
    g.window_s = 1.0 / o.floor_hz + frame_s;
    g.fft_length = fast_fft_length(g.window_samples + g.num_lags);
  } else {
    g.window_s = frame_s;
    g.fft_length = fast_fft_length(g.window_samples + g.num_lags);
  }
  return g;
}

}  // namespace

CorrelationFrames::CorrelationFrames(const Options& options, double rate_hz)
    : options_(options), rate_hz_(rate_hz), fft_(geometry_of(options, rate_hz).fft_length) {
  const Geometry g = geometry_of(options, rate_hz);
  window_s_ = g.window_s;
  window_samples_ = g.window_samples;
  num_lags_ = g.num_lags;
  period_samples_ = static_cast<int64_t>(std::floor(rate_hz / options.floor_hz));
  const double stretch = options.window == Window::kGaussian ? 2.0 : 1.0;
  search_lags_ = std::min(
      static_cast<int64_t>(std::floor(static_cast<double>(window_samples_) / (stretch * options.periods))) +
          2,
      num_lags_ - 1);
  if (options.window == Window::kNone) return;
  const auto n = static_cast<double>(window_samples_ + 1);
  for (int64_t i = 1; i <= window_samples_; ++i) {
    const double u = static_cast<double>(i) / n;
    if (options.window == Window::kHann) {
      window_.push_back(0.5 - 0.5 * std::cos(2.0 * kCorrelationPi * u));
    } else {
      // Gaussian brought down to 0 at its edges.
      const double edge = std::exp(-12.0);
      window_.push_back((std::exp(-48.0 * (u - 0.5) * (u - 0.5)) - edge) / (1.0 - edge));
    }
  }
  for (int64_t lag = 0; lag < num_lags_; ++lag) {
    double sum = 0;
    for (int64_t i = lag; i < window_samples_; ++i)
      sum += window_[static_cast<size_t>(i)] * window_[static_cast<size_t>(i - lag)];
    window_correlation_.push_back(sum);
  }
  const double power = window_correlation_.front();
  for (double& r : window_correlation_) r /= power;
}

void CorrelationFrames::gather_windowed(const SampleSpan& x, int64_t left, double mean, double* frame) const {
  const int64_t half = window_samples_ / 2;
  const int64_t start = left + 1 - half;
  for (int64_t j = 0; j < window_samples_; ++j) {
    const int64_t i = start + j;
    frame[j] = x.holds(i) ? x.at(i) - mean : 0.0;
  }
  if (!window_.empty()) {
    for (int64_t j = 0; j < window_samples_; ++j) frame[j] *= window_[static_cast<size_t>(j)];
  }
}

void CorrelationFrames::cross_correlate(const std::vector<double>* shifted, int64_t num_frames,
                                        std::vector<Lanes>& signal, std::vector<Lanes>& scratch,
                                        std::vector<Lanes>& bins) const {
  const size_t size = signal.size();
  std::vector<Lanes> imaginary(bins.size());
  std::vector<Lanes> other(bins.size());
  std::vector<Lanes> other_imaginary(bins.size());
  fft_.complex_spectrum(signal.data(), scratch.data(), bins.data(), imaginary.data());
  std::fill(signal.begin(), signal.end(), Lanes{});
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const auto& y = shifted[static_cast<size_t>(lane)];
    for (size_t j = 0; j < y.size(); ++j) set_lane(signal[j], lane, y[j]);
  }
  fft_.complex_spectrum(signal.data(), scratch.data(), other.data(), other_imaginary.data());
  // conj(X) Y back by the Hartley transform Re - Im, which is its own inverse.
  const double scale = 1.0 / static_cast<double>(size);
  for (size_t k = 0; k < bins.size(); ++k) {
    const Lanes re = scale * (bins[k] * other[k] + imaginary[k] * other_imaginary[k]);
    const Lanes im = scale * (bins[k] * other_imaginary[k] - imaginary[k] * other[k]);
    if (k > 0) signal[size - k] = re + im;
    if (k == 0 || 2 * k < size) signal[k] = re - im;
  }
  fft_.complex_spectrum(signal.data(), scratch.data(), bins.data(), imaginary.data());
  for (size_t k = 0; k < bins.size(); ++k) {
    if (k > 0) signal[size - k] = bins[k] + imaginary[k];
    if (k == 0 || 2 * k < size) signal[k] = bins[k] - imaginary[k];
  }
}

void CorrelationFrames::correlate(const SampleSpan& x, const AudioLevel& level, const double* times_s,
                                  int64_t num_frames, std::vector<double>* correlation,
                                  double* intensity) const {
  std::vector<Lanes> signal(static_cast<size_t>(fft_.length()));
  std::vector<Lanes> scratch(signal.size());
  std::vector<Lanes> bins(static_cast<size_t>(fft_.num_bins()));
  std::vector<double> frame(static_cast<size_t>(window_samples_));
  std::vector<double> shifted[kLanes];
  bool has_energy[kLanes] = {};
  for (int64_t lane = 0; lane < num_frames; ++lane) {
    const auto l = static_cast<size_t>(lane);
    correlation[l].clear();
    const double t = times_s[l];
    const int64_t left = x.before(t);
    // Mean of the two longest periods around the centre: what is slower than the lowest voice goes.
    double sum = 0;
    int64_t counted = 0;
    for (int64_t i = left + 1 - period_samples_; i <= left + period_samples_; ++i) {
      if (!x.holds(i)) continue;
      sum += x.at(i);
      ++counted;
    }
    const double mean = counted > 0 ? sum / static_cast<double>(2 * period_samples_) : 0;
    gather_windowed(x, left, mean, frame.data());

    const int64_t half = window_samples_ / 2;
    const int64_t half_period = period_samples_ / 2 + 1;
    double peak = 0;
    for (int64_t j = std::max<int64_t>(0, half - half_period);
         j < std::min(window_samples_, half + half_period); ++j)
      peak = std::max(peak, std::abs(frame[static_cast<size_t>(j)]));
    intensity[l] = level.peak > 0 ? std::min(1.0, peak / level.peak) : 0.0;

    if (window_.empty()) {
      const int64_t start = std::max(x.first, x.before(t - 0.5 * window_s_));
      auto& y = shifted[l];
      y.assign(static_cast<size_t>(window_samples_ + num_lags_), 0.0);
      for (size_t j = 0; j < y.size(); ++j) {
        const int64_t i = start + static_cast<int64_t>(j);
        if (x.holds(i)) y[j] = x.at(i) - mean;
      }
      for (int64_t j = 0; j < window_samples_; ++j) {
        const double value = y[static_cast<size_t>(j)];
        has_energy[l] = has_energy[l] || value != 0;
        set_lane(signal[static_cast<size_t>(j)], lane, value);
      }
    } else {
      for (int64_t j = 0; j < window_samples_; ++j) {
        const double value = frame[static_cast<size_t>(j)];
        has_energy[l] = has_energy[l] || value != 0;
        set_lane(signal[static_cast<size_t>(j)], lane, value);
      }
    }
  }

  if (window_.empty()) {
    cross_correlate(shifted, num_frames, signal, scratch, bins);
  } else {
    // The autocorrelation is the transform of the power spectrum, which is even.
    fft_.power_spectrum(signal.data(), scratch.data(), bins.data());
    const size_t size = signal.size();
    for (size_t k = 0; k < bins.size(); ++k) {
      signal[k] = bins[k];
      if (k > 0) signal[size - k] = bins[k];
    }
    fft_.real_spectrum(signal.data(), scratch.data(), bins.data());
  }

  const auto lags = static_cast<size_t>(num_lags_);
  for (size_t l = 0; l < static_cast<size_t>(num_frames); ++l) {
    if (!has_energy[l]) continue;
    auto& r = correlation[l];
    r.resize(lags);
    const auto lane = static_cast<int64_t>(l);
    if (!window_.empty()) {
      const double power = lane_of(bins[0], lane);
      for (size_t lag = 0; lag < lags; ++lag)
        r[lag] = lane_of(bins[lag], lane) / (power * window_correlation_[lag]);
      continue;
    }
    const auto& y = shifted[l];
    double first_energy = 0;
    for (size_t j = 0; j < static_cast<size_t>(window_samples_); ++j) first_energy += y[j] * y[j];
    double energy = first_energy;
    for (size_t lag = 0; lag < lags; ++lag) {
      const double product = lane_of(signal[lag], lane);
      // Running sums leave rounding noise where a loud frame is followed by silence.
      r[lag] = energy > 1e-12 * first_energy ? product / std::sqrt(first_energy * energy) : 0.0;
      const double in =
          y[lag + static_cast<size_t>(window_samples_) < y.size() ? lag + static_cast<size_t>(window_samples_)
                                                                  : y.size() - 1];
      energy += in * in - y[lag] * y[lag];
    }
  }
}

std::vector<CorrelationFrames::Lag> CorrelationFrames::rough_maxima(const std::vector<double>& mirrored,
                                                                    double least_strength) const {
  std::vector<Lag> found;
  const int64_t zero = num_lags_ - 1;
  const auto size = static_cast<int64_t>(mirrored.size());
  constexpr int64_t kRoughDepth = 30;
  for (int64_t lag = 2; lag < search_lags_; ++lag) {
    const double* r = mirrored.data() + zero + lag;
    if (!(r[0] > least_strength && r[0] > r[-1] && r[0] >= r[1])) continue;
    const double at = static_cast<double>(lag) + vertex_offset(r[-1], r[0], r[1]);
    const double strength = sinc_value(mirrored.data(), size, static_cast<double>(zero) + at, kRoughDepth);
    found.push_back({lag, rate_hz_ / at, folded(strength)});
  }
  return found;
}

PitchCandidate CorrelationFrames::refine(const std::vector<double>& mirrored, const Lag& rough) const {
  const int64_t zero = num_lags_ - 1;
  // Sharp maxima of high voices need all samples there are.
  constexpr int64_t kFullDepth = 700;
  const int64_t depth = rough.hz > 0.3 * rate_hz_ ? kFullDepth : options_.depth;
  const Peak peak =
      sinc_peak(mirrored.data(), static_cast<int64_t>(mirrored.size()), zero + rough.lag, depth);
  return {rate_hz_ / (peak.position - static_cast<double>(zero)), folded(peak.value)};
}

namespace {

/// r(-lag) .. r(lag).
std::vector<double> mirror(const std::vector<double>& r) {
  std::vector<double> both(r.rbegin(), r.rend());
  both.insert(both.end(), r.begin() + 1, r.end());
  return both;
}

}  // namespace

std::vector<PitchCandidate> CorrelationFrames::maxima(const std::vector<double>& correlation,
                                                      double least_strength, int64_t max_candidates,
                                                      double octave_cost) const {
  std::vector<PitchCandidate> candidates;
  if (correlation.empty()) return candidates;
  const auto both = mirror(correlation);
  auto rough = rough_maxima(both, least_strength);
  const auto rank = [&](const Lag& m) {
    return m.strength - octave_cost * std::log2(options_.floor_hz / m.hz);
  };
  const auto room = static_cast<size_t>(std::max<int64_t>(0, max_candidates - 1));
  if (rough.size() > room) {
    std::stable_sort(rough.begin(), rough.end(),
                     [&](const Lag& a, const Lag& b) { return rank(a) > rank(b); });
    rough.resize(room);
    std::sort(rough.begin(), rough.end(), [](const Lag& a, const Lag& b) { return a.lag < b.lag; });
  }
  for (const Lag& m : rough) candidates.push_back(refine(both, m));
  return candidates;
}

PitchCandidate CorrelationFrames::strongest(const std::vector<double>& correlation) const {
  PitchCandidate best;
  if (correlation.empty()) return best;
  const auto both = mirror(correlation);
  auto rough = rough_maxima(both, 0.0);
  std::stable_sort(rough.begin(), rough.end(),
                   [](const Lag& a, const Lag& b) { return a.strength > b.strength; });
  // Interpolation moves a strength by less than this; what cannot win is not refined.
  constexpr double kSlack = 0.1;
  for (const Lag& m : rough) {
    if (m.strength + kSlack < best.strength) break;
    const PitchCandidate fine = refine(both, m);
    if (fine.strength > best.strength) best = fine;
  }
  return best;
}

}  // namespace limbic::signals
