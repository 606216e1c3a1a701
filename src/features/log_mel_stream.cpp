#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/affect/modality.h"
#include "limbic/core/error.h"
#include "limbic/features/feature_extractor.h"
#include "streams.h"

namespace limbic::features {

void check_finite(const float* samples, int64_t num_samples, int64_t sample_rate_hz) {
  const auto* end = samples + num_samples;
  const auto* bad = std::find_if(samples, end, [](float v) { return !std::isfinite(v); });
  if (bad == end) return;
  const double at_s = static_cast<double>(bad - samples) / static_cast<double>(sample_rate_hz);
  throw Error(ErrorCode::kData, "audio: sample " + std::to_string(bad - samples) + " (" +
                                    std::to_string(at_s) +
                                    " s) is not a finite number; expected samples in [-1, 1]");
}

namespace {

constexpr double kTrimBlockS = 0.025;

core::Timestamp after_samples(core::Timestamp t0, int64_t num_samples, int64_t sample_rate_hz) {
  return t0 + core::Timestamp::from_seconds(static_cast<double>(num_samples) /
                                            static_cast<double>(sample_rate_hz));
}

template <class Sample>
SampleRange loud_range(const Sample* samples, int64_t num_samples, int64_t sample_rate_hz,
                       const TrimConfig& config) {
  const auto rate = static_cast<double>(sample_rate_hz);
  const int64_t block = std::max<int64_t>(1, std::llround(kTrimBlockS * rate));
  std::vector<double> energies;
  for (int64_t first = 0; first < num_samples; first += block) {
    const int64_t last = std::min(num_samples, first + block);
    double sum = 0;
    for (int64_t i = first; i < last; ++i)
      sum += static_cast<double>(samples[i]) * static_cast<double>(samples[i]);
    energies.push_back(sum / static_cast<double>(last - first));
  }
  const auto peak = std::max_element(energies.begin(), energies.end());
  if (peak == energies.end() || *peak <= 0) return {0, num_samples};
  const double threshold = *peak * std::pow(10.0, -0.1 * config.threshold_db);
  const auto is_loud = [threshold](double energy) { return energy >= threshold; };
  const auto first = std::find_if(energies.begin(), energies.end(), is_loud) - energies.begin();
  const auto after = energies.rend() - std::find_if(energies.rbegin(), energies.rend(), is_loud);
  const int64_t keep = std::llround(config.keep_s * rate);
  return {std::max<int64_t>(0, first * block - keep), std::min<int64_t>(num_samples, after * block + keep)};
}

template <class Sample>
affect::Stream make_log_mel(const signals::LogMel& mel, const LogMelFeature& feature, const Sample* samples,
                            int64_t num_samples, core::Timestamp t0, const bool* valid_S) {
  const int64_t sample_rate_hz = mel.config().sample_rate_hz;
  check_finite(samples, num_samples, sample_rate_hz);
  SampleRange range{0, num_samples};
  if (feature.trim.enabled) range = loud_range(samples, num_samples, sample_rate_hz, feature.trim);
  const int64_t kept = range.last - range.first;
  const int64_t num_frames = mel.num_frames(kept);

  affect::Stream stream;
  stream.modality = affect::modality::kAudio;
  stream.rate_hz = mel.frame_rate_hz();
  stream.t0 =
      after_samples(t0, range.first, sample_rate_hz) + core::Timestamp::from_seconds(mel.first_frame_s());
  stream.values = at::empty({num_frames, mel.num_mels()}, at::kFloat);
  stream.valid_T = at::ones({num_frames}, at::kBool);
  auto* values = stream.values.data_ptr<float>();
  auto* valid = stream.valid_T.data_ptr<bool>();
  mel.compute(samples + range.first, kept, values);
  if (valid_S != nullptr) {
    const double center = mel.first_frame_s() * static_cast<double>(sample_rate_hz);
    for (int64_t t = 0; t < num_frames; ++t) {
      const int64_t at = static_cast<int64_t>(center) + t * mel.config().hop_samples;
      valid[t] = valid_S[range.first + std::clamp<int64_t>(at, 0, kept - 1)];
    }
  }
  normalise_frames(values, num_frames, mel.num_mels(), valid, feature.normalise);
  return stream;
}

float in_unit_range(float sample) {
  return sample;
}
float in_unit_range(int16_t sample) {
  return static_cast<float>(sample) / 32768.0f;
}

template <class Sample>
affect::Stream make_waveform(const WaveformFeature& feature, const Sample* samples, int64_t num_samples,
                             core::Timestamp t0, const bool* valid_S) {
  check_finite(samples, num_samples, feature.sample_rate_hz);
  SampleRange range{0, num_samples};
  if (feature.trim.enabled) range = loud_range(samples, num_samples, feature.sample_rate_hz, feature.trim);
  const int64_t length = feature.frame_samples;
  const int64_t num_frames = (range.last - range.first) / length;
  affect::Stream stream;
  stream.modality = affect::modality::kAudio;
  stream.rate_hz = static_cast<double>(feature.sample_rate_hz) / static_cast<double>(length);
  stream.t0 = after_samples(t0, range.first, feature.sample_rate_hz);
  stream.values = at::empty({num_frames, length}, at::kFloat);
  stream.valid_T = at::ones({num_frames}, at::kBool);
  auto* values = stream.values.data_ptr<float>();
  std::transform(samples + range.first, samples + range.first + num_frames * length, values,
                 [](Sample sample) { return in_unit_range(sample); });
  if (valid_S == nullptr) return stream;
  auto* valid = stream.valid_T.data_ptr<bool>();
  for (int64_t t = 0; t < num_frames; ++t) {
    const bool* of_frame = valid_S + range.first + t * length;
    valid[t] = std::all_of(of_frame, of_frame + length, [](bool real) { return real; });
    if (!valid[t]) std::fill_n(values + t * length, length, 0.0f);
  }
  return stream;
}

}  // namespace

affect::Stream waveform_stream(const WaveformFeature& feature, const float* samples, int64_t num_samples,
                               core::Timestamp t0, const bool* valid_S) {
  return make_waveform(feature, samples, num_samples, t0, valid_S);
}
affect::Stream waveform_stream(const WaveformFeature& feature, const int16_t* samples, int64_t num_samples,
                               core::Timestamp t0, const bool* valid_S) {
  return make_waveform(feature, samples, num_samples, t0, valid_S);
}

affect::Stream log_mel_stream_with(const signals::LogMel& mel, const LogMelFeature& feature,
                                   const float* samples, int64_t num_samples, core::Timestamp t0,
                                   const bool* valid_S) {
  return make_log_mel(mel, feature, samples, num_samples, t0, valid_S);
}
affect::Stream log_mel_stream_with(const signals::LogMel& mel, const LogMelFeature& feature,
                                   const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                                   const bool* valid_S) {
  return make_log_mel(mel, feature, samples, num_samples, t0, valid_S);
}

affect::Stream log_mel_stream(const float* samples, int64_t num_samples, core::Timestamp t0,
                              const LogMelFeature& feature) {
  check_feature(feature, LogMelFeature::kType);
  return make_log_mel(signals::LogMel(feature.mel), feature, samples, num_samples, t0, nullptr);
}
affect::Stream log_mel_stream(const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                              const LogMelFeature& feature) {
  check_feature(feature, LogMelFeature::kType);
  return make_log_mel(signals::LogMel(feature.mel), feature, samples, num_samples, t0, nullptr);
}

SampleRange trim_silence(const float* samples, int64_t num_samples, int64_t sample_rate_hz,
                         const TrimConfig& config) {
  return loud_range(samples, num_samples, sample_rate_hz, config);
}

void TrimConfig::validate(config::Checks& checks) const {
  checks.expect(threshold_db > 0 && threshold_db <= 200, "threshold_db",
                "must be in (0, 200], got " + std::to_string(threshold_db));
  checks.expect(keep_s >= 0 && keep_s <= 10, "keep_s", "must be in [0, 10], got " + std::to_string(keep_s));
}

}  // namespace limbic::features
