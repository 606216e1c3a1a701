#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/features/hashed_ngrams.h"
#include "limbic/features/word_vocabulary.h"
#include "limbic/signals/audio/log_mel.h"
#include "limbic/signals/voice/voice_functionals.h"
#include "limbic/vision/face_crop.h"

namespace limbic::features {

/// Scaling with statistics of the sample itself, per feature over its valid frames.
enum class Normalise {
  kNone,
  kMean,          ///< minus the mean
  kMeanVariance,  ///< minus the mean, by the standard deviation
  kSubject,       ///< the same with mean and deviation of everything the store has of the subject
};
constexpr auto enum_names(Normalise) {
  return std::array{std::pair{Normalise::kNone, "none"}, std::pair{Normalise::kMean, "mean"},
                    std::pair{Normalise::kMeanVariance, "mean_variance"},
                    std::pair{Normalise::kSubject, "subject"}};
}

/// Cuts silence from both ends of a waveform.
struct TrimConfig {
  bool enabled = false;
  double threshold_db = 40.0;
  double keep_s = 0.05;

  template <class Visitor>
  void visit(Visitor& v) {
    v("enabled", enabled, "trim silence at both ends");
    v("threshold_db", threshold_db,
      "a 25 ms block is silence when its energy is this far below the loudest block's");
    v("keep_s", keep_s, "silence left at each end, seconds");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform -> log-mel frames.
struct LogMelFeature {
  static constexpr const char* kType = "log_mel";
  static constexpr const char* kDoc = "log-mel spectrogram of the sound, (T, mels)";
  signals::LogMelConfig mel;
  Normalise normalise = Normalise::kNone;
  TrimConfig trim;

  template <class Visitor>
  void visit(Visitor& v) {
    v("mel", mel, "waveform to log-mel frames");
    v("normalise", normalise, "per clip and mel band: none, mean or mean_variance");
    v("trim", trim, "silence at the ends");
  }
  void validate(config::Checks& checks) const;
};

/// Waveform -> one frame that describes the voice of the whole clip.
struct VoiceFunctionalsFeature {
  static constexpr const char* kType = "voice_functionals";
  static constexpr const char* kDoc = "functionals of voice and spectrum, one frame a clip";
  signals::VoiceFunctionalsConfig functionals;

  template <class Visitor>
  void visit(Visitor& v) {
    v("functionals", functionals, "waveform to functionals");
  }
};

/// Face crops -> face crops of the model's size and colour.
struct FaceCropFeature {
  static constexpr const char* kType = "face_crop";
  static constexpr const char* kDoc = "the face of every frame, upright, (T, C, H, W)";
  int64_t size = 48;
  int64_t channels = 1;
  vision::FaceCropConfig framing;

  template <class Visitor>
  void visit(Visitor& v) {
    v("size", size, "side of the images that the model sees, pixels");
    v("channels", channels, "1 grey, 3 RGB");
    v("framing", framing, "how inference cuts faces from frames, so that they look like the corpus");
  }
  void validate(config::Checks& checks) const;
};

/// What becomes of a single value that is NaN in a frame that is valid.
enum class MissingValue {
  kRefuse,  ///< an error: the corpus should have none
  kMean,    ///< the mean of normalisation (0 without one); a mask of the frame cannot say it
  kKeep,    ///< it stays NaN, for the encoders that mask single values: event_sequence, pose_tcn, st_gcn
};
constexpr auto enum_names(MissingValue) {
  return std::array{std::pair{MissingValue::kRefuse, "refuse"}, std::pair{MissingValue::kMean, "mean"},
                    std::pair{MissingValue::kKeep, "keep"}};
}

/// Values as a sensor gives them, or features of a window (EDA, text vectors): only scaled.
struct ValuesFeature {
  static constexpr const char* kType = "values";
  static constexpr const char* kDoc = "columns of a stored series as they are, scaled";
  Normalise normalise = Normalise::kNone;
  MissingValue missing = MissingValue::kRefuse;
  double clip = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("normalise", normalise,
      "per feature: none; mean or mean_variance of the clip; subject: mean and variance of all that the "
      "store has "
      "of the subject, labels unseen");
    v("missing", missing,
      "a NaN in a valid frame: refuse, mean (that of normalisation) or keep (for event_sequence, pose_tcn, "
      "st_gcn)");
    v("clip", clip, "normalised values are cut at +- this many deviations; 0 = not");
  }
  void validate(config::Checks& checks) const;
};

/// In place of a file: `limbic train` learns it from the training part. A file of that name is "./fit".
inline constexpr const char* kFitOnTraining = "fit";

/// Text -> one frame: hashed counts of its n-grams; with idf, TF-IDF.
struct HashedNgramsFeature {
  static constexpr const char* kType = "hashed_ngrams";
  static constexpr const char* kDoc = "counts of character or word n-grams by hash, one frame a text";
  HashedNgramsConfig ngrams;
  std::string idf;

