#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limbic/affect/ontology.h"

namespace limbic::affect {

/// "Pleasant Surprise" -> "pleasant_surprise"
std::string normalised(const std::string& word);

/// The concepts of a file as a graph. Built from files with problems, too: unknown parents are left out.
struct ConceptGraph {
  explicit ConceptGraph(const OntologyFile& file);

  /// Whether `id` is `ancestor` or lies below it.
  bool is_a(ConceptId id, ConceptId ancestor) const { return up[at(id)][at(ancestor)] >= 0; }
  static size_t at(ConceptId id) { return static_cast<size_t>(id); }
  /// By exact name.
  std::optional<ConceptId> find(const std::string& name) const;
  std::vector<ConceptId> ids_of(const std::vector<std::string>& wanted) const;

  /// The wanted concept that is most specific for `id` and the distance to it; `is_ambiguous` when two are
  /// equally near and neither lies below the other.
  struct Choice {
    size_t index = 0;  ///< into the groups
    bool is_ambiguous = false;
    size_t other = 0;  ///< the group that is as near
  };
  /// @param groups  concepts of each class
  std::optional<Choice> nearest_group(ConceptId id, const std::vector<std::vector<ConceptId>>& groups) const;

  std::vector<std::string> names;  ///< sorted
  std::map<std::string, ConceptId> id_of_name;
  std::vector<std::vector<ConceptId>> parents;
  std::vector<std::vector<ConceptId>> children;
  /// Parents before children; shorter than names when there is a cycle.
  std::vector<ConceptId> order;
  /// up[x][a]: edges of the shortest way up from x to a, 0 for itself, -1 where a is no ancestor. Empty with
  /// a cycle.
  std::vector<std::vector<int16_t>> up;
  std::vector<int64_t> depth;  ///< edges of the longest way to a root
};

}  // namespace limbic::affect
