#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/data/augmenter.h"
#include "limbic/data/loader.h"
#include "limbic/features/feature_extractor.h"

namespace limbic::data {

/// The raw stream that a feature reads: the store's stream of the modality's own name, else the feature's
/// usual one.
std::string raw_stream_for(const std::string& modality, const features::ModalityFeature& feature,
                           const DatasetInfo& info);

/// One modality of a loader: where its raw stream lies, what a frame looks like.
struct LoaderModality {
  std::string name;
  std::string raw;  ///< name of the raw stream in the store
  uint64_t key = 0;
  features::FrameShape frame_shape;
  bool is_image = false;
  int64_t max_frames = 0;
  /// By view: the batch itself, then its further views. Null: as it is; nothing behind the end, too.
  std::vector<std::shared_ptr<const Augmenter>> augment;
  std::vector<int32_t>
      num_frames;  ///< by row of the store, -1 = the sample lacks it; estimated from the raw stream
};

/// What one sample puts into a batch.
struct SampleRow {
  affect::Stream own;                      ///< undefined values: what is meant lies in `cached`, or is absent
  const affect::Stream* cached = nullptr;  ///< in the cache, which outlives every row
  const affect::Stream& stream() const { return cached != nullptr ? *cached : own; }
};

/// The samples of a loader as the model sees them: read, computed, kept, changed at random. Thread-safe.
class FeatureSource {
 public:
  FeatureSource(const LoaderInput& input, const LoaderConfig& config);

  const std::vector<LoaderModality>& modalities() const { return modalities_; }
  /// Longest sequence of a sample as batches see it, before augmentation.
  int32_t length_of(int64_t sample_idx) const;
  bool has(int64_t sample_idx, size_t m) const {
    return modalities_[m].num_frames[static_cast<size_t>(sample_idx)] >= 0;
  }
  /// Without augmentation and crop. Empty when the sample lacks the modality.
  SampleRow features(int64_t sample_idx, size_t m, LoaderProfile& profile);
  /// How the further views of a training sample are changed. Not while somebody prepares one.
  void set_views(const std::vector<AugmentConfig>& views);
  /// Where a sample stands in the course of training: its random changes depend on nothing else.
  struct Draw {
    uint64_t occurrence = 0;
    int64_t epoch = 0;
    size_t view = 0;
  };
  /// As a batch wants it: augmented and cropped in training.
  SampleRow prepare(int64_t sample_idx, const Draw& draw, size_t m, LoaderProfile& profile);
  /// Tells the kernel what of the mapped store is read next, if it is not in memory: a batch waits for the
  /// disk once instead of once per sample.
  void read_ahead(int64_t sample_idx, size_t m) const;
  int64_t cache_bytes() const;

 private:
  int64_t key_of(int64_t sample_idx, size_t m) const {
    return sample_idx * static_cast<int64_t>(modalities_.size()) + static_cast<int64_t>(m);
  }
  affect::Stream read(int64_t sample_idx, const LoaderModality& modality) const;
  affect::Stream extract(int64_t sample_idx, const LoaderModality& modality, const affect::Stream& raw);
  std::shared_ptr<const Augmenter> make_augmenter(const AugmentConfig& config, const std::string& modality,
                                                  const std::string& where) const;
  const features::SubjectScale* subject_scale_of(int64_t sample_idx, const LoaderModality& modality);
  std::string scaled_as(int64_t sample_idx) const;

  const LoaderInput& input_;
  const LoaderConfig& config_;
  const features::FeatureExtractor extractor_;
  std::vector<LoaderModality> modalities_;
  int64_t length_modality_ = -1;  ///< -1: the longest of all

  // Computed features in memory, up to a budget. Values do not depend on who computes them, so neither do
  // batches. Nothing is ever thrown out: rows point into it.
  mutable std::mutex cache_mutex_;
  std::unordered_map<int64_t, affect::Stream> cache_;
  int64_t cache_bytes_ = 0;

  std::mutex subject_mutex_;                                                  ///< of the next two
  std::unordered_map<std::string, std::vector<int64_t>> samples_of_subject_;  ///< of the whole store
  std::map<std::pair<std::string, std::string>, features::SubjectScale>
      subject_scales_;  ///< modality, subject
};

/// FNV-1a: one key per name, the same on every machine.
uint64_t name_key(std::string_view name);

}  // namespace limbic::data
