#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/data/leak.h"
#include "limbic/data/protocol_config.h"
#include "limbic/data/sample_table.h"

namespace limbic::data {

class Store;

/// Sample indices of every part, ascending, disjoint.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> val;
  std::vector<int64_t> test;
  std::string description;  ///< one line for logs and reports
  std::string hash;         ///< SHA-256 over the ids of the parts
  std::map<std::string, std::string>
      part_hashes;                          ///< "train", "val", "test" -> SHA-256 over its ids, one a line
  LeakReport leaks;                         ///< what `allow_leaks` let through; belongs beside every result
  std::map<LeakKind, int64_t> num_dropped;  ///< samples that `drop_leaks` left out

  /// "train", "val" or "test". @throws Error(kConfig)
  const std::vector<int64_t>& part(const std::string& name) const;
};

/// @throws Error(kData) listing every leak that is not allowed, names that match nothing, empty parts
Split make_split(const SampleTable& samples, const ProtocolConfig& protocol);
/// The same; streams of equal checksums are compared byte by byte before they count as copies.
Split make_split(const Store& store, const ProtocolConfig& protocol);

/// How many models cross-validation takes.
struct FoldCount {
  int64_t outer = 0;  ///< 0: the protocol is no cross-validation
  int64_t inner = 1;  ///< models of each outer fold
};
FoldCount num_folds(const SampleTable& samples, const ProtocolConfig& protocol);
/// The same protocol at another outer and inner fold. @throws Error(kInternal) for one that has no folds
ProtocolConfig at_fold(ProtocolConfig protocol, int64_t outer, int64_t inner = 0);

}  // namespace limbic::data
