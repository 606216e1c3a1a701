#include "limbic/signals/voice/voice_frames.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "dsp/constants.h"
#include "dsp/fft.h"
#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {
namespace {

constexpr double kInt16Scale = 32768.0;
constexpr double kVoiceWindow_s = 0.025;
constexpr double kVoiceHop_s = 0.010;
constexpr double kF0Window_s = 0.064;
constexpr size_t kMaxCandidates = 5;
constexpr int64_t kTrimSmoothRadius = 2;

int64_t samples_of(double seconds, int64_t sample_rate_hz) {
  return std::llround(seconds * static_cast<double>(sample_rate_hz));
}

LogMelConfig mel_config_of(const VoiceFramesConfig& c) {
  LogMelConfig mel;
  mel.sample_rate_hz = c.sample_rate_hz;
  mel.window_samples = samples_of(kVoiceWindow_s, c.sample_rate_hz);
  mel.hop_samples = samples_of(kVoiceHop_s, c.sample_rate_hz);
  mel.num_mels = c.num_mels;
  mel.sample_scale = SampleScale::kInt16;
  return mel;
}

const VoiceFramesConfig& checked_voice_frames(const VoiceFramesConfig& config) {
  config::ThrowingChecks checks("voice_frames");
  config.validate(checks);
  return config;
}

/// A possible F0 of a frame.
struct F0Candidate {
  double f0_log2 = 0;
  double strength = 0;
};
/// The strongest peaks of a frame's autocorrelation and its power.
struct F0Frame {
  std::array<F0Candidate, kMaxCandidates> candidates;
  size_t num_candidates = 0;
  double power = 0;

  void offer(const F0Candidate& candidate) {
    if (num_candidates < kMaxCandidates) {
      candidates[num_candidates++] = candidate;
      return;
    }
    auto weakest =
        std::min_element(candidates.begin(), candidates.end(),
                         [](const F0Candidate& a, const F0Candidate& b) { return a.strength < b.strength; });
    if (candidate.strength > weakest->strength) *weakest = candidate;
  }
};

int sign_of(float x) {
  return (x > 0) - (x < 0);
}

}  // namespace

void VoiceFramesConfig::validate(config::Checks& checks) const {
  const auto got_value = [](double value) { return ", got " + std::to_string(value); };
  checks.expect(sample_rate_hz >= 4000 && sample_rate_hz <= 192000, "sample_rate_hz",
                "must be in [4000, 192000], got " + std::to_string(sample_rate_hz));
  checks.expect(num_mels >= 20 && num_mels <= 1024, "num_mels",
                "must be in [20, 1024], got " + std::to_string(num_mels));
  // Two periods must fit into the window, so that a lag is more than the window's own shape.
  checks.expect(f0_low_hz >= 2.0 / kF0Window_s, "f0_low_hz", "must be at least 31.25" + got_value(f0_low_hz));
  checks.expect(f0_high_hz > f0_low_hz && f0_high_hz <= static_cast<double>(sample_rate_hz) / 6.0,
                "f0_high_hz",
                "must be above f0_low_hz and at most a sixth of the rate" + got_value(f0_high_hz));
  const auto expect_cost = [&](double value, const char* name) {
    checks.expect(value >= 0 && value <= 10, name, "must be in [0, 10]" + got_value(value));
  };
  expect_cost(octave_cost, "octave_cost");
  expect_cost(voicing_threshold, "voicing_threshold");
  expect_cost(silence_cost, "silence_cost");
  expect_cost(jump_cost, "jump_cost");
  expect_cost(switch_cost, "switch_cost");
  checks.expect(trim_nats >= 0 && trim_nats <= 100, "trim_nats",
                "must be in [0, 100]" + got_value(trim_nats));
  checks.expect(trim_keep_frames >= 0 && trim_keep_frames <= 10000, "trim_keep_frames",
                "must be in [0, 10000], got " + std::to_string(trim_keep_frames));
}