  template <class Visitor>
  void visit(Visitor& v) {
    v("ngrams", ngrams, "text to counts of n-grams");
    v("idf", idf,
      "weights of the columns: fit = learned on the training part, or a file of them; empty = none");
  }
};

/// Text -> ids of tokens, (T, 1) float32 (exact: ids are below 2^24) for an embedding.
struct TokensFeature {
  static constexpr const char* kType = "tokens";
  static constexpr const char* kDoc = "token ids of the text, (T, 1)";
  std::string tokenizer;
  WordVocabularyOptions vocabulary;
  int64_t max_length = 128;
  bool add_special = true;
  bool keep_end = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("tokenizer", tokenizer,
      "fit = words of the training part; or tokenizer.json, vocab.txt, SentencePiece .model, word vocabulary "
      ".txt, or a folder with one of them");
    v("vocabulary", vocabulary, "with tokenizer: fit, the words that are learned");
    v("max_length", max_length, "tokens kept of a text, special ones included");
    v("add_special", add_special, "the tokenizer's own tokens around the text ([CLS], </s>)");
    v("keep_end", keep_end, "a text that is too long loses its begin instead of its end");
  }
  void validate(config::Checks& checks) const;
};

/// The waveform itself, in frames of `frame_samples`, for encoders that read samples (waveform, wav2vec2). A
/// frame with a sample that is not valid is padding; an incomplete last one is left out.
struct WaveformFeature {
  static constexpr const char* kType = "waveform";
  static constexpr const char* kDoc = "samples of the sound as they are, (T, frame_samples) in [-1, 1]";
  int64_t sample_rate_hz = 16000;
  int64_t frame_samples = 1;
  TrimConfig trim;

  template <class Visitor>
  void visit(Visitor& v) {
    v("sample_rate_hz", sample_rate_hz, "rate of the stored sound", config::in_range(1000, 192000));
    v("frame_samples", frame_samples, "samples of a frame: 1, or what the encoder joins again",
      config::in_range(1, 16000));
    v("trim", trim, "silence at the ends");
  }
};

/// Mean and deviation per feature of everything known of one subject. Empty = nothing valid.
struct SubjectScale {
  std::vector<double> mean_F;
  std::vector<double> deviation_F;
};

using ModalityFeature = std::variant<LogMelFeature, VoiceFunctionalsFeature, FaceCropFeature, ValuesFeature,
                                     HashedNgramsFeature, TokensFeature, WaveformFeature>;
/// Whether it is made from a waveform.
bool takes_waveform(const ModalityFeature& feature);
/// Whether its frames may hold NaN for a value that is missing.
bool keeps_missing(const ModalityFeature& feature);
/// Whether it is made from a text.
bool takes_text(const ModalityFeature& feature);
/// The rate of that waveform, Hz; 0 for features of other streams.
int64_t waveform_rate_hz(const ModalityFeature& feature);
/// What is made of each modality. It is stored in the bundle, so that inference makes the same.
using FeatureConfig = std::map<std::string, ModalityFeature>;
/// Whether something of it is yet to be learned from training texts (kFitOnTraining).
bool wants_fit(const ModalityFeature& feature);
/// The paths of files that features read (tokenizers, idf), by modality: a bundle carries them along.
std::vector<std::pair<std::string, std::string*>> feature_files(FeatureConfig& config);

}  // namespace limbic::features
