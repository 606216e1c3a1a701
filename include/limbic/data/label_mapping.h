#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/affect/ontology.h"

namespace limbic::data {

/// How the labels of a store become the classes of a shared task.
struct LabelMap {
  std::string task;                                   ///< of the ontology, or the level
  std::vector<std::string> classes;                   ///< of the task, in its order
  std::map<std::string, std::string> class_of_label;  ///< label of the store -> class
  std::vector<std::string> unmapped;                  ///< labels without a class, in the store's order
  std::map<std::string, std::string> reasons;         ///< label without a class -> why

  affect::LabelSpace label_space() const { return {task, classes}; }
};

/// Maps every class of `labels` through the ontology to `wanted`: a task, or a level of the hierarchy (its
/// classes are then the concepts of that level that occur, by name). What a label means says
/// Ontology::class_meaning(). Pure.
/// @param corpus  "ravdess"...; may be one that the ontology does not know
/// @throws Error(kConfig) for an unknown task, and when no label has a class
LabelMap map_labels(const affect::LabelSpace& labels, const std::string& corpus, const std::string& wanted,
                    const affect::Ontology& ontology);

/// What became of the labels, a line each: "fearful -> fear", "calm dropped: ...". @param counts  samples by
/// label, or empty
std::string mapping_report(const LabelMap& map, const std::map<std::string, int64_t>& counts = {});

}  // namespace limbic::data
