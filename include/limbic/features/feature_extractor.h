#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/core/time.h"
#include "limbic/features/feature_config.h"
#include "limbic/features/tokenizer.h"

namespace limbic::features {

/// Shape of a frame that a modality's feature gives: {F} for vectors, {C, H, W} for images.
using FrameShape = std::vector<int64_t>;

/// Raw streams to model-ready streams, the same for training and inference. Built once from the config; const
/// methods are thread-safe, so loader threads share one.
class FeatureExtractor {
 public:
  /// @throws Error(kConfig)
  explicit FeatureExtractor(const FeatureConfig& config);
  ~FeatureExtractor();
  FeatureExtractor(FeatureExtractor&&) noexcept;
  FeatureExtractor& operator=(FeatureExtractor&&) noexcept;

  /// A stream as the store keeps it to what the model sees, by the feature of `modality`:
  /// log_mel and voice_functionals take a waveform (S,) or (S, 1) int16 or float32; face_crop (T, C, H, W)
  /// uint8; values (T, F); hashed_ngrams and tokens a text (S,) uint8, UTF-8.
  /// @param subject  statistics for values features that are normalised by subject
  /// @throws Error(kData) naming the modality when the stream does not fit
  affect::Stream extract(const std::string& modality, const affect::Stream& raw,
                         const SubjectScale* subject = nullptr) const;
  /// Waveform of a log_mel or voice_functionals modality. @param samples in [-1, 1] at the config's rate
  affect::Stream extract_audio(const std::string& modality, const float* samples, int64_t num_samples,
                               core::Timestamp t0) const;
  affect::Stream extract_audio(const std::string& modality, const int16_t* samples, int64_t num_samples,
                               core::Timestamp t0) const;

  bool has(const std::string& modality) const;
  /// Whether `modality` is normalised by what is known of the subject.
  bool wants_subject_scale(const std::string& modality) const;
  /// Names in order.
  std::vector<std::string> modalities() const;
  /// Size of a frame of `modality`; values features do not know theirs and give {}.
  FrameShape frame_shape(const std::string& modality) const;
  const FeatureConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// Log-mel frames of a waveform; `t0` is the time of sample 0, the stream's t0 the centre of frame 0. A clip
/// too short for one frame gives T = 0. Builds the tables at each call: use FeatureExtractor for many clips.
affect::Stream log_mel_stream(const float* samples, int64_t num_samples, core::Timestamp t0,
                              const LogMelFeature& feature);
affect::Stream log_mel_stream(const int16_t* samples, int64_t num_samples, core::Timestamp t0,
                              const LogMelFeature& feature);
/// One frame (1, F) of a waveform, rate_hz 0, at `t0`, the time of sample 0. It is not valid when the clip is
/// shorter than 25 ms. Builds the tables at each call, as log_mel_stream.
affect::Stream voice_functionals_stream(const float* samples, int64_t num_samples, core::Timestamp t0,
                                        const VoiceFunctionalsFeature& feature);
/// Stored face crops in the model's size and colour. @param crops (T, C, H, W) uint8, valid_T true where a
/// face is
affect::Stream face_stream(const affect::Stream& crops, const FaceCropFeature& feature);
/// Sensor values (T, F), scaled.
affect::Stream values_stream(const affect::Stream& raw, const ValuesFeature& feature,
                             const SubjectScale* subject = nullptr);
/// One frame (1, F) of a text, rate 0.
affect::Stream ngrams_stream(const affect::Stream& raw, const HashedNgrams& ngrams);
/// Ids of a text's tokens, (T, 1) float32, rate 0. Tokens are in order and have no time of their own.
affect::Stream tokens_stream(const affect::Stream& raw, const Tokenizer& tokenizer,
                             const TokensFeature& feature);
/// Ids that the feature's tokenizer may give are below it; 0 for features that are not ids. Reads the file.
/// @throws Error(kData)
int64_t vocabulary_size(const ModalityFeature& feature);
/// Column weights of hashed_ngrams as a safetensors file. @throws Error(kStorage)
void write_idf(const std::string& path, const std::vector<double>& idf);
/// @throws Error(kData)
std::vector<double> read_idf(const std::string& path);
/// Mean and deviation of the finite values in valid frames of a subject's streams, each (T, F).
SubjectScale subject_scale(const std::vector<affect::Stream>& streams);

/// The samples [first, last) that are left after trimming; everything when the clip is silent throughout.
struct SampleRange {
  int64_t first = 0;
  int64_t last = 0;
};
SampleRange trim_silence(const float* samples, int64_t num_samples, int64_t sample_rate_hz,
                         const TrimConfig& config);

}  // namespace limbic::features
