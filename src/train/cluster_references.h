#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/data/store.h"
#include "limbic/eval/embed.h"

namespace limbic::train {

/// A known partition of the samples that clusters are compared with.
struct Reference {
  std::string name;
  std::vector<std::string> names;  ///< of the classes
  std::vector<int64_t> class_of;   ///< of each sample, -1 = unknown
  std::vector<std::string> name_of(const std::vector<int64_t>& samples) const;  ///< empty where unknown
};

/// The references `wanted`, or by default the tasks of the run and of the store, subject and corpus, as far
/// as they have two classes or more.
/// @throws Error(kConfig) for a name that is none of the store's
std::vector<Reference> cluster_references(const data::Store& store, const eval::Embeddings& embeddings,
                                          const std::vector<affect::LabelSpace>& tasks,
                                          const std::vector<std::string>& wanted);

}  // namespace limbic::train
