#pragma once
#include <string>
#include <vector>

#include "limbic/data/problem.h"
#include "limbic/data/sample.h"
#include "limbic/data/store.h"

namespace limbic::data {

/// One line of manifest.jsonl, without the line end.
std::string manifest_line(const Sample& sample);
/// Reads manifest.jsonl; lines with problems are left out and every problem is listed with its line.
std::vector<Sample> read_manifest(const std::string& path, const DatasetInfo& info,
                                  std::vector<Problem>& problems);
/// What is wrong with a path that a store or a corpus names: empty when it stays inside its folder.
std::string unsafe_path_reason(const std::string& path);
/// The type of a modality kind's tensors as safetensors spells it, or null.
const char* dtype_of_kind(const std::string& kind);

}  // namespace limbic::data
