#include "concept_graph.h"

#include <algorithm>

namespace limbic::affect {

std::string normalised(const std::string& word) {
  std::string result = word;
  for (char& c : result) {
    if (c == ' ' || c == '-') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

ConceptGraph::ConceptGraph(const OntologyFile& file) {
  for (const auto& [name, entry] : file.concepts) {
    id_of_name[name] = static_cast<ConceptId>(names.size());
    names.push_back(name);
  }
  const size_t num_concepts = names.size();
  parents.resize(num_concepts);
  children.resize(num_concepts);
  std::vector<size_t> missing(num_concepts, 0);  // parents that are not in `order` yet
  for (size_t child = 0; child < num_concepts; ++child) {
    parents[child] = ids_of(file.concepts.at(names[child]).parents);
    missing[child] = parents[child].size();
    for (const ConceptId parent : parents[child])
      children[at(parent)].push_back(static_cast<ConceptId>(child));
  }
  depth.assign(num_concepts, 0);
  for (size_t id = 0; id < num_concepts; ++id) {
    if (missing[id] == 0) order.push_back(static_cast<ConceptId>(id));
  }
  for (size_t next = 0; next < order.size(); ++next) {
    for (const ConceptId child : children[at(order[next])]) {
      depth[at(child)] = std::max(depth[at(child)], depth[at(order[next])] + 1);
      if (--missing[at(child)] == 0) order.push_back(child);
    }
  }
  if (order.size() != num_concepts) return;

  up.assign(num_concepts, std::vector<int16_t>(num_concepts, -1));
  for (const ConceptId id : order) {
    auto& own = up[at(id)];
    for (const ConceptId parent : parents[at(id)]) {
      const auto& above = up[at(parent)];
      for (size_t a = 0; a < num_concepts; ++a) {
        if (above[a] < 0) continue;
        const auto steps = static_cast<int16_t>(above[a] + 1);
        own[a] = own[a] < 0 ? steps : std::min(own[a], steps);
      }
    }
    own[at(id)] = 0;
  }
}

std::optional<ConceptId> ConceptGraph::find(const std::string& name) const {
  const auto found = id_of_name.find(name);
  if (found == id_of_name.end()) return std::nullopt;
  return found->second;
}

std::vector<ConceptId> ConceptGraph::ids_of(const std::vector<std::string>& wanted) const {
  std::vector<ConceptId> ids;
  for (const auto& name : wanted) {
    if (const auto id = find(name)) ids.push_back(*id);
  }
  return ids;
}

std::optional<ConceptGraph::Choice> ConceptGraph::nearest_group(
    ConceptId id, const std::vector<std::vector<ConceptId>>& groups) const {
  struct Candidate {
    int16_t steps;
    ConceptId id;
    size_t group;
  };
  std::vector<Candidate> candidates;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const ConceptId wanted : groups[g]) {
      if (is_a(id, wanted)) candidates.push_back({up[at(id)][at(wanted)], wanted, g});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.steps < b.steps; });
  std::optional<Choice> best;
  int16_t best_steps = 0;
  for (const auto& candidate : candidates) {
    if (best && (candidate.steps > best_steps || candidate.group == best->index)) continue;
    // In a graph the nearest need not be the most specific: it may be a parent of another candidate, too.
    const bool is_most_specific = std::none_of(
        candidates.begin(), candidates.end(),
        [&](const Candidate& other) { return other.id != candidate.id && is_a(other.id, candidate.id); });
    if (!is_most_specific) continue;
    if (!best) {
      best = Choice{candidate.group, false, candidate.group};
      best_steps = candidate.steps;
    } else {
      best->is_ambiguous = true;
      best->other = candidate.group;
    }
  }
  return best;
}

}  // namespace limbic::affect
