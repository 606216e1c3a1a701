#include "limbic/signals/dsp/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "dsp/bessel.h"
#include "dsp/constants.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"

namespace limbic::signals {
namespace {

constexpr int64_t kLargestTerm = 100000;

/// out / in as up / down: exact when it is a ratio of small integers, else the last convergent of its
/// continued fraction below kLargestTerm.
std::pair<int64_t, int64_t> rate_ratio(double in_hz, double out_hz) {
  for (const double rate : {in_hz, out_hz}) {
    require(std::isfinite(rate) && rate > 0, ErrorCode::kConfig,
            "resample: sampling rate " + std::to_string(rate) + " Hz; expected a positive number");
  }
  const double ratio = out_hz / in_hz;
  require(ratio <= 1000 && ratio >= 0.001, ErrorCode::kConfig,
          "resample: from " + std::to_string(in_hz) + " to " + std::to_string(out_hz) +
              " Hz; expected rates within a factor of 1000");
  int64_t up = 1;
  int64_t down = 0;
  int64_t previous_up = 0;
  int64_t previous_down = 1;
  double rest = ratio;
  while (true) {
    const auto whole = static_cast<int64_t>(std::floor(rest));
    const int64_t next_up = whole * up + previous_up;
    const int64_t next_down = whole * down + previous_down;
    if (std::max(next_up, next_down) > kLargestTerm) break;
    previous_up = std::exchange(up, next_up);
    previous_down = std::exchange(down, next_down);
    const double error = std::abs(static_cast<double>(up) / static_cast<double>(down) - ratio);
    const double fraction = rest - static_cast<double>(whole);
    if (error < 1e-13 * ratio || fraction < 1e-9) break;
    rest = 1.0 / fraction;
  }
  return {up, down};
}

/// Low-pass impulse response over time in input samples.
class Kernel {
 public:
  Kernel(double ratio, const ResampleQuality& quality) {
    // Kaiser's formulas; 3 dB more than asked cover what they leave open, and from 60 dB on the pass band is
    // flat within 0.01 dB.
    const double attenuation_db = std::max(60.0, quality.stop_band_db) + 3.0;
    const double nyquist = 0.5 * std::min(1.0, ratio);
    const double transition = (1.0 - quality.pass_band) * nyquist;
    cutoff_ = nyquist - 0.5 * transition;
    beta_ = 0.1102 * (attenuation_db - 8.7);
    reach_ = 0.5 * (attenuation_db - 7.95) / (2.285 * 2.0 * kPi * transition);
    peak_ = bessel_i0(beta_);
  }
  double reach() const { return reach_; }
  double at(double t) const {
    const double u = t / reach_;
    if (std::abs(u) >= 1) return 0;
    const double angle = 2.0 * kPi * cutoff_ * t;
    const double sinc = std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle;
    return 2.0 * cutoff_ * sinc * bessel_i0(beta_ * std::sqrt(1.0 - u * u)) / peak_;
  }

 private:
  double cutoff_;
  double beta_;
  double reach_;
  double peak_;
};

/// The sum of eight interleaved partial sums: the compiler keeps them in vector registers, and the order of
/// additions is fixed.
double dot(const double* a, const double* b, int64_t size) {
  double partial[8] = {};
  for (int64_t i = 0; i < size; i += 8) {
    for (int64_t j = 0; j < 8; ++j) partial[j] += a[i + j] * b[i + j];
  }
  return ((partial[0] + partial[4]) + (partial[1] + partial[5])) +
         ((partial[2] + partial[6]) + (partial[3] + partial[7]));
}

void check_quality(const ResampleQuality& quality) {
  require(quality.stop_band_db > 0 && quality.stop_band_db <= 200, ErrorCode::kConfig,
          "resample: stop_band_db " + std::to_string(quality.stop_band_db) + "; expected in (0, 200]");
  require(quality.pass_band > 0 && quality.pass_band <= 0.99, ErrorCode::kConfig,
          "resample: pass_band " + std::to_string(quality.pass_band) + "; expected in (0, 0.99]");
}

}  // namespace

// Note [Phases]
// Output k lies at input time k * down / up = c + phase / up. It is the sum over inputs c - half + 1 ... c +
// half, with the weights of its phase. Up to kMaxPhases of them are tabulated; of more, `kGrid` positions
// between two inputs are, and the weights are interpolated by cubics (error below 1e-10, next to 1e-5 of the
// stop band). Weights are scaled to sum 1, so that a constant stays what it is.
struct StreamResampler::Impl {
  static constexpr int64_t kMaxPhases = 2048;
  static constexpr int64_t kGrid = 512;
  static constexpr int64_t kBlock = 8192;

  int64_t up = 1;
  int64_t down = 1;
  int64_t half = 0;      ///< taps on each side of the output's time
  int64_t num_taps = 0;  ///< 2 half rounded up to a multiple of eight; what that adds is 0 and comes first
  bool is_tabulated = true;
  std::vector<double> taps;  ///< a row of num_taps a phase (or grid position)
  std::vector<double> row;   ///< weights of one output, when interpolated
  double in_rate_hz = 0;

  std::vector<double> history;  ///< inputs from history_start on; before the first sample, copies of it
  int64_t history_start = 0;
  int64_t num_in = 0;
  int64_t num_out = 0;

