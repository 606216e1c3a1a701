#include <ATen/Functions.h>

#include <algorithm>
#include <vector>

#include "limbic/affect/modality.h"
#include "limbic/features/feature_extractor.h"
#include "streams.h"

namespace limbic::features {

affect::Stream voice_functionals_stream_with(const signals::VoiceFunctionals& functionals,
                                             const float* samples, int64_t num_samples, core::Timestamp t0,
                                             const bool* valid_S) {
  std::vector<float> kept;
  bool is_any_valid = true;
  if (valid_S != nullptr && !std::all_of(valid_S, valid_S + num_samples, [](bool v) { return v; })) {
    kept.assign(samples, samples + num_samples);
    is_any_valid = false;
    for (int64_t i = 0; i < num_samples; ++i) {
      if (!valid_S[i]) kept[static_cast<size_t>(i)] = 0.0f;
      is_any_valid = is_any_valid || valid_S[i];
    }
    samples = kept.data();
  }
  const signals::VoiceFrames& frames = functionals.frames();
  check_finite(samples, num_samples, frames.config().sample_rate_hz);
  const signals::VoiceTrack track = frames.compute(samples, num_samples);
  std::vector<float> values;
  functionals.compute(track, values);

  affect::Stream stream;
  stream.modality = affect::modality::kAudio;
  stream.t0 = t0;
  stream.rate_hz = 0.0;
  stream.values = at::empty({1, functionals.num_values()}, at::kFloat);
  std::copy(values.begin(), values.end(), stream.values.data_ptr<float>());
  stream.valid_T = at::full({1}, track.num_frames > 0 && is_any_valid, at::TensorOptions(at::kBool));
  return stream;
}

affect::Stream voice_functionals_stream_with(const signals::VoiceFunctionals& functionals,
                                             const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                                             const bool* valid_S) {
  std::vector<float> unit;
  unit.reserve(static_cast<size_t>(num_samples));
  for (int64_t i = 0; i < num_samples; ++i) unit.push_back(static_cast<float>(samples[i]) / 32768.0f);
  return voice_functionals_stream_with(functionals, unit.data(), num_samples, t0, valid_S);
}

affect::Stream voice_functionals_stream(const float* samples, int64_t num_samples, core::Timestamp t0,
                                        const VoiceFunctionalsFeature& feature) {
  check_feature(feature, VoiceFunctionalsFeature::kType);
  return voice_functionals_stream_with(signals::VoiceFunctionals(feature.functionals), samples, num_samples,
                                       t0);
}

}  // namespace limbic::features