struct VoiceFrames::Impl {
  VoiceFramesConfig config;
  LogMel mel;
  int64_t window_samples;  ///< of a frame
  int64_t hop_samples;
  int64_t f0_samples;  ///< of the longer window around the same centre
  int64_t lowest_lag;
  int64_t highest_lag;
  RealFft fft;
  std::vector<double> hann;
  std::vector<double> window_correlation;  ///< of `hann` by lag, 1 at lag 0

  explicit Impl(const VoiceFramesConfig& c)
      : config(c),
        mel(mel_config_of(c)),
        window_samples(samples_of(kVoiceWindow_s, c.sample_rate_hz)),
        hop_samples(samples_of(kVoiceHop_s, c.sample_rate_hz)),
        f0_samples(2 * samples_of(0.5 * kF0Window_s, c.sample_rate_hz)),
        lowest_lag(static_cast<int64_t>(static_cast<double>(c.sample_rate_hz) / c.f0_high_hz)),
        highest_lag(static_cast<int64_t>(static_cast<double>(c.sample_rate_hz) / c.f0_low_hz)),
        fft(fft_length()) {
    for (int64_t i = 0; i < f0_samples; ++i) {
      hann.push_back(
          0.5 - 0.5 * std::cos(2.0 * kPi * static_cast<double>(i) / static_cast<double>(f0_samples - 1)));
    }
    for (int64_t lag = 0; lag <= highest_lag + 1; ++lag) {
      double sum = 0;
      for (auto i = static_cast<size_t>(lag); i < hann.size(); ++i)
        sum += hann[i] * hann[i - static_cast<size_t>(lag)];
      window_correlation.push_back(sum);
    }
    const double power = window_correlation.front();
    constexpr double kLeastCorrelation = 0.05;
    for (double& r : window_correlation) r = std::max(r / power, kLeastCorrelation);
  }

  /// Long enough that lags up to highest_lag + 1 do not wrap around; a multiple of 256 is fast.
  int64_t fft_length() const { return (f0_samples + highest_lag + 2 + 255) / 256 * 256; }

  VoiceTrack compute(const float* samples, int64_t num_samples) const {
    VoiceTrack track;
    track.num_frames = mel.num_frames(num_samples);
    if (track.num_frames == 0) return track;
    mel.compute(samples, num_samples, track.log_mel_TF);
    const auto frames = f0_frames(samples, num_samples, track.num_frames);
    track.f0_log2 = best_path(frames);
    for (const F0Frame& frame : frames) {
      double strongest = 0;
      for (size_t i = 0; i < frame.num_candidates; ++i)
        strongest = std::max(strongest, frame.candidates[i].strength);
      track.strength.push_back(std::min(strongest, 1.0));
    }
    for (int64_t t = 0; t < track.num_frames; ++t) {
      const float* x = samples + t * hop_samples;
      double sum = 0;
      int64_t num_changes = 0;
      for (int64_t i = 0; i < window_samples; ++i) {
        const double value = kInt16Scale * static_cast<double>(x[i]);
        sum += value * value;
        if (i > 0 && sign_of(x[i]) != sign_of(x[i - 1])) ++num_changes;
      }
      track.log_energy.push_back(std::log1p(sum / static_cast<double>(window_samples)));
      track.zero_crossing.push_back(static_cast<double>(num_changes) /
                                    static_cast<double>(window_samples - 1));
    }
    if (config.trim_nats > 0) trim(track);
    return track;
  }

