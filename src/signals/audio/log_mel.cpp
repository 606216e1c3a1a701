#include "limbic/signals/audio/log_mel.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "dsp/fft.h"
#include "dsp/got.h"
#include "frame_reader.h"
#include "limbic/core/log.h"
#include "mel_filterbank.h"

namespace limbic::signals {
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
  check_frame_sizes(checks, sample_rate_hz, window_samples, hop_samples, fft_samples);
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
  FrameReader frames;
  RealFft fft;
  std::vector<MelFilter> filters;

  explicit Impl(const LogMelConfig& c)
      : config(c), frames(frame_layout(c)), fft(frames.layout().fft_samples), filters(mel_filters(c)) {
    int64_t num_empty = 0;
    for (const auto& filter : filters) num_empty += filter.weights.empty() ? 1 : 0;
    if (num_empty > 0) {
      log::warn("mel_filters_empty", {{"empty", num_empty},
                                      {"of", c.num_mels},
                                      {"hint", "fewer mels or a longer FFT: these features are constant"}});
    }
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
    const int64_t total = frames.num_frames(num_samples);
    const auto fft_samples = static_cast<size_t>(fft.length());
    const auto length = static_cast<size_t>(config.window_samples);
    std::vector<double> frame(length);
    std::vector<Lanes> signal(fft_samples);
    std::vector<Lanes> scratch(fft_samples);
    std::vector<Lanes> power(static_cast<size_t>(fft.num_bins()));
    for (int64_t t0 = 0; t0 < total; t0 += static_cast<int64_t>(kLanes)) {
      const int64_t used = std::min<int64_t>(kLanes, total - t0);
      std::fill(signal.begin(), signal.end(), Lanes{});
      for (int64_t lane = 0; lane < used; ++lane) {
        frames.read(samples, num_samples, t0 + lane, frame.data());
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
  return impl_->frames.num_frames(num_samples);
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
  return impl_->frames.first_centre() / static_cast<double>(impl_->config.sample_rate_hz);
}

}  // namespace limbic::signals
