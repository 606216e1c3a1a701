#pragma once
#include <cstdint>
#include <string>

namespace limbic::data {

/// One of `count` parts of a corpus, made by a process of its own: `--shard 3/16`. Part i has the items
/// [i * N / count, (i + 1) * N / count) of the corpus's N files in their order.
struct ImportPart {
  int64_t index = 0;  ///< from 0, as SLURM counts array tasks
  int64_t count = 0;  ///< 0 = no part: the whole corpus

  bool is_whole() const { return count == 0; }
  /// The first of the part's items.
  int64_t begin(int64_t num_items) const { return num_items * index / count; }
  int64_t end(int64_t num_items) const { return num_items * (index + 1) / count; }
};
/// "3/16". @throws Error(kConfig)
ImportPart parse_import_part(const std::string& text);
/// STORE/parts/00003-of-00016
std::string part_path(const std::string& store, const ImportPart& part);

struct MergeReport {
  std::string content_hash;
  int64_t num_samples = 0;
  int64_t num_parts = 0;  ///< 0: there were none, the store was merged before
};

/// Makes one store of STORE/parts/: all must be there, of one dataset.yaml, without a sample in two. Shards
/// are linked, not copied. The store appears when its dataset.yaml does, last of all its files; only then the
/// parts go. Killed at any time and run again, it ends the same. A store that is there already with the same
/// content stays.
/// @throws Error(kData) listing the parts that are missing or what contradicts, Error(kStorage) when a store
/// with other content is there and `replace` is false
MergeReport merge_parts(const std::string& store, bool replace = false);

}  // namespace limbic::data
