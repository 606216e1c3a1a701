#pragma once
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "limbic/data/store.h"
#include "store/index.h"

namespace limbic::data {

/// A store that was read to the last line, with everything checked but the values of tensors.
struct LoadedStore {
  DatasetInfo info;
  SampleTable samples;
  IndexFacts facts;
};
/// Reads a store without its index; `problems` tell what is wrong. Nothing when it cannot be read at all.
std::optional<LoadedStore> load_store(const std::string& path, std::vector<Problem>& problems);
/// The first problem as an error, with the number of others. @param path  of the store
[[noreturn]] void throw_first(const std::vector<Problem>& problems, const std::string& path);

/// Ids as 128 bits of their SHA-256: a hundred million of them fit into memory.
class IdSet {
 public:
  /// False when it is there already.
  bool insert(const std::string& id);

 private:
  struct Key {
    uint64_t high, low;
    bool operator==(const Key& other) const { return high == other.high && low == other.low; }
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return key.low; }
  };
  std::unordered_set<Key, KeyHash> keys_;
};

/// A store in the making, in a temp directory beside its place. Destroyed without finish(), it leaves
/// nothing.
class StoreStaging {
 public:
  StoreStaging(std::string path, DatasetInfo info, bool may_be_empty);
  ~StoreStaging();
  StoreStaging(const StoreStaging&) = delete;
  StoreStaging& operator=(const StoreStaging&) = delete;

  /// Takes an id, before anything is written under it. @throws Error(kData) when it was used before
  void claim(const std::string& id);
  /// A sample with a claimed id, whose streams say where they lie.
  void add(const Sample& sample);
  /// Writes dataset.yaml, validates all and writes the index. @returns the content hash
  std::string seal();
  /// The directory is the caller's now.
  void release() { is_released_ = true; }

  const std::string& path() const { return path_; }
  const std::string& temp() const { return temp_; }
  const DatasetInfo& info() const { return info_; }
  int64_t size() const { return size_; }

 private:
  std::string path_;
  std::string temp_;
  DatasetInfo info_;
  bool may_be_empty_;
  bool is_released_ = false;
  std::ofstream manifest_;
  IdSet ids_;
  int64_t size_ = 0;
};

/// Whether the two folders hold the same files with the same bytes; `ignored` is a folder of `b` left out.
bool have_same_files(const std::string& a, const std::string& b, const std::string& ignored = "");

}  // namespace limbic::data