  std::vector<F0Frame> f0_frames(const float* samples, int64_t num_samples, int64_t num_frames) const {
    std::vector<F0Frame> frames(static_cast<size_t>(num_frames));
    std::vector<Lanes> signal(static_cast<size_t>(fft.length()));
    std::vector<Lanes> scratch(signal.size());
    std::vector<Lanes> bins(static_cast<size_t>(fft.num_bins()));
    std::vector<double> correlation(static_cast<size_t>(highest_lag + 2));
    const auto length = static_cast<size_t>(f0_samples);
    for (int64_t t0 = 0; t0 < num_frames; t0 += static_cast<int64_t>(kLanes)) {
      const int64_t used = std::min<int64_t>(kLanes, num_frames - t0);
      std::fill(signal.begin(), signal.end(), Lanes{});
      for (int64_t lane = 0; lane < used; ++lane) {
        const int64_t start = (t0 + lane) * hop_samples + (window_samples - f0_samples) / 2;
        const int64_t first = std::clamp<int64_t>(-start, 0, f0_samples);
        const int64_t last = std::clamp<int64_t>(num_samples - start, first, f0_samples);
        double sum = 0;
        for (int64_t i = first; i < last; ++i) sum += static_cast<double>(samples[start + i]);
        const double mean = sum / static_cast<double>(f0_samples);
        for (size_t i = 0; i < length; ++i) {
          const auto at = static_cast<int64_t>(i);
          const double x = at >= first && at < last ? static_cast<double>(samples[start + at]) : 0.0;
          set_lane(signal[i], lane, (x - mean) * hann[i]);
        }
      }
      // The autocorrelation is the transform of the power spectrum, which is even.
      fft.power_spectrum(signal.data(), scratch.data(), bins.data());
      const size_t size = signal.size();
      for (size_t k = 0; k < bins.size(); ++k) {
        signal[k] = bins[k];
        if (k > 0) signal[size - k] = bins[k];
      }
      fft.real_spectrum(signal.data(), scratch.data(), bins.data());
      for (int64_t lane = 0; lane < used; ++lane) {
        for (size_t lag = 0; lag < correlation.size(); ++lag) {
          correlation[lag] = lane_of(bins[lag], lane) / static_cast<double>(size);
        }
        find_candidates(correlation, frames[static_cast<size_t>(t0 + lane)]);
      }
    }
    return frames;
  }

  /// @param correlation  by lag up to highest_lag + 1, overwritten
  void find_candidates(std::vector<double>& correlation, F0Frame& frame) const {
    constexpr double kLeastPower = 1e-6;
    frame.power = std::max(correlation[0], 0.0) + kLeastPower;
    for (size_t lag = 0; lag < correlation.size(); ++lag)
      correlation[lag] = correlation[lag] / frame.power / window_correlation[lag];
    for (int64_t lag = lowest_lag; lag <= highest_lag; ++lag) {
      const double* r = correlation.data() + lag;
      if (!(r[0] >= r[-1] && r[0] > r[1])) continue;
      const double offset = 0.5 * (r[-1] - r[1]) / (r[-1] - 2.0 * r[0] + r[1] - 1e-9);
      const double period = static_cast<double>(lag) + std::clamp(offset, -0.5, 0.5);
      const double octaves = std::log2(static_cast<double>(lag) / static_cast<double>(lowest_lag));
      frame.offer({std::log2(static_cast<double>(config.sample_rate_hz) / period),
                   r[0] - config.octave_cost * octaves});
    }
  }

  /// The path of highest total strength less costs: log2 F0 of each frame, 0 where it is unvoiced.
  std::vector<double> best_path(const std::vector<F0Frame>& frames) const {
    constexpr size_t kNumStates = kMaxCandidates + 1;  // state 0 is unvoiced, i is candidate i - 1
    constexpr double kMaxSilenceRise = 0.5;
    double loudest = 0;
    for (const F0Frame& frame : frames) loudest = std::max(loudest, frame.power);
    const auto strength_of = [&](const F0Frame& frame, size_t state) {
      if (state > 0) return frame.candidates[state - 1].strength;
      const double below = -config.silence_cost * std::log10(frame.power / loudest + 1e-9);
      return config.voicing_threshold + std::clamp(below, 0.0, kMaxSilenceRise);
    };
    std::array<double, kNumStates> value{};
    std::vector<std::array<uint8_t, kNumStates>> origin(frames.size());
    for (size_t state = 0; state <= frames.front().num_candidates; ++state)
      value[state] = strength_of(frames.front(), state);
    for (size_t t = 1; t < frames.size(); ++t) {
      const F0Frame& before = frames[t - 1];
      const F0Frame& now = frames[t];
      std::array<double, kNumStates> next{};
      for (size_t to = 0; to <= now.num_candidates; ++to) {
        double best = 0;
        for (size_t from = 0; from <= before.num_candidates; ++from) {
          double cost = from == 0 && to == 0 ? 0.0 : config.switch_cost;
          if (from > 0 && to > 0) {
            cost = config.jump_cost *
                   std::abs(before.candidates[from - 1].f0_log2 - now.candidates[to - 1].f0_log2);
          }
          const double total = value[from] - cost;
          if (from == 0 || total > best) {
            best = total;
            origin[t][to] = static_cast<uint8_t>(from);
          }
        }
        next[to] = best + strength_of(now, to);
      }
      value = next;
    }
    size_t state = 0;
    for (size_t s = 1; s <= frames.back().num_candidates; ++s) {
      if (value[s] > value[state]) state = s;
    }
    std::vector<double> f0_log2(frames.size(), 0.0);
    for (size_t t = frames.size(); t-- > 0;) {
      if (state > 0) f0_log2[t] = frames[t].candidates[state - 1].f0_log2;
      state = origin[t][state];
    }
    return f0_log2;
  }

