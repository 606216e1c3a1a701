#include "limbic/signals/audio/log_mel.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "dsp/fft.h"
#include "limbic/core/log.h"
#include "limbic/core/rng.h"
#include "mel_filterbank.h"

namespace limbic::signals {
namespace {

std::string got(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return ", got " + text;
}
std::string got(int64_t value) {
  return ", got " + std::to_string(value);
}

std::vector<double> window_weights(WindowShape shape, int64_t length) {
  constexpr double kPi = 3.14159265358979323846;
  std::vector<double> w(static_cast<size_t>(length), 1.0);
  if (shape == WindowShape::kRectangular || length == 1) return w;
  const auto period = static_cast<double>(shape == WindowShape::kHannPeriodic ? length : length - 1);
  for (size_t i = 0; i < w.size(); ++i) {
    const double c = std::cos(2.0 * kPi * static_cast<double>(i) / period);
    if (shape == WindowShape::kHamming) {
      w[i] = 0.54 - 0.46 * c;
    } else {
      w[i] = 0.5 - 0.5 * c;
      if (shape == WindowShape::kPovey) w[i] = std::pow(w[i], 0.85);
    }
  }
  return w;
}

inline double to_unit(float sample) {
  return static_cast<double>(sample);
}
inline double to_unit(int16_t sample) {
  return static_cast<double>(sample) / 32768.0;
}

}  // namespace

LogMelConfig LogMelConfig::librosa(int64_t sample_rate_hz, int64_t fft_samples, int64_t hop_samples,
                                   int64_t num_mels) {
  LogMelConfig c;
  c.sample_rate_hz = sample_rate_hz;
  c.window_samples = fft_samples;
  c.hop_samples = hop_samples;
  c.fft_samples = fft_samples;
  c.num_mels = num_mels;
  c.low_hz = 0.0;
  c.framing = Framing::kCenterZero;
  c.window = WindowShape::kHannPeriodic;
  c.remove_dc = false;
  c.preemphasis = 0.0;
  c.mel_scale = MelScale::kSlaney;
  c.triangles = Triangles::kHz;
  c.mel_norm = MelNorm::kArea;
  c.log = MelLog::kDecibel;
  c.floor = 1e-10;
  return c;
}

void LogMelConfig::validate(config::Checks& checks) const {
  constexpr int64_t kMaxFft = 1 << 20;
  checks.expect(sample_rate_hz > 0 && sample_rate_hz <= 1'000'000, "sample_rate_hz",
                "must be in [1, 1000000]" + got(sample_rate_hz));
  checks.expect(window_samples >= 2 && window_samples <= kMaxFft, "window_samples",
                "must be in [2, 1048576]" + got(window_samples));
  checks.expect(hop_samples >= 1 && hop_samples <= kMaxFft, "hop_samples",
                "must be in [1, 1048576]" + got(hop_samples));
  checks.expect(
      fft_samples == 0 || (fft_samples % 2 == 0 && fft_samples >= window_samples && fft_samples <= kMaxFft),
      "fft_samples",
      "must be 0 (next power of two) or even and at least window_samples (" + std::to_string(window_samples) +
          ")" + got(fft_samples));
  checks.expect(num_mels >= 1 && num_mels <= 4096, "num_mels", "must be in [1, 4096]" + got(num_mels));
  const double nyquist_hz = 0.5 * static_cast<double>(sample_rate_hz);
  const double top_hz = high_hz > 0 ? high_hz : nyquist_hz + high_hz;
  checks.expect(low_hz >= 0 && low_hz < nyquist_hz, "low_hz",
                "must be in [0, half the sample rate)" + got(low_hz));
  checks.expect(top_hz > low_hz && top_hz <= nyquist_hz, "high_hz",
                "must mean a frequency above low_hz and at most half the sample rate" + got(high_hz));
  checks.expect(preemphasis >= 0 && preemphasis < 1, "preemphasis", "must be in [0, 1)" + got(preemphasis));
  checks.expect(power == 1.0 || power == 2.0, "power", "must be 1 or 2" + got(power));
  checks.expect(floor > 0 && std::isfinite(floor), "floor", "must be positive" + got(floor));
  checks.expect(!top_db || (*top_db > 0 && log == MelLog::kDecibel), "top_db",
                "must be positive and needs log: decibel" + (top_db ? got(*top_db) : std::string()));
  checks.expect(dither >= 0 && std::isfinite(dither), "dither", "must not be negative" + got(dither));
}

struct LogMel::Impl {
  LogMelConfig config;
  std::vector<double> window;
  RealFft fft;
  std::vector<MelFilter> filters;
  double scale;

