#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "limbic/data/store.h"
#include "store/manifest.h"

namespace limbic::data {

inline constexpr const char* kIndexFile = "index.safetensors";

/// What an index was made of. It counts only beside exactly these files.
struct IndexFacts {
  ManifestFacts manifest;
  std::string info_sha256;                 ///< of dataset.yaml
  std::map<std::string, uint64_t> shards;  ///< shard -> bytes of its file
};

// Note [The index]
// index.safetensors holds the columns of the samples, so that a store opens without parsing its manifest. It
// is derived from dataset.yaml, manifest.jsonl and the shards' headers, and written by whoever validated
// them. It is used when the files beside it have the size and checksum that it says, its own checksums hold
// and every code, offset, time and name in it is in range; otherwise the manifest is parsed as if it were
// absent. `data check` always parses the manifest and compares.
//
// Tensors, n samples and k texts: text.bytes U8, text.begins I64 (k + 1), by_id I32 (n), field.<name> I32
// (n), turn, t0, duration I64 (n), labels/<task>, attributes/<key> I32 (n), values/<name> F64 (n),
// streams/<name>/{shard, tensor, valid} I32, /rate_hz F64, /{t0, frames} I64, /crc32 I32 (n). Codes: see
// columns.h. Metadata: limbic.index, manifest.bytes, manifest.crc32, samples.sha256, dataset.sha256,
// shards (JSON: name -> bytes).

/// Writes `store`/index.safetensors.
void write_index(const std::string& store, const SampleTable& samples, const IndexFacts& facts);
/// The samples of `store` as its index has them; nothing, and the reason, when it is absent, stale or
/// damaged.
std::optional<SampleTable> read_index(const std::string& store, const DatasetInfo& info,
                                      const std::string& info_sha256, IndexFacts& facts, std::string& reason);
/// Whether two tables say the same. Texts that nothing refers to do not count.
bool have_same_samples(const SampleTable& a, const SampleTable& b);

}  // namespace limbic::data