  void trim(VoiceTrack& track) const {
    const auto width = static_cast<size_t>(config.num_mels);
    const int64_t num_frames = track.num_frames;
    std::vector<double> energy;
    for (size_t t = 0; t < static_cast<size_t>(num_frames); ++t) {
      const float* row = track.log_mel_TF.data() + t * width;
      const double top = static_cast<double>(*std::max_element(row, row + width));
      double sum = 0;
      for (size_t m = 0; m < width; ++m) sum += std::exp(static_cast<double>(row[m]) - top);
      energy.push_back(top + std::log(sum));
    }
    std::vector<double> smooth;
    for (int64_t t = 0; t < num_frames; ++t) {
      const int64_t first = std::max<int64_t>(0, t - kTrimSmoothRadius);
      const int64_t last = std::min(num_frames, t + kTrimSmoothRadius + 1);
      double sum = 0;
      for (int64_t i = first; i < last; ++i) sum += energy[static_cast<size_t>(i)];
      smooth.push_back(sum / static_cast<double>(last - first));
    }
    const double floor = *std::max_element(smooth.begin(), smooth.end()) - config.trim_nats;
    const auto is_loud = [floor](double e) { return e > floor; };
    const auto begin = std::find_if(smooth.begin(), smooth.end(), is_loud) - smooth.begin();
    const auto end = smooth.rend() - std::find_if(smooth.rbegin(), smooth.rend(), is_loud);
    const int64_t first = std::max<int64_t>(0, begin - config.trim_keep_frames);
    const int64_t last = std::min<int64_t>(num_frames, end + config.trim_keep_frames);
    const auto cut = [first, last](auto& values, int64_t per_frame) {
      values.erase(values.begin() + last * per_frame, values.end());
      values.erase(values.begin(), values.begin() + first * per_frame);
    };
    cut(track.log_mel_TF, config.num_mels);
    cut(track.f0_log2, 1);
    cut(track.strength, 1);
    cut(track.log_energy, 1);
    cut(track.zero_crossing, 1);
    track.first_frame = first;
    track.num_frames = last - first;
  }
};

VoiceFrames::VoiceFrames(const VoiceFramesConfig& config)
    : impl_(std::make_unique<const Impl>(checked_voice_frames(config))) {}
VoiceFrames::~VoiceFrames() = default;
VoiceFrames::VoiceFrames(VoiceFrames&&) noexcept = default;
VoiceFrames& VoiceFrames::operator=(VoiceFrames&&) noexcept = default;

VoiceTrack VoiceFrames::compute(const float* samples, int64_t num_samples) const {
  return impl_->compute(samples, num_samples);
}

const VoiceFramesConfig& VoiceFrames::config() const {
  return impl_->config;
}

double VoiceFrames::frame_rate_hz() const {
  return impl_->mel.frame_rate_hz();
}

}  // namespace limbic::signals