  explicit Impl(const LogMelConfig& c)
      : config(c),
        window(window_weights(c.window, c.window_samples)),
        fft(resolved_fft_samples(c)),
        filters(mel_filters(c)),
        scale(c.sample_scale == SampleScale::kInt16 ? 32768.0 : 1.0) {
    int64_t num_empty = 0;
    for (const auto& filter : filters) num_empty += filter.weights.empty() ? 1 : 0;
    if (num_empty > 0) {
      log::warn("mel_filters_empty", {{"empty", num_empty},
                                      {"of", c.num_mels},
                                      {"hint", "fewer mels or a longer FFT: these features are constant"}});
    }
  }

  /// Sample at which frame 0 begins, relative to the first sample; frame t begins hop * t later.
  int64_t first_start() const {
    switch (config.framing) {
      case Framing::kReflectEdges:
        return config.hop_samples / 2 - config.window_samples / 2;
      case Framing::kCenterZero:
        // The window lies in the middle of the FFT's buffer, whose middle is the frame's time (librosa,
        // torch.stft).
        return (fft.length() - config.window_samples) / 2 - fft.length() / 2;
      case Framing::kSnipEdges:
        break;
    }
    return 0;
  }

  int64_t num_frames(int64_t num_samples) const {
    if (num_samples <= 0) return 0;
    switch (config.framing) {
      case Framing::kReflectEdges:
        return (num_samples + config.hop_samples / 2) / config.hop_samples;
      case Framing::kCenterZero:
        return 1 + num_samples / config.hop_samples;
      case Framing::kSnipEdges:
        break;
    }
    return num_samples < config.window_samples
               ? 0
               : 1 + (num_samples - config.window_samples) / config.hop_samples;
  }

  /// Frame `t`, scaled, before windowing.
  template <class Sample>
  void gather(const Sample* samples, int64_t num_samples, int64_t t, double* frame) const {
    const int64_t start = first_start() + t * config.hop_samples;
    const int64_t length = config.window_samples;
    if (start >= 0 && start + length <= num_samples) {
      for (int64_t i = 0; i < length; ++i) frame[i] = scale * to_unit(samples[start + i]);
    } else if (config.framing == Framing::kCenterZero) {
      for (int64_t i = 0; i < length; ++i) {
        const int64_t at = start + i;
        frame[i] = at >= 0 && at < num_samples ? scale * to_unit(samples[at]) : 0.0;
      }
    } else {
      // Mirrored with the end samples repeated: -1 -> 0, -2 -> 1. Clips shorter than a window bounce more
      // than once.
      const int64_t period = 2 * num_samples;
      for (int64_t i = 0; i < length; ++i) {
        int64_t at = (start + i) % period;
        if (at < 0) at += period;
        if (at >= num_samples) at = period - 1 - at;
        frame[i] = scale * to_unit(samples[at]);
      }
    }
    if (config.dither > 0) {
      core::Rng rng(config.dither_seed, static_cast<uint64_t>(t));
      for (int64_t i = 0; i < length; ++i) frame[i] += config.dither * rng.normal();
    }
  }

  void condition(double* frame) const {
    const size_t length = window.size();
    if (config.remove_dc) {
      double sum = 0;
      for (size_t i = 0; i < length; ++i) sum += frame[i];
      const double mean = sum / static_cast<double>(length);
      for (size_t i = 0; i < length; ++i) frame[i] -= mean;
    }
    if (config.preemphasis > 0) {
      for (size_t i = length - 1; i > 0; --i) frame[i] -= config.preemphasis * frame[i - 1];
      frame[0] -= config.preemphasis * frame[0];
    }
    for (size_t i = 0; i < length; ++i) frame[i] *= window[i];
  }

