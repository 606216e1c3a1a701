#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/affect/stream.h"
#include "limbic/data/augment.h"
#include "limbic/data/loader_config.h"
#include "limbic/data/store.h"
#include "limbic/data/supervision.h"
#include "limbic/data/target_config.h"
#include "limbic/features/feature_config.h"

namespace limbic::data {

/// A stream that could not be read or made into features, and was left out (LoaderConfig::skip_bad).
struct BadStream {
  int64_t sample_idx = 0;
  std::string id;
  std::string modality;
  std::string reason;
};

/// What a loader reads, and as what.
struct LoaderInput {
  std::shared_ptr<const Store> store;
  std::vector<int64_t> indices;                   ///< samples of this part
  std::vector<affect::LabelSpace> tasks;          ///< targets to make; classes of the model
  std::map<std::string, TargetConfig> targets{};  ///< by task, where they are not labels of the store
  Supervisions supervision{};                     ///< of training: Note [Levels of supervision]
  features::FeatureConfig features;               ///< modality -> feature
  AugmentConfig augment;                          ///< used in training only
  bool is_training = false;  ///< sampler, random crops and augmentation; else in order and as it is
  uint64_t seed = 0;
  /// Told of every bad stream once, by next(), in the order of the batches.
  std::function<void(const BadStream&)> on_bad{};
};

/// Where the time of the batches went that next() has handed out: seconds of all workers together.
struct LoaderProfile {
  double read_s = 0;      ///< looking streams up in the store (mapped pages are read when they are used)
  double features_s = 0;  ///< computing features
  double augment_s = 0;   ///< changes at random, of raw streams and of features, and crops
  double collate_s = 0;   ///< copying into batches
  int64_t num_samples = 0;
  int64_t num_batches = 0;
  // Streams, that is samples times modalities:
  int64_t num_cached = 0;  ///< found in memory
  int64_t num_read = 0;
  int64_t num_computed = 0;
  int64_t num_augmented = 0;
  int64_t num_frames = 0;         ///< of all modalities
  int64_t num_padded_frames = 0;  ///< the same with padding

  LoaderProfile& operator+=(const LoaderProfile& other);
  /// Share of the batches' frames that is padding.
  double padding_share() const;
};

/// Makes batches in threads. Order, crops and augmentation depend on (seed, epoch, sample) alone: any number
/// of workers gives the same batches bit for bit, and an epoch can be taken up at any batch. One consumer
/// thread.
///
/// With skip_bad a stream that fails (Error(kData)) is absent from its sample; a sample that has nothing left
/// because of it keeps its row, and its labels are unknown. So no batch changes its shape. Limits are counted
/// in the order of the batches (QuarantineLimit), whatever the workers do.
///
///   loader.begin_epoch(epoch);
///   while (auto batch = loader.next()) step(*batch);
class Loader {
 public:
  Loader(LoaderInput input, LoaderConfig config);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Every training batch comes with that many further views of its samples (Batch::views), each changed at
  /// random by its own draws. Ends an epoch under way. @throws Error(kConfig) like a wrong `augment`
  void set_views(const std::vector<AugmentConfig>& views);
  /// Starts an epoch, from `first_batch` on (to resume). An epoch under way is dropped.
  void begin_epoch(int64_t epoch, int64_t first_batch = 0);
  /// The next batch, or nothing at the end of the epoch.
  /// @throws Error(kData) of a worker, with the sample's id in front, or when too many samples are bad; the
  /// epoch is then over
  std::optional<affect::Batch> next();
  /// One sample's features as the model sees them, without augmentation and crop. Thread-safe; fills the
  /// cache. Undefined `values` when the sample lacks the modality (or it is bad and skip_bad is on).
  affect::Stream features_of(int64_t sample_idx, const std::string& modality) const;

  /// Batches of an epoch. With batch_frames or whole dialogues epochs differ by a few: this is the first
  /// epoch's number, for schedules, and epoch_batches() that of the epoch under way.
  int64_t num_batches() const;
  int64_t epoch_batches() const;
  int64_t num_samples() const;
  /// Seconds that next() waited for workers (or made batches itself), since construction.
  double wait_s() const;
  /// Since construction.
  LoaderProfile profile() const;
  int64_t num_bad_samples() const;
  int64_t cache_bytes() const;
  const LoaderInput& input() const;
  const LoaderConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data
