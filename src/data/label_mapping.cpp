#include "limbic/data/label_mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

/// The class that every concept of a label falls into; empty with a reason when there is none.
std::string class_of(const affect::ClassMeaning& meaning, const LabelMap& map, bool is_level,
                     const affect::Ontology& ontology, std::string& reason) {
  reason = meaning.reason;
  std::string common;
  for (const affect::ConceptId id : meaning.ids) {
    std::string name;
    if (is_level) {
      if (const auto above = ontology.at_level(id, map.task)) name = ontology.name(*above);
    } else if (const auto index = ontology.map_to_task(id, map.task)) {
      name = map.classes[static_cast<size_t>(*index)];
    }
    if (name.empty()) {
      reason = fmt::format("{} lies below no {} of {}", ontology.name(id), is_level ? "concept" : "class",
                           map.task);
      return "";
    }
    if (!common.empty() && name != common) {
      reason = fmt::format("its concepts fall into {} and {}", common, name);
      return "";
    }
    common = name;
  }
  return common;
}

}  // namespace

LabelMap map_labels(const affect::LabelSpace& labels, const std::string& corpus, const std::string& wanted,
                    const affect::Ontology& ontology) {
  const auto& levels = ontology.file().levels;
  const bool is_level = std::find(levels.begin(), levels.end(), wanted) != levels.end() &&
                        ontology.file().tasks.count(wanted) == 0;
  LabelMap map;
  map.task = wanted;
  if (!is_level) {
    if (ontology.file().tasks.count(wanted) == 0) {
      std::vector<std::string> known = levels;
      for (const auto& [name, task] : ontology.file().tasks) known.push_back(name);
      throw Error(ErrorCode::kConfig, "the ontology has no task or level '" + wanted + "'" +
                                          core::did_you_mean(wanted, known) +
                                          " (known: " + core::join(known) + ")");
    }
    map.classes = ontology.label_space(wanted).classes;
  }
  std::set<std::string> seen;
  for (const auto& label : labels.classes) {
    std::string reason;
    const std::string name =
        class_of(ontology.class_meaning(labels, label, corpus), map, is_level, ontology, reason);
    if (name.empty()) {
      map.unmapped.push_back(label);
      map.reasons[label] = reason;
    } else {
      map.class_of_label[label] = name;
      seen.insert(name);
    }
  }
  if (is_level) map.classes.assign(seen.begin(), seen.end());
  if (map.class_of_label.empty()) {
    throw Error(ErrorCode::kConfig,
                fmt::format("no label of task '{}' ({}) has a class in '{}'; {}: {}", labels.task,
                            core::join(labels.classes), wanted, map.unmapped.empty() ? "" : map.unmapped[0],
                            map.reasons.empty() ? "" : map.reasons.at(map.unmapped[0])));
  }
  return map;
}

std::string mapping_report(const LabelMap& map, const std::map<std::string, int64_t>& counts) {
  const auto count_of = [&](const std::string& label) {
    const auto found = counts.find(label);
    return counts.empty() ? std::string()
                          : fmt::format(" ({} samples)", found == counts.end() ? 0 : found->second);
  };
  std::string text;
  for (const auto& [label, name] : map.class_of_label)
    text += fmt::format("{} -> {}{}\n", label, name, count_of(label));
  for (const auto& label : map.unmapped)
    text += fmt::format("{} dropped{}: {}\n", label, count_of(label), map.reasons.at(label));
  std::vector<std::string> empty;
  for (const auto& name : map.classes) {
    const bool is_used = std::any_of(map.class_of_label.begin(), map.class_of_label.end(),
                                     [&](const auto& entry) { return entry.second == name; });
    if (!is_used) empty.push_back(name);
  }
  if (!empty.empty()) text += "without samples: " + core::join(empty) + "\n";
  return text;
}

}  // namespace limbic::data