  Impl(double in_hz, double out_hz, const ResampleQuality& quality) : in_rate_hz(in_hz) {
    check_quality(quality);
    std::tie(up, down) = rate_ratio(in_hz, out_hz);
    if (up == down) return;
    const Kernel kernel(static_cast<double>(up) / static_cast<double>(down), quality);
    half = static_cast<int64_t>(std::ceil(kernel.reach()));
    num_taps = (2 * half + 7) / 8 * 8;
    is_tabulated = up <= kMaxPhases;
    const int64_t steps = is_tabulated ? up : kGrid;
    // Interpolation needs a row before 0 and two after the last.
    const int64_t first = is_tabulated ? 0 : -1;
    const int64_t end = is_tabulated ? steps : steps + 2;
    for (int64_t p = first; p < end; ++p) {
      const double offset = static_cast<double>(p) / static_cast<double>(steps);
      std::vector<double> weights;
      for (int64_t i = 0; i < num_taps; ++i)
        weights.push_back(kernel.at(offset - static_cast<double>(half - num_taps + 1 + i)));
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (const double w : weights) taps.push_back(w / sum);
    }
  }

  const double* weights_of(int64_t phase) {
    const auto width = static_cast<size_t>(num_taps);
    if (is_tabulated) return taps.data() + static_cast<size_t>(phase) * width;
    const double position = static_cast<double>(phase) / static_cast<double>(up) * static_cast<double>(kGrid);
    const double whole = std::floor(position);
    const double u = position - whole;
    // Lagrange's cubic through the grid at -1, 0, 1, 2.
    const double w[4] = {-u * (u - 1) * (u - 2) / 6, (u + 1) * (u - 1) * (u - 2) / 2,
                         -(u + 1) * u * (u - 2) / 2, (u + 1) * u * (u - 1) / 6};
    const double* rows = taps.data() + static_cast<size_t>(whole) * width;
    row.resize(width);
    for (size_t i = 0; i < width; ++i) {
      row[i] =
          w[0] * rows[i] + w[1] * rows[width + i] + w[2] * rows[2 * width + i] + w[3] * rows[3 * width + i];
    }
    return row.data();
  }

  int64_t centre() const { return num_out * down / up; }

  /// Takes samples over and appends every output below `limit` that they complete.
  template <class In, class Out>
  void feed(const In* x, int64_t n, int64_t limit, std::vector<Out>& out) {
    if (n > 0 && num_in == 0) {
      history_start = half - num_taps + 1;
      history.assign(static_cast<size_t>(-history_start), static_cast<double>(x[0]));
    }
    history.insert(history.end(), x, x + n);
    num_in += n;
    const int64_t available = history_start + static_cast<int64_t>(history.size());
    while (num_out < limit && centre() + half < available) {
      const double* weights = weights_of(num_out * down % up);
      const int64_t first = centre() + half - num_taps + 1 - history_start;
      out.push_back(static_cast<Out>(dot(weights, history.data() + first, num_taps)));
      ++num_out;
    }
    const int64_t unused =
        std::min(centre() + half - num_taps + 1 - history_start, static_cast<int64_t>(history.size()));
    if (unused > kBlock) {
      history.erase(history.begin(), history.begin() + unused);
      history_start += unused;
    }
  }

  template <class In, class Out>
  void push(const In* x, int64_t n, std::vector<Out>& out) {
    if (up == down) {
      out.insert(out.end(), x, x + n);
      return;
    }
    // In blocks: the history stays short however much comes at once.
    for (int64_t i = 0; i < n; i += kBlock)
      feed(x + i, std::min(kBlock, n - i), std::numeric_limits<int64_t>::max(), out);
  }

  template <class Out>
  void finish(std::vector<Out>& out) {
    if (num_in > 0) {
      const int64_t length = (num_in * up + down - 1) / down;
      const std::vector<double> held(static_cast<size_t>(half), history.back());
      feed(held.data(), half, length, out);
    }
    history.clear();
    num_in = 0;
    num_out = 0;
  }
};

StreamResampler::StreamResampler(double in_rate_hz, double out_rate_hz, const ResampleQuality& quality)
    : impl_(std::make_unique<Impl>(in_rate_hz, out_rate_hz, quality)) {}
StreamResampler::~StreamResampler() = default;
StreamResampler::StreamResampler(StreamResampler&&) noexcept = default;
StreamResampler& StreamResampler::operator=(StreamResampler&&) noexcept = default;

void StreamResampler::push(const float* x, int64_t n, std::vector<float>& out) {
  impl_->push(x, n, out);
}
void StreamResampler::push(const double* x, int64_t n, std::vector<double>& out) {
  impl_->push(x, n, out);
}
void StreamResampler::finish(std::vector<float>& out) {
  impl_->finish(out);
}
void StreamResampler::finish(std::vector<double>& out) {
  impl_->finish(out);
}
double StreamResampler::delay_s() const {
  return static_cast<double>(impl_->half) / impl_->in_rate_hz;
}

std::vector<float> resample(const std::vector<float>& x, double in_rate_hz, double out_rate_hz,
                            const ResampleQuality& quality) {
  StreamResampler stream(in_rate_hz, out_rate_hz, quality);
  std::vector<float> out;
  stream.push(x.data(), static_cast<int64_t>(x.size()), out);
  stream.finish(out);
  return out;
}

std::vector<double> resample(const std::vector<double>& x, double in_rate_hz, double out_rate_hz,
                             const ResampleQuality& quality) {
  const std::vector<double> filled = fill_gaps(x);
  StreamResampler stream(in_rate_hz, out_rate_hz, quality);
  std::vector<double> out;
  stream.push(filled.data(), static_cast<int64_t>(filled.size()), out);
  stream.finish(out);
  const auto [up, down] = rate_ratio(in_rate_hz, out_rate_hz);
  for (size_t k = 0; k < out.size(); ++k) {
    const int64_t at = static_cast<int64_t>(k) * down;
    const auto before = static_cast<size_t>(at / up);
    const size_t after = std::min(before + (at % up == 0 ? 0 : 1), x.size() - 1);
    if (!std::isfinite(x[before]) || !std::isfinite(x[after])) out[k] = std::nan("");
  }
  return out;
}

}  // namespace limbic::signals
