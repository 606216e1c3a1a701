#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::data {

/// The order of training samples. kBalanced draws with replacement, every class of the first task alike.
enum class Sampler { kShuffle, kBalanced, kSequential, kDialogue };
constexpr auto enum_names(Sampler) {
  return std::array<std::pair<Sampler, const char*>, 4>{{{Sampler::kShuffle, "shuffle"},
                                                         {Sampler::kBalanced, "balanced"},
                                                         {Sampler::kSequential, "sequential"},
                                                         {Sampler::kDialogue, "dialogue"}}};
}

/// Which frames of a sequence longer than max_frames are kept in evaluation.
enum class EvalCrop { kFull, kCentre };
constexpr auto enum_names(EvalCrop) {
  return std::array<std::pair<EvalCrop, const char*>, 2>{
      {{EvalCrop::kFull, "full"}, {EvalCrop::kCentre, "centre"}}};
}

/// How much of an epoch each corpus gets: p_c = n_c^(1/T) / sum (Conneau et al. 2020, section 3.1, writes
/// alpha = 1/T), or the given weights. An epoch has as many samples as the part; corpus c gets p_c of them,
/// rounded by largest remainder. It goes through its samples in a random order and starts over when all have
/// come, from epoch to epoch: within one round nothing comes twice.
struct MixingConfig {
  double temperature = 0.0;
  std::map<std::string, double> weights;

  template <class Visitor>
  void visit(Visitor& v) {
    v("temperature", temperature, "T of p_c = n_c^(1/T): 1 = by size, large = all alike; 0 = no mixing");
    v("weights", weights, "corpus -> share instead of the temperature's; all corpora, 0 leaves one out");
  }
  void validate(config::Checks& checks) const;
  bool is_on() const { return temperature > 0 || !weights.empty(); }
};

/// How batches are made.
struct LoaderConfig {
  int64_t batch_size = 32;
  int64_t batch_frames = 0;
  int64_t num_workers = 1;       ///< threads; 0 = the caller does the work
  int64_t prefetch_batches = 4;  ///< batches that may wait, bounds memory
  Sampler sampler = Sampler::kShuffle;
  int64_t bucket_batches = 0;
  std::string length_by;
  bool drop_last = true;
  std::map<std::string, int64_t> max_frames;
  EvalCrop eval_crop = EvalCrop::kFull;
  int64_t cache_mib = 1024;
  bool skip_bad = false;
  bool verify = false;
  MixingConfig mixing;
  double labelled_per_batch = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("batch_size", batch_size, "samples per batch; with batch_frames the most");
    v("batch_frames", batch_frames,
      "most frames of a batch, padding included (samples x longest, before augmentation); a longer sample "
      "is a batch of its own; 0 = no limit",
      config::at_least(0));
    v("num_workers", num_workers, "threads that make batches; 0 = the training thread itself");
    v("prefetch_batches", prefetch_batches, "batches that may wait for the model");
    v("sampler", sampler,
      "order of training samples; balanced draws classes alike, with replacement; dialogue keeps the turns "
      "of a dialogue together and in order");
    v("mixing", mixing, "shares of several corpora");
    v("labelled_per_batch", labelled_per_batch,
      "share of every training batch that has a label (data.supervision); labelled samples come as often as "
      "that takes, an epoch sees every other sample once; 0 = as they come",
      config::in_range(0.0, 1.0));
    v("bucket_batches", bucket_batches,
      "samples of this many batches are sorted by length before they are cut into batches; 0 = off",
      config::at_least(0));
    v("length_by", length_by,
      "modality whose frames are a sample's length for bucket_batches and batch_frames; empty = the longest");
    v("drop_last", drop_last,
      "leave out a last, smaller training batch (not with batch_frames or dialogues)");
    v("max_frames", max_frames, "modality -> longest sequence; training crops at random");
    v("eval_crop", eval_crop, "sequences longer than max_frames in evaluation: full or centre");
    v("cache_mib", cache_mib, "memory for computed features, MiB; 0 = none");
    v("skip_bad", skip_bad,
      "a stream that cannot be read counts as absent and goes to quarantine.jsonl (at most 1 % of the part "
      "and fewer than 100 in a row); false: it is an error");
    v("verify", verify, "compare the checksum of every stream that is read from the store");
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::data
