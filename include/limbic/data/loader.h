#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/affect/stream.h"
#include "limbic/config/checks.h"
#include "limbic/data/augment.h"
#include "limbic/data/store.h"
#include "limbic/features/feature_config.h"

namespace limbic::data {

/// The order of training samples. kBalanced draws with replacement, every class of the first task alike.
enum class Sampler { kShuffle, kBalanced, kSequential };
constexpr auto enum_names(Sampler) {
  return std::array<std::pair<Sampler, const char*>, 3>{{{Sampler::kShuffle, "shuffle"},
                                                         {Sampler::kBalanced, "balanced"},
                                                         {Sampler::kSequential, "sequential"}}};
}

/// Which frames of a sequence longer than max_frames are kept in evaluation.
enum class EvalCrop { kFull, kCentre };
constexpr auto enum_names(EvalCrop) {
  return std::array<std::pair<EvalCrop, const char*>, 2>{
      {{EvalCrop::kFull, "full"}, {EvalCrop::kCentre, "centre"}}};
}

/// How batches are made.
struct LoaderConfig {
  int64_t batch_size = 32;
  int64_t num_workers = 1;       ///< threads; 0 = the caller does the work
  int64_t prefetch_batches = 4;  ///< batches that may wait, bounds memory
  Sampler sampler = Sampler::kShuffle;
  bool drop_last = true;
  std::map<std::string, int64_t> max_frames;
  EvalCrop eval_crop = EvalCrop::kFull;
  int64_t cache_mib = 1024;

  template <class Visitor>
  void visit(Visitor& v) {
    v("batch_size", batch_size, "samples per batch");
    v("num_workers", num_workers, "threads that make batches; 0 = the training thread itself");
    v("prefetch_batches", prefetch_batches, "batches that may wait for the model");
    v("sampler", sampler, "order of training samples; balanced draws classes alike, with replacement");
    v("drop_last", drop_last, "leave out a last, smaller training batch");
    v("max_frames", max_frames, "modality -> longest sequence; training crops at random");
    v("eval_crop", eval_crop, "sequences longer than max_frames in evaluation: full or centre");
    v("cache_mib", cache_mib, "memory for computed features, MiB; 0 = none");
  }
  void validate(config::Checks& checks) const;
};

/// What a loader reads, and as what.
struct LoaderInput {
  std::shared_ptr<const Store> store;
  std::vector<int64_t> indices;           ///< samples of this part
  std::vector<affect::LabelSpace> tasks;  ///< targets to make; classes of the model
  features::FeatureConfig features;       ///< modality -> feature
  AugmentConfig augment;                  ///< used in training only
  bool is_training = false;  ///< sampler, random crops and augmentation; else in order and as it is
  uint64_t seed = 0;
};

/// Makes batches in threads. Order, crops and augmentation depend on (seed, epoch, sample) alone: any number
/// of workers gives the same batches bit for bit. One consumer thread.
///
///   loader.begin_epoch(epoch);
///   while (auto batch = loader.next()) step(*batch);
class Loader {
 public:
  Loader(LoaderInput input, LoaderConfig config);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Starts an epoch, from `first_batch` on (to resume). An epoch under way is dropped.
  void begin_epoch(int64_t epoch, int64_t first_batch = 0);
  /// The next batch, or nothing at the end of the epoch.
  /// @throws Error(kData) of a worker, with the sample's id in front; the epoch is then over
  std::optional<affect::Batch> next();
  /// One sample's features as the model sees them, without augmentation and crop. Thread-safe; fills the
  /// cache. Undefined `values` when the sample lacks the modality.
  affect::Stream features_of(int64_t sample_idx, const std::string& modality) const;

  int64_t num_batches() const;
  int64_t num_samples() const;
  /// Seconds that next() waited for workers (or made batches itself), since construction.
  double wait_s() const;
  int64_t cache_bytes() const;
  const LoaderInput& input() const;
  const LoaderConfig& config() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data
