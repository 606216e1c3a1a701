#pragma once
#include <string>

#include "limbic/data/store.h"

namespace limbic::data {

inline constexpr int64_t kStoreSchema = 2;        ///< what StoreWriter writes
inline constexpr int64_t kOldestStoreSchema = 1;  ///< still read: it had no index, and no ranges of values
inline constexpr const char* kInfoFile = "dataset.yaml";
inline constexpr const char* kManifestFile = "manifest.jsonl";

/// What dataset.yaml says about itself; empty when it is sound.
std::string info_defect(const DatasetInfo& info);
/// Reads and checks `store`/dataset.yaml. @param sha256  of the file. @throws Error(kData)
DatasetInfo read_info(const std::string& store, std::string& sha256);
/// Hash of a store: dataset.yaml and its samples, wherever the tensors lie.
std::string content_hash_of(const std::string& info_sha256, const std::string& samples_sha256);

}  // namespace limbic::data
