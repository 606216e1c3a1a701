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
          config::ThrowingChecks checks(name);
          f.validate(checks);
          config::ThrowingChecks trim(name + ".trim");
          f.trim.validate(trim);
        } else if constexpr (std::is_same_v<Feature, VoiceFunctionalsFeature>) {
          config::ThrowingChecks functionals(name + ".functionals");
          f.functionals.validate(functionals);
          config::ThrowingChecks frames(name + ".functionals.frames");
          f.functionals.frames.validate(frames);
        } else if constexpr (std::is_same_v<Feature, ValuesFeature>) {
          config::ThrowingChecks checks(name);
          f.validate(checks);
        } else if constexpr (std::is_same_v<Feature, FaceCropFeature>) {
          config::ThrowingChecks checks(name);
          f.validate(checks);
          config::ThrowingChecks framing(name + ".framing");
          f.framing.validate(framing);
        } else if constexpr (std::is_same_v<Feature, HashedNgramsFeature>) {
          config::ThrowingChecks ngrams(name + ".ngrams");
          f.ngrams.validate(ngrams);
          config::ThrowingChecks words(name + ".ngrams.words");
          f.ngrams.words.validate(words);
          config::ThrowingChecks characters(name + ".ngrams.characters");
          f.ngrams.characters.validate(characters);
        } else if constexpr (std::is_same_v<Feature, WaveformFeature>) {
          require(f.sample_rate_hz > 0 && f.frame_samples > 0, ErrorCode::kConfig,
                  name + ": sample_rate_hz and frame_samples must be positive");
          config::ThrowingChecks trim(name + ".trim");
          f.trim.validate(trim);
        } else if constexpr (std::is_same_v<Feature, TokensFeature>) {
          config::ThrowingChecks checks(name);
          f.validate(checks);
        }
      },
      feature);
}

bool takes_waveform(const ModalityFeature& feature) {
  return std::holds_alternative<LogMelFeature>(feature) ||
         std::holds_alternative<VoiceFunctionalsFeature>(feature) ||
         std::holds_alternative<WaveformFeature>(feature);
}

int64_t waveform_rate_hz(const ModalityFeature& feature) {
  if (const auto* f = std::get_if<LogMelFeature>(&feature)) return f->mel.sample_rate_hz;
  if (const auto* f = std::get_if<VoiceFunctionalsFeature>(&feature))
    return f->functionals.frames.sample_rate_hz;
  if (const auto* f = std::get_if<WaveformFeature>(&feature)) return f->sample_rate_hz;
  return 0;
}

struct FeatureExtractor::Impl {
  FeatureConfig config;
  std::map<std::string, signals::LogMel> mels;                   ///< of the log_mel modalities
  std::map<std::string, signals::VoiceFunctionals> functionals;  ///< of the voice_functionals modalities

  std::map<std::string, HashedNgrams> ngrams;                          ///< of the hashed_ngrams modalities
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers;  ///< of the tokens modalities