  float compress(double energy) const {
    switch (config.log) {
      case MelLog::kNatural:
        return static_cast<float>(std::log(std::max(energy, config.floor)));
      case MelLog::kDecibel:
        return static_cast<float>(10.0 * std::log10(std::max(energy, config.floor)));
      case MelLog::kNone:
        break;
    }
    return static_cast<float>(energy);
  }

  template <class Sample>
  void compute(const Sample* samples, int64_t num_samples, float* out_TF) const {
    const int64_t total = num_frames(num_samples);
    const auto fft_samples = static_cast<size_t>(fft.length());
    const size_t length = window.size();
    std::vector<double> frame(length);
    std::vector<Lanes> signal(fft_samples);
    std::vector<Lanes> scratch(fft_samples);
    std::vector<Lanes> power(static_cast<size_t>(fft.num_bins()));
    for (int64_t t0 = 0; t0 < total; t0 += static_cast<int64_t>(kLanes)) {
      const int64_t used = std::min<int64_t>(kLanes, total - t0);
      std::fill(signal.begin(), signal.end(), Lanes{});
      for (int64_t lane = 0; lane < used; ++lane) {
        gather(samples, num_samples, t0 + lane, frame.data());
        condition(frame.data());
        for (size_t i = 0; i < length; ++i) {
          set_lane(signal[i], lane, frame[i]);
        }
      }
      fft.power_spectrum(signal.data(), scratch.data(), power.data());
      if (config.power == 1.0) {
        for (Lanes& p : power) {
          for (int i = 0; i < 2; ++i) {
            p.low[i] = std::sqrt(p.low[i]);
            p.high[i] = std::sqrt(p.high[i]);
          }
        }
      }
      for (size_t m = 0; m < filters.size(); ++m) {
        const MelFilter& filter = filters[m];
        Lanes energy{};
        const Lanes* bin = power.data() + filter.first_bin;
        for (const double weight : filter.weights) energy = energy + weight * *bin++;
        for (int64_t lane = 0; lane < used; ++lane) {
          const double e = lane_of(energy, lane);
          out_TF[static_cast<size_t>(t0 + lane) * filters.size() + m] = compress(e);
        }
      }
    }
    if (config.top_db && total > 0) {
      float* end = out_TF + static_cast<size_t>(total) * filters.size();
      const float lowest = *std::max_element(out_TF, end) - static_cast<float>(*config.top_db);
      for (float* v = out_TF; v != end; ++v) *v = std::max(*v, lowest);
    }
  }
};

namespace {

const LogMelConfig& checked(const LogMelConfig& config) {
  config::ThrowingChecks checks("log_mel");
  config.validate(checks);
  return config;
}

}  // namespace

LogMel::LogMel(const LogMelConfig& config) : impl_(std::make_unique<const Impl>(checked(config))) {}
LogMel::~LogMel() = default;
LogMel::LogMel(LogMel&&) noexcept = default;
LogMel& LogMel::operator=(LogMel&&) noexcept = default;

int64_t LogMel::num_frames(int64_t num_samples) const {
  return impl_->num_frames(num_samples);
}

void LogMel::compute(const float* samples, int64_t num_samples, std::vector<float>& out_TF) const {
  out_TF.resize(static_cast<size_t>(num_frames(num_samples)) * impl_->filters.size());
  impl_->compute(samples, num_samples, out_TF.data());
}

void LogMel::compute(const float* samples, int64_t num_samples, float* out_TF) const {
  impl_->compute(samples, num_samples, out_TF);
}

void LogMel::compute(const int16_t* samples, int64_t num_samples, float* out_TF) const {
  impl_->compute(samples, num_samples, out_TF);
}

const LogMelConfig& LogMel::config() const {
  return impl_->config;
}
int64_t LogMel::num_mels() const {
  return impl_->config.num_mels;
}

double LogMel::frame_rate_hz() const {
  return static_cast<double>(impl_->config.sample_rate_hz) / static_cast<double>(impl_->config.hop_samples);
}

double LogMel::first_frame_s() const {
  const double center =
      static_cast<double>(impl_->first_start()) + 0.5 * static_cast<double>(impl_->config.window_samples);
  return center / static_cast<double>(impl_->config.sample_rate_hz);
}

}  // namespace limbic::signals
