#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/data/label_mapping.h"
#include "limbic/data/store.h"

namespace limbic::data {

/// One of several corpora that are used as one. A label that its map has no class for becomes unknown.
struct CorpusMember {
  std::shared_ptr<const Store> store;
  std::map<std::string, LabelMap> label_maps{};  ///< task of the store -> what it becomes; others stay
};

/// One store of several, which keeps them open: all samples of the first, then of the second... Ids,
/// subjects, sessions, dialogues and clips get "<name of the corpus>/" in front (a name that comes again
/// "#2"), so that nobody is in two corpora. Modalities of one name become one, their rates may differ;
/// tensors are read from the store that has them. The content hash is of all. In `samples()` a stream's rate,
/// time and length hold; its shard and tensor are names only.
/// @throws Error(kData) naming both corpora when modalities of one name differ in kind, frame shape, columns
/// or unit, when tasks of one name have other classes and no map, or when a store comes twice; Error(kConfig)
/// when a map names what is not there
std::shared_ptr<const Store> combine_stores(const std::vector<CorpusMember>& members);

}  // namespace limbic::data
