#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/data/problem.h"
#include "limbic/data/sample.h"
#include "limbic/data/store.h"

namespace limbic::data {

// What a manifest may hold.
inline constexpr size_t kMaxNameBytes = 512;
inline constexpr size_t kMaxPathBytes = 4096;
inline constexpr double kMaxSeconds = 1e8;
inline constexpr double kMaxRate_hz = 1e6;
inline constexpr int64_t kMaxFrames = INT64_C(1) << 40;

/// One line of manifest.jsonl, without the line end.
std::string manifest_line(const Sample& sample);

/// What a manifest says besides its samples.
struct ManifestFacts {
  uint64_t num_bytes = 0;
  uint32_t crc32 = 0;
  /// SHA-256 over the usable lines, the names of shards left out: how samples are spread over files says
  /// nothing about them.
  std::string samples_sha256;
};
/// Reads manifest.jsonl; lines with problems are left out and every problem is listed with its line.
/// @param keep  takes the samples in order; false leaves one out
SampleTable read_manifest(const std::string& path, const DatasetInfo& info, std::vector<Problem>& problems,
                          ManifestFacts& facts, const std::function<bool(const Sample&)>& keep);
/// One line, carefully, with the reason when it is not sound. @throws LineError
Sample parse_sample(const std::string& line, const DatasetInfo& info);
/// A rule of the manifest that a line breaks.
struct LineError {
  std::string code;
  std::string message;
};

/// What is wrong with a path that a store or a corpus names: empty when it stays inside its folder.
std::string unsafe_path_reason(std::string_view path);
/// What is wrong with the name of a shard; empty when it is one such as 00000.safetensors.
std::string shard_name_defect(const std::string& name);
/// The type of a modality kind's tensors as safetensors spells it, or null.
const char* dtype_of_kind(const std::string& kind);

}  // namespace limbic::data
