#include "limbic/signals/audio/stft.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "dsp/fft.h"
#include "frame_reader.h"
#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

const StftConfig& checked_stft(const StftConfig& config) {
  config::ThrowingChecks checks("stft");
  config.validate(checks);
  return config;
}

}  // namespace

StftConfig StftConfig::librosa(int64_t sample_rate_hz, int64_t fft_samples, int64_t hop_samples) {
  StftConfig c;
  c.sample_rate_hz = sample_rate_hz;
  c.window_samples = fft_samples;
  c.hop_samples = hop_samples;
  c.fft_samples = fft_samples;
  return c;
}

StftConfig StftConfig::torch(int64_t sample_rate_hz, int64_t fft_samples, int64_t hop_samples) {
  StftConfig c = librosa(sample_rate_hz, fft_samples, hop_samples);
  c.framing = Framing::kCenterReflect;
  return c;
}

StftConfig StftConfig::kaldi(int64_t sample_rate_hz) {
  StftConfig c;
  c.sample_rate_hz = sample_rate_hz;
  c.window_samples = sample_rate_hz / 40;
  c.hop_samples = sample_rate_hz / 100;
  c.framing = Framing::kSnipEdges;
  c.window = WindowShape::kPovey;
  c.remove_dc = true;
  c.preemphasis = 0.97;
  return c;
}

void StftConfig::validate(config::Checks& checks) const {
  check_frame_sizes(checks, sample_rate_hz, window_samples, hop_samples, fft_samples);
  checks.expect(preemphasis >= 0 && preemphasis < 1, "preemphasis",
                "must be in [0, 1), got " + std::to_string(preemphasis));
}

struct Stft::Impl {
  StftConfig config;
  FrameReader frames;
  RealFft fft;

  explicit Impl(const StftConfig& c)
      : config(c), frames(shared_layout(c)), fft(frames.layout().fft_samples) {}

  size_t num_bins() const { return static_cast<size_t>(fft.num_bins()); }

  /// Where the window begins in the FFT's buffer.
  size_t offset() const {
    const FrameLayout& layout = frames.layout();
    const bool is_centred =
        layout.framing == Framing::kCenterZero || layout.framing == Framing::kCenterReflect;
    return is_centred ? static_cast<size_t>((layout.fft_samples - layout.window_samples) / 2) : 0;
  }

  /// put(t, bin, re, im) for every frame and bin.
  template <class Put>
  void transform(const float* samples, int64_t num_samples, Put put) const {
    const int64_t total = frames.num_frames(num_samples);
    const size_t at = offset();
    std::vector<double> frame(static_cast<size_t>(config.window_samples));
    std::vector<Lanes> signal(static_cast<size_t>(fft.length()));
    std::vector<Lanes> scratch(signal.size());
    std::vector<Lanes> re(num_bins());
    std::vector<Lanes> im(num_bins());
    for (int64_t t0 = 0; t0 < total; t0 += static_cast<int64_t>(kLanes)) {
      const int64_t used = std::min<int64_t>(kLanes, total - t0);
      std::fill(signal.begin(), signal.end(), Lanes{});
      for (int64_t lane = 0; lane < used; ++lane) {
        frames.read(samples, num_samples, t0 + lane, frame.data());
        for (size_t i = 0; i < frame.size(); ++i) set_lane(signal[at + i], lane, frame[i]);
      }
      fft.complex_spectrum(signal.data(), scratch.data(), re.data(), im.data());
      for (int64_t lane = 0; lane < used; ++lane) {
        const size_t row = static_cast<size_t>(t0 + lane) * num_bins();
        for (size_t k = 0; k < num_bins(); ++k) put(row + k, lane_of(re[k], lane), lane_of(im[k], lane));
      }
    }
  }

  size_t size_of(int64_t num_samples) const {
    return static_cast<size_t>(frames.num_frames(num_samples)) * num_bins();
  }
};

Stft::Stft(const StftConfig& config) : impl_(std::make_unique<const Impl>(checked_stft(config))) {}
Stft::~Stft() = default;
Stft::Stft(Stft&&) noexcept = default;
Stft& Stft::operator=(Stft&&) noexcept = default;

void Stft::compute(const float* samples, int64_t num_samples,
                   std::vector<std::complex<float>>& out_TK) const {
  out_TK.resize(impl_->size_of(num_samples));
  impl_->transform(samples, num_samples, [&](size_t i, double re, double im) {
    out_TK[i] = {static_cast<float>(re), static_cast<float>(im)};
  });
}

