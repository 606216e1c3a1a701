#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/stream.h"
#include "limbic/data/dataset_info.h"
#include "limbic/data/problem.h"
#include "limbic/data/sample_table.h"

namespace limbic::formats {
class SafetensorsShard;
}

namespace limbic::data {

struct CorpusMember;

/// A corpus on disk: dataset.yaml, manifest.jsonl, index.safetensors, shards/NNNNN.safetensors. With its
/// index it opens in the time that checksums take, a shard when it is first touched; without, the manifest is
/// parsed and every shard's header checked. Tensors are read lazily through mmap. Const methods are
/// thread-safe.
class Store {
 public:
  /// @throws Error(kData) at the first defect, as file:line
  static std::shared_ptr<const Store> open(const std::string& path);
  /// Opens as much as can be read, from the manifest, and appends what is wrong (with it, the shards or the
  /// index) to `problems`; null when nothing can be read.
  static std::shared_ptr<const Store> open_lenient(const std::string& path, std::vector<Problem>& problems);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The raw tensor of a sample; shares the mapped file, so never write into it.
  /// @throws Error(kData) when the sample lacks the stream
  at::Tensor read(int64_t sample_idx, const std::string& stream) const;
  /// The same with times and validity. Waveforms stay int16 (S,).
  affect::Stream read_stream(int64_t sample_idx, const std::string& stream) const;
  /// CRC of the stream as it lies on disk, to compare with StreamRef::crc32.
  uint32_t checksum(int64_t sample_idx, const std::string& stream) const;

  const std::string& path() const { return path_; }
  const DatasetInfo& info() const { return info_; }
  const SampleTable& samples() const { return samples_; }
  int64_t size() const { return samples_.size(); }
  /// @throws Error(kData) with the nearest id
  int64_t index_of(const std::string& id) const;
  /// @throws Error(kData) with the tasks that there are
  const affect::LabelSpace& label_space(const std::string& task) const;
  /// SHA-256 over dataset.yaml and the samples (with every tensor's CRC), wherever they lie: a corpus has the
  /// same hash however it is spread over shards.
  const std::string& content_hash() const { return content_hash_; }

  /// The stores that combine_stores made this one of; empty when it is one corpus.
  const std::vector<std::shared_ptr<const Store>>& members() const { return members_; }

 private:
  friend std::shared_ptr<const Store> combine_stores(const std::vector<CorpusMember>& members);
  struct Shards;
  Store();
  /// The member that has the sample, with its row there; null when this is one corpus.
  const Store* member_of(int64_t sample_idx, int64_t& row) const;
  StreamRef stream_of(int64_t sample_idx, const std::string& stream) const;
  const formats::SafetensorsShard& shard_of(int64_t sample_idx, const std::string& stream,
                                            const StreamRef& ref) const;
  std::string path_;
  DatasetInfo info_;
  SampleTable samples_;
  std::string content_hash_;
  std::unique_ptr<Shards> shards_;
  std::vector<std::shared_ptr<const Store>> members_;
  std::vector<int64_t> member_begins_;  ///< first sample of each
};

/// A raw stream on its way into a store.
struct RawStream {
  at::Tensor values;   ///< contiguous; shape and type as the modality's kind says
  at::Tensor valid_T;  ///< bool, or undefined when every frame is real
  double rate_hz = 0.0;
  core::Timestamp t0;
};

/// Builds a store in a temp directory beside `path` and publishes it whole. The same samples in the same
/// order give the same bytes. Destroyed without finish(), it leaves nothing.
class StoreWriter {
 public:
  /// @param replace  finish() may take the place of a store with other content
  /// @param may_be_empty  for a part of a corpus
  StoreWriter(std::string path, DatasetInfo info, bool replace = false, bool may_be_empty = false);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  /// Adds a sample; its `streams` are filled in here. @throws Error(kData) when it contradicts the dataset's
  /// info
  void add(Sample sample, const std::map<std::string, RawStream>& streams);
  /// A further file of the store, e.g. "quarantine.jsonl".
  void add_file(const std::string& name, const std::string& text);
  /// Writes what is left, validates and publishes. A store with the same content stays as it is.
  /// @returns the content hash. @throws Error(kStorage) when another store is there and `replace` is false
  std::string finish();

  int64_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::data
