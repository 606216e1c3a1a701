#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "limbic/data/store.h"
#include "limbic/formats/safetensors.h"

namespace limbic::data {

/// The shards of a store, each opened when it is first asked for. Thread-safe.
class ShardSet {
 public:
  /// @param directory  the store
  explicit ShardSet(std::string directory) : directory_(std::move(directory)) {}
  /// @throws Error(kData) missing, not a regular file or no safetensors
  const formats::SafetensorsShard& at(const std::string& name) const;

 private:
  std::string directory_;
  mutable std::shared_mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<const formats::SafetensorsShard>> by_name_;
};

/// What is wrong with a stream's place in its shard; empty when it can be read.
std::string stream_defect(const std::string& name, const StreamRef& ref, const RawModality& modality,
                          const formats::SafetensorsShard& shard);
/// Not a link, directory or device.
bool is_regular_file(const std::string& path);

}  // namespace limbic::data