void Stft::magnitude(const float* samples, int64_t num_samples, std::vector<float>& out_TK) const {
  out_TK.resize(impl_->size_of(num_samples));
  impl_->transform(samples, num_samples, [&](size_t i, double re, double im) {
    out_TK[i] = static_cast<float>(std::sqrt(re * re + im * im));
  });
}

void Stft::power(const float* samples, int64_t num_samples, std::vector<float>& out_TK) const {
  out_TK.resize(impl_->size_of(num_samples));
  impl_->transform(samples, num_samples, [&](size_t i, double re, double im) {
    out_TK[i] = static_cast<float>(re * re + im * im);
  });
}

// Note [Inverse by the forward transform]
// A real signal's Hartley transform H[k] = Re X[k] - Im X[k], k over the whole circle, is its own inverse up
// to 1 / n, and comes from the Fourier transform F of the real sequence: x[i] = (Re F[i] - Im F[i]) / n.
std::vector<float> Stft::inverse(const std::vector<std::complex<float>>& spectrum_TK,
                                 int64_t num_samples) const {
  const StftConfig& c = impl_->config;
  require(!c.remove_dc && c.preemphasis == 0, ErrorCode::kConfig,
          "stft: inverse needs remove_dc: false and preemphasis: 0; a frame's mean and pre-emphasis are not "
          "undone");
  require(spectrum_TK.size() == impl_->size_of(num_samples), ErrorCode::kData,
          "stft: inverse got " + std::to_string(spectrum_TK.size()) + " values; expected " +
              std::to_string(num_frames(num_samples)) + " frames of " + std::to_string(num_bins()) +
              " bins for " + std::to_string(num_samples) + " samples");
  const RealFft& fft = impl_->fft;
  const auto length = static_cast<size_t>(fft.length());
  const size_t bins = impl_->num_bins();
  const std::vector<double>& window = impl_->frames.window();
  const int64_t total = num_frames(num_samples);
  std::vector<double> sum(static_cast<size_t>(num_samples), 0.0);
  std::vector<double> weight(sum.size(), 0.0);
  std::vector<Lanes> hartley(length);
  std::vector<Lanes> scratch(length);
  std::vector<Lanes> re(bins);
  std::vector<Lanes> im(bins);
  for (int64_t t0 = 0; t0 < total; t0 += static_cast<int64_t>(kLanes)) {
    const int64_t used = std::min<int64_t>(kLanes, total - t0);
    std::fill(hartley.begin(), hartley.end(), Lanes{});
    for (int64_t lane = 0; lane < used; ++lane) {
      const std::complex<float>* x = spectrum_TK.data() + static_cast<size_t>(t0 + lane) * bins;
      for (size_t k = 0; k < bins; ++k) {
        const double real = x[k].real();
        const double imaginary = k == 0 || 2 * k == length ? 0.0 : x[k].imag();
        set_lane(hartley[k], lane, real - imaginary);
        if (k > 0 && 2 * k < length) set_lane(hartley[length - k], lane, real + imaginary);
      }
    }
    fft.complex_spectrum(hartley.data(), scratch.data(), re.data(), im.data());
    for (int64_t lane = 0; lane < used; ++lane) {
      const int64_t start = impl_->frames.first_start() + (t0 + lane) * c.hop_samples;
      for (size_t i = 0; i < window.size(); ++i) {
        const int64_t at = start + static_cast<int64_t>(i);
        if (at < 0 || at >= num_samples) continue;
        const size_t place = impl_->offset() + i;
        const bool is_mirrored = 2 * place > length;
        const size_t bin = is_mirrored ? length - place : place;
        const double imaginary = lane_of(im[bin], lane);
        const double value = lane_of(re[bin], lane) + (is_mirrored ? imaginary : -imaginary);
        sum[static_cast<size_t>(at)] += window[i] * value / static_cast<double>(length);
        weight[static_cast<size_t>(at)] += window[i] * window[i];
      }
    }
  }
  std::vector<float> out(sum.size(), 0.0f);
  for (size_t i = 0; i < out.size(); ++i) {
    if (weight[i] > 1e-11) out[i] = static_cast<float>(sum[i] / weight[i] / impl_->frames.layout().scale);
  }
  return out;
}

int64_t Stft::num_frames(int64_t num_samples) const {
  return impl_->frames.num_frames(num_samples);
}
int64_t Stft::num_bins() const {
  return impl_->fft.num_bins();
}
double Stft::bin_hz() const {
  return static_cast<double>(impl_->config.sample_rate_hz) / static_cast<double>(impl_->fft.length());
}
double Stft::first_frame_s() const {
  return impl_->frames.first_centre() / static_cast<double>(impl_->config.sample_rate_hz);
}
const StftConfig& Stft::config() const {
  return impl_->config;
}

}  // namespace limbic::signals
