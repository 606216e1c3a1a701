#include "limbic/features/feature_extractor.h"

#include <ATen/Functions.h>

#include <optional>
#include <type_traits>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "streams.h"

namespace limbic::features {

void check_feature(const ModalityFeature& feature, const std::string& name) {
  std::visit(
      [&name](const auto& f) {
        using Feature = std::decay_t<decltype(f)>;
        if constexpr (std::is_same_v<Feature, LogMelFeature>) {
          config::ThrowingChecks mel(name + ".mel");
          f.mel.validate(mel);
          config::ThrowingChecks trim(name + ".trim");
          f.trim.validate(trim);
        } else if constexpr (std::is_same_v<Feature, FaceCropFeature>) {
          config::ThrowingChecks checks(name);
          f.validate(checks);
          config::ThrowingChecks framing(name + ".framing");
          f.framing.validate(framing);
        }
      },
      feature);
}

struct FeatureExtractor::Impl {
  FeatureConfig config;
  std::map<std::string, signals::LogMel> mels;  ///< of the log_mel modalities

  explicit Impl(const FeatureConfig& c) : config(c) {
    for (const auto& [modality, feature] : config) {
      check_feature(feature, "features." + modality);
      if (const auto* f = std::get_if<LogMelFeature>(&feature))
        mels.emplace(modality, signals::LogMel(f->mel));
    }
  }

  const ModalityFeature& feature_of(const std::string& modality) const {
    const auto it = config.find(modality);
    if (it != config.end()) return it->second;
    std::vector<std::string> known;
    for (const auto& [name, feature] : config) known.push_back(name);
    throw Error(ErrorCode::kConfig, "features: nothing configured for modality '" + modality +
                                        "'; configured: " + core::join(known) +
                                        core::did_you_mean(modality, known));
  }

  const LogMelFeature& log_mel_of(const std::string& modality) const {
    const auto* feature = std::get_if<LogMelFeature>(&feature_of(modality));
    require(feature != nullptr, ErrorCode::kConfig,
            "features." + modality + ": got a waveform; expected type log_mel in the configuration");
    return *feature;
  }

  affect::Stream make(const LogMelFeature& feature, const std::string& modality,
                      const affect::Stream& raw) const {
    const auto& mel = mels.at(modality);
    const auto& wave = raw.values;
    require(wave.defined() && (wave.dim() == 1 || (wave.dim() == 2 && wave.size(1) == 1)) &&
                (wave.scalar_type() == at::kShort || wave.scalar_type() == at::kFloat),
            ErrorCode::kData, "expected a mono waveform (S,) of int16 or float32");
    const auto wanted_hz = static_cast<double>(mel.config().sample_rate_hz);
    require(raw.rate_hz == wanted_hz, ErrorCode::kData,
            "waveform at " + std::to_string(raw.rate_hz) +
                " Hz; expected mel.sample_rate_hz = " + std::to_string(mel.config().sample_rate_hz));
    const at::Tensor samples = wave.contiguous();
    const int64_t num_samples = samples.size(0);
    at::Tensor valid_S;
    if (raw.valid_T.defined()) valid_S = checked_valid(raw.valid_T, num_samples, "waveform");
    const bool* valid = valid_S.defined() ? valid_S.data_ptr<bool>() : nullptr;
    if (samples.scalar_type() == at::kShort) {
      return log_mel_stream_with(mel, feature, samples.data_ptr<int16_t>(), num_samples, raw.t0, valid);
    }
    return log_mel_stream_with(mel, feature, samples.data_ptr<float>(), num_samples, raw.t0, valid);
  }
  affect::Stream make(const FaceCropFeature& feature, const std::string&, const affect::Stream& raw) const {
    return face_stream(raw, feature);
  }
  affect::Stream make(const ValuesFeature& feature, const std::string&, const affect::Stream& raw) const {
    return values_stream(raw, feature);
  }
};

FeatureExtractor::FeatureExtractor(const FeatureConfig& config)
    : impl_(std::make_unique<const Impl>(config)) {}
FeatureExtractor::~FeatureExtractor() = default;
FeatureExtractor::FeatureExtractor(FeatureExtractor&&) noexcept = default;
FeatureExtractor& FeatureExtractor::operator=(FeatureExtractor&&) noexcept = default;

affect::Stream FeatureExtractor::extract(const std::string& modality, const affect::Stream& raw) const {
  const auto& feature = impl_->feature_of(modality);
  try {
    affect::Stream stream = std::visit([&](const auto& f) { return impl_->make(f, modality, raw); }, feature);
    stream.modality = modality;
    return stream;
  } catch (const Error& e) {
    throw e.in(modality);
  }
}

affect::Stream FeatureExtractor::extract_audio(const std::string& modality, const float* samples,
                                               int64_t num_samples, core::Timestamp t0) const {
  const auto& feature = impl_->log_mel_of(modality);
  affect::Stream stream = log_mel_stream_with(impl_->mels.at(modality), feature, samples, num_samples, t0);
  stream.modality = modality;
  return stream;
}

affect::Stream FeatureExtractor::extract_audio(const std::string& modality, const int16_t* samples,
                                               int64_t num_samples, core::Timestamp t0) const {
  const auto& feature = impl_->log_mel_of(modality);
  affect::Stream stream = log_mel_stream_with(impl_->mels.at(modality), feature, samples, num_samples, t0);
  stream.modality = modality;
  return stream;
}

bool FeatureExtractor::has(const std::string& modality) const {
  return impl_->config.count(modality) > 0;
}

std::vector<std::string> FeatureExtractor::modalities() const {
  std::vector<std::string> names;
  for (const auto& [name, feature] : impl_->config) names.push_back(name);
  return names;
}

FrameShape FeatureExtractor::frame_shape(const std::string& modality) const {
  const auto& feature = impl_->feature_of(modality);
  if (const auto* f = std::get_if<LogMelFeature>(&feature)) return {f->mel.num_mels};
  if (const auto* f = std::get_if<FaceCropFeature>(&feature)) return {f->channels, f->size, f->size};
  return {};
}

const FeatureConfig& FeatureExtractor::config() const {
  return impl_->config;
}

}  // namespace limbic::features