  explicit Impl(const FeatureConfig& c) : config(c) {
    for (const auto& [modality, feature] : config) {
      check_feature(feature, "features." + modality);
      require(!wants_fit(feature), ErrorCode::kConfig,
              "features." + modality + ": 'fit' is learned by `limbic train`; here it must be a file");
      if (const auto* f = std::get_if<LogMelFeature>(&feature))
        mels.emplace(modality, signals::LogMel(f->mel));
      if (const auto* f = std::get_if<VoiceFunctionalsFeature>(&feature))
        functionals.emplace(modality, signals::VoiceFunctionals(f->functionals));
      if (const auto* f = std::get_if<HashedNgramsFeature>(&feature))
        ngrams.emplace(modality,
                       HashedNgrams(f->ngrams, f->idf.empty() ? std::vector<double>{} : read_idf(f->idf)));
      if (const auto* f = std::get_if<TokensFeature>(&feature))
        tokenizers.emplace(modality, load_tokenizer(f->tokenizer));
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

  int64_t sample_rate_of(const LogMelFeature& feature) const { return feature.mel.sample_rate_hz; }
  int64_t sample_rate_of(const VoiceFunctionalsFeature& feature) const {
    return feature.functionals.frames.sample_rate_hz;
  }
  int64_t sample_rate_of(const WaveformFeature& feature) const { return feature.sample_rate_hz; }

  template <class Sample>
  affect::Stream from_samples(const LogMelFeature& feature, const std::string& modality,
                              const Sample* samples, int64_t num_samples, core::Timestamp t0,
                              const bool* valid_S) const {
    return log_mel_stream_with(mels.at(modality), feature, samples, num_samples, t0, valid_S);
  }
  template <class Sample>
  affect::Stream from_samples(const VoiceFunctionalsFeature&, const std::string& modality,
                              const Sample* samples, int64_t num_samples, core::Timestamp t0,
                              const bool* valid_S) const {
    return voice_functionals_stream_with(functionals.at(modality), samples, num_samples, t0, valid_S);
  }
  template <class Sample>
  affect::Stream from_samples(const WaveformFeature& feature, const std::string&, const Sample* samples,
                              int64_t num_samples, core::Timestamp t0, const bool* valid_S) const {
    return waveform_stream(feature, samples, num_samples, t0, valid_S);
  }

  template <class Sample>
  affect::Stream from_audio(const std::string& modality, const Sample* samples, int64_t num_samples,
                            core::Timestamp t0) const {
    const auto& feature = feature_of(modality);
    require(
        takes_waveform(feature), ErrorCode::kConfig,
        "features." + modality +
            ": got a waveform; expected type log_mel, voice_functionals or waveform in the configuration");
    affect::Stream stream;
    if (const auto* f = std::get_if<LogMelFeature>(&feature)) {
      stream = from_samples(*f, modality, samples, num_samples, t0, nullptr);
    } else if (const auto* whole = std::get_if<VoiceFunctionalsFeature>(&feature)) {
      stream = from_samples(*whole, modality, samples, num_samples, t0, nullptr);
    } else {
      stream = from_samples(std::get<WaveformFeature>(feature), modality, samples, num_samples, t0, nullptr);
    }
    stream.modality = modality;
    return stream;
  }

  template <class Feature>
  affect::Stream from_waveform(const Feature& feature, const std::string& modality,
                               const std::string& rate_field, const affect::Stream& raw) const {
    const auto& wave = raw.values;
    require(wave.defined() && (wave.dim() == 1 || (wave.dim() == 2 && wave.size(1) == 1)) &&
                (wave.scalar_type() == at::kShort || wave.scalar_type() == at::kFloat),
            ErrorCode::kData, "expected a mono waveform (S,) of int16 or float32");
    const int64_t wanted_hz = sample_rate_of(feature);
    require(raw.rate_hz == static_cast<double>(wanted_hz), ErrorCode::kData,
            "waveform at " + std::to_string(raw.rate_hz) + " Hz; expected " + rate_field + " = " +
                std::to_string(wanted_hz));
    const at::Tensor samples = wave.contiguous();
    const int64_t num_samples = samples.size(0);
    at::Tensor valid_S;
    if (raw.valid_T.defined()) valid_S = checked_valid(raw.valid_T, num_samples, "waveform");
    const bool* valid = valid_S.defined() ? valid_S.data_ptr<bool>() : nullptr;
    if (samples.scalar_type() == at::kShort) {
      return from_samples(feature, modality, samples.data_ptr<int16_t>(), num_samples, raw.t0, valid);
    }
    return from_samples(feature, modality, samples.data_ptr<float>(), num_samples, raw.t0, valid);
  }

  affect::Stream make(const LogMelFeature& feature, const std::string& modality, const affect::Stream& raw,
                      const SubjectScale*) const {
    return from_waveform(feature, modality, "mel.sample_rate_hz", raw);
  }
  affect::Stream make(const VoiceFunctionalsFeature& feature, const std::string& modality,
                      const affect::Stream& raw, const SubjectScale*) const {
    return from_waveform(feature, modality, "functionals.frames.sample_rate_hz", raw);
  }
  affect::Stream make(const WaveformFeature& feature, const std::string& modality, const affect::Stream& raw,
                      const SubjectScale*) const {
    return from_waveform(feature, modality, "sample_rate_hz", raw);
  }
  affect::Stream make(const FaceCropFeature& feature, const std::string&, const affect::Stream& raw,
                      const SubjectScale*) const {
    return face_stream(raw, feature);
  }
  affect::Stream make(const ValuesFeature& feature, const std::string&, const affect::Stream& raw,
                      const SubjectScale* subject) const {
    return values_stream(raw, feature, subject);
  }
  affect::Stream make(const HashedNgramsFeature&, const std::string& modality, const affect::Stream& raw,
                      const SubjectScale*) const {
    return ngrams_stream(raw, ngrams.at(modality));
  }
  affect::Stream make(const TokensFeature& feature, const std::string& modality, const affect::Stream& raw,
                      const SubjectScale*) const {
    return tokens_stream(raw, *tokenizers.at(modality), feature);
  }
};

FeatureExtractor::FeatureExtractor(const FeatureConfig& config)
    : impl_(std::make_unique<const Impl>(config)) {}
FeatureExtractor::~FeatureExtractor() = default;
FeatureExtractor::FeatureExtractor(FeatureExtractor&&) noexcept = default;
FeatureExtractor& FeatureExtractor::operator=(FeatureExtractor&&) noexcept = default;

affect::Stream FeatureExtractor::extract(const std::string& modality, const affect::Stream& raw,
                                         const SubjectScale* subject) const {
  const auto& feature = impl_->feature_of(modality);
  try {
    affect::Stream stream =
        std::visit([&](const auto& f) { return impl_->make(f, modality, raw, subject); }, feature);
    stream.modality = modality;
    return stream;
  } catch (const Error& e) {
    throw e.in(modality);
  }
}

affect::Stream FeatureExtractor::extract_audio(const std::string& modality, const float* samples,
                                               int64_t num_samples, core::Timestamp t0) const {
  return impl_->from_audio(modality, samples, num_samples, t0);
}

affect::Stream FeatureExtractor::extract_audio(const std::string& modality, const int16_t* samples,
                                               int64_t num_samples, core::Timestamp t0) const {
  return impl_->from_audio(modality, samples, num_samples, t0);
}

bool FeatureExtractor::has(const std::string& modality) const {
  return impl_->config.count(modality) > 0;
}

bool FeatureExtractor::wants_subject_scale(const std::string& modality) const {
  const auto* values = std::get_if<ValuesFeature>(&impl_->feature_of(modality));
  return values != nullptr && values->normalise == Normalise::kSubject;
}

std::vector<std::string> FeatureExtractor::modalities() const {
  std::vector<std::string> names;
  for (const auto& [name, feature] : impl_->config) names.push_back(name);
  return names;
}

FrameShape FeatureExtractor::frame_shape(const std::string& modality) const {
  const auto& feature = impl_->feature_of(modality);
  if (const auto* f = std::get_if<LogMelFeature>(&feature)) return {f->mel.num_mels};
  if (std::holds_alternative<VoiceFunctionalsFeature>(feature))
    return {impl_->functionals.at(modality).num_values()};
  if (const auto* f = std::get_if<FaceCropFeature>(&feature)) return {f->channels, f->size, f->size};
  if (const auto* f = std::get_if<HashedNgramsFeature>(&feature)) return {f->ngrams.width()};
  if (std::holds_alternative<TokensFeature>(feature)) return {1};
  if (const auto* f = std::get_if<WaveformFeature>(&feature)) return {f->frame_samples};
  return {};
}

const FeatureConfig& FeatureExtractor::config() const {
  return impl_->config;
}

}  // namespace limbic::features
