#include "voice/resampled.h"

#include <numeric>

#include "dsp/fft.h"

namespace limbic::signals {
namespace {

constexpr int64_t kSide = 50;  ///< input samples on either side that interpolate
constexpr int64_t kMaxPhases = 2048;
constexpr double kResampledPi = 3.14159265358979323846;

/// Weights of the 2 kSide samples around a position `fraction` after the kSide-th of them.
void interpolation_taps(double fraction, double* taps) {
  for (int64_t k = 0; k < 2 * kSide; ++k) {
    const double d = fraction + static_cast<double>(kSide - 1 - k);
    const double reach =
        d >= 0 ? fraction + static_cast<double>(kSide) : 1.0 - fraction + static_cast<double>(kSide);
    const double a = kResampledPi * d;
    const double sinc = std::abs(a) < 1e-12 ? 1.0 : std::sin(a) / a;
    taps[k] = sinc * (0.5 + 0.5 * std::cos(a / reach));
  }
}

/// Transform of a long real signal whose length is a multiple of 16: its four interleaved quarters share the
/// vector registers and are combined by one more pass.
class LongFft {
 public:
  explicit LongFft(int64_t length)
      : length_(length),
        fft_(length / 4),
        signal_(static_cast<size_t>(length / 4)),
        scratch_(signal_.size()),
        real_(static_cast<size_t>(fft_.num_bins())),
        imaginary_(real_.size()) {}

  /// Calls put(k, Re X[k], Im X[k]) for k in [0, num_bins), num_bins <= length / 2 + 1.
  template <class Put>
  void transform(const std::vector<double>& x, int64_t num_bins, Put put) {
    const int64_t quarter = length_ / 4;
    for (int64_t m = 0; m < quarter; ++m) {
      for (int64_t j = 0; j < 4; ++j)
        set_lane(signal_[static_cast<size_t>(m)], j, x[static_cast<size_t>(4 * m + j)]);
    }
    fft_.complex_spectrum(signal_.data(), scratch_.data(), real_.data(), imaginary_.data());
    for (int64_t k = 0; k < num_bins; ++k) {
      const int64_t folded = k % quarter;
      const bool is_mirrored = folded > quarter / 2;
      const auto bin = static_cast<size_t>(is_mirrored ? quarter - folded : folded);
      const double angle = -2.0 * kResampledPi * static_cast<double>(k) / static_cast<double>(length_);
      const double step_re = std::cos(angle);
      const double step_im = std::sin(angle);
      double re = 0;
      double im = 0;
      double w_re = 1;
      double w_im = 0;
      for (int64_t j = 0; j < 4; ++j) {
        const double a = lane_of(real_[bin], j);
        const double b = is_mirrored ? -lane_of(imaginary_[bin], j) : lane_of(imaginary_[bin], j);
        re += w_re * a - w_im * b;
        im += w_re * b + w_im * a;
        const double next = w_re * step_re - w_im * step_im;
        w_im = w_re * step_im + w_im * step_re;
        w_re = next;
      }
      put(static_cast<size_t>(k), re, im);
    }
  }

