#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "limbic/data/loader_config.h"
#include "limbic/data/sample_table.h"

namespace limbic::data {

/// One place in an epoch.
struct EpochEntry {
  int64_t sample_idx = 0;
  uint64_t occurrence = 0;  ///< how often the sample came before in this epoch
};

/// The samples of an epoch, cut into batches.
struct EpochPlan {
  std::vector<EpochEntry> entries;
  std::vector<size_t> batch_begin{0};  ///< batch b is entries [batch_begin[b], batch_begin[b + 1])
  int64_t num_frames = 0;              ///< by the samples' lengths
  int64_t num_padded_frames = 0;       ///< the same with every sample as long as its batch's longest

  int64_t num_batches() const { return static_cast<int64_t>(batch_begin.size()) - 1; }
  /// Share of frames that are padding.
  double padding_share() const {
    return num_padded_frames > 0
               ? 1 - static_cast<double>(num_frames) / static_cast<double>(num_padded_frames)
               : 0;
  }
};

/// What a sampler knows of the samples of a part; position i of each list is about indices[i].
struct SamplerInput {
  std::vector<int64_t> indices;     ///< rows of the table
  std::vector<int32_t> lengths;     ///< frames, for buckets and budgets; empty = all 1
  std::vector<int32_t> labels;      ///< class for balanced draws, -1 = unknown; empty = no task
  std::vector<bool> is_labelled{};  ///< for labelled_per_batch; empty = without
  bool is_training = false;         ///< else in order (of dialogues, for that sampler)
  uint64_t seed = 0;
};

/// Orders the samples of an epoch and cuts them into batches. A plan depends on (input, config, epoch) alone,
/// so an epoch can be taken up at any batch. Const methods are thread-safe.
class EpochSampler {
 public:
  /// @throws Error(kConfig) when the corpora are not those of mixing.weights, Error(kData) when balanced
  /// draws have no label to go by
  EpochSampler(const SampleTable& samples, SamplerInput input, const LoaderConfig& config);
  EpochPlan plan(int64_t epoch) const;

 private:
  void make_units(const SampleTable& samples);
  void make_corpora(const SampleTable& samples);
  void make_classes();
  void make_labelled();
  std::vector<int32_t> draw_units(int64_t epoch) const;
  std::vector<int32_t> draw_balanced(int64_t epoch) const;
  std::vector<int32_t> draw_labelled(int64_t epoch) const;
  std::vector<size_t> cut(const std::vector<int32_t>& units, size_t begin, size_t end) const;

  SamplerInput input_;
  LoaderConfig config_;
  // What is drawn is a unit: a sample, or all turns of a dialogue. Unit u is positions_[unit_begin_[u]..).
  std::vector<int32_t> positions_;
  std::vector<int32_t> unit_begin_;
  std::vector<int32_t> unit_length_;                   ///< of the longest sample
  std::vector<std::vector<int32_t>> corpus_units_;     ///< mixing only
  std::vector<int64_t> corpus_draws_;                  ///< per epoch
  std::vector<std::vector<int32_t>> class_positions_;  ///< balanced draws only
  std::array<std::vector<int32_t>, 2> by_label_;       ///< labelled_per_batch only: without, with a label
};

}  // namespace limbic::data