 private:
  int64_t length_;
  RealFft fft_;
  std::vector<Lanes> signal_;
  std::vector<Lanes> scratch_;
  std::vector<Lanes> real_;
  std::vector<Lanes> imaginary_;
};

/// The span without what lies at or above `cut` (of half its rate).
std::vector<double> low_passed(const SampleSpan& x, double cut) {
  constexpr int64_t kQuiet = 1000;  // zeros at both ends keep what rings past one out of the other
  const int64_t n = x.last - x.first;
  int64_t length = 64;
  while (length < n + 2 * kQuiet) length *= 2;
  const auto size = static_cast<size_t>(length);
  LongFft fft(length);
  std::vector<double> buffer(size, 0.0);
  std::copy(x.data, x.data + n, buffer.begin() + kQuiet);
  // Back by the Hartley transform H[k] = Re X[k] - Im X[k], which is its own inverse.
  std::vector<double> hartley(size, 0.0);
  // Praat cuts the packed transform (re, im of one bin after the other), which may take only the imaginary
  // part of the last bin; formants of silent frames show even that.
  const auto num_values = static_cast<int64_t>(std::floor(cut * static_cast<double>(length)));
  const int64_t num_kept = num_values / 2;
  fft.transform(buffer, num_kept, [&](size_t k, double re, double im) {
    if (num_values % 2 == 0 && static_cast<int64_t>(k) == num_kept - 1) im = 0;
    hartley[k] = re - im;
    if (k > 0) hartley[size - k] = re + im;
  });
  const double scale = 1.0 / static_cast<double>(length);
  fft.transform(hartley, length / 2 + 1, [&](size_t k, double re, double im) {
    buffer[k] = scale * (re - im);
    if (k > 0) buffer[size - k] = scale * (re + im);
  });
  return {buffer.begin() + kQuiet, buffer.begin() + kQuiet + n};
}

}  // namespace

Resampled::Resampled(double in_rate_hz, double out_rate_hz) : in_rate_(in_rate_hz), out_rate_(out_rate_hz) {
  if (in_rate_hz == out_rate_hz) return;
  const double whole_in = std::round(in_rate_hz);
  const double whole_out = std::round(out_rate_hz);
  if (whole_in == in_rate_hz && whole_out == out_rate_hz) {
    const int64_t period = static_cast<int64_t>(whole_out) /
                           std::gcd(static_cast<int64_t>(whole_in), static_cast<int64_t>(whole_out));
    if (period <= kMaxPhases) num_phases_ = period;
  }
}

int64_t Resampled::num_output(int64_t num_input) const {
  return std::llround(static_cast<double>(num_input) / in_rate_ * out_rate_);
}

double Resampled::centring_shift_s(int64_t num_input) const {
  const double duration_s = static_cast<double>(num_input) / in_rate_;
  return 0.5 * (duration_s - static_cast<double>(num_output(num_input)) / out_rate_);
}

std::vector<double> Resampled::compute(const SampleSpan& x, double shift_s, int64_t first,
                                       int64_t last) const {
  std::vector<double> out(static_cast<size_t>(std::max<int64_t>(0, last - first)), 0.0);
  if (out.empty()) return out;
  if (in_rate_ == out_rate_) {
    for (int64_t i = std::max(first, x.first); i < std::min(last, x.last); ++i)
      out[static_cast<size_t>(i - first)] = x.at(i);
    return out;
  }
  const auto position = [this, shift_s](int64_t i) {
    return (shift_s + (static_cast<double>(i) + 0.5) / out_rate_) * in_rate_ - 0.5;
  };
  SampleSpan in = x;
  std::vector<double> filtered;
  if (out_rate_ < in_rate_) {
    filtered = low_passed(x, out_rate_ / in_rate_);
    in.data = filtered.data();
  }
  // Positions between input samples repeat every num_phases_ outputs: their weights are computed once.
  const int64_t num_tables = std::max<int64_t>(1, num_phases_);
  std::vector<double> tables(static_cast<size_t>(num_tables * 2 * kSide));
  std::vector<double> fractions(static_cast<size_t>(num_tables));
  for (int64_t phase = 0; phase < num_phases_; ++phase) {
    double& fraction = fractions[static_cast<size_t>(phase)];
    fraction = position(phase) - std::floor(position(phase));
    interpolation_taps(fraction, tables.data() + phase * 2 * kSide);
  }
  for (int64_t i = first; i < last; ++i) {
    const double at = position(i);
    double below = std::floor(at);
    int64_t phase = 0;
    if (num_phases_ > 0) {
      phase = ((i % num_phases_) + num_phases_) % num_phases_;
      // Rounding may put `at` on the other side of a sample than the table's position.
      below = std::round(at - fractions[static_cast<size_t>(phase)]);
    } else {
      interpolation_taps(at - below, tables.data());
    }
    const double* taps = tables.data() + phase * 2 * kSide;
    const int64_t start = static_cast<int64_t>(below) - kSide + 1;
    const int64_t low = std::clamp<int64_t>(in.first - start, 0, 2 * kSide);
    const int64_t high = std::clamp<int64_t>(in.last - start, low, 2 * kSide);
    double sum = 0;
    if (high - low == 2 * kSide) {
      const double* from = in.data + (start - in.first);
      double part[4] = {0, 0, 0, 0};
      for (int64_t k = 0; k < 2 * kSide; k += 4) {
        for (int64_t j = 0; j < 4; ++j) part[j] += from[k + j] * taps[k + j];
      }
      sum = (part[0] + part[1]) + (part[2] + part[3]);
    } else {
      for (int64_t k = low; k < high; ++k) sum += in.at(start + k) * taps[k];
    }
    out[static_cast<size_t>(i - first)] = sum;
  }
  return out;
}

std::vector<RecordingPiece> recording_pieces(int64_t num_samples, double rate_hz) {
  constexpr int64_t kMaxWhole = int64_t{1} << 21;
  constexpr double kPiece_s = 60;
  const double duration_s = static_cast<double>(num_samples) / rate_hz;
  if (num_samples <= kMaxWhole) return {{0, duration_s + 1.0, 0, num_samples}};
  std::vector<RecordingPiece> pieces;
  const auto clipped = [num_samples, rate_hz](double t) {
    return std::clamp<int64_t>(std::llround(t * rate_hz), 0, num_samples);
  };
  for (double start_s = 0; start_s < duration_s; start_s += kPiece_s) {
    const double end_s = start_s + kPiece_s;
    pieces.push_back({start_s, end_s, clipped(start_s - kPieceMargin_s), clipped(end_s + kPieceMargin_s)});
  }
  return pieces;
}

}  // namespace limbic::signals
