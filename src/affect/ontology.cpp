#include "limbic/affect/ontology.h"

#include <algorithm>
#include <cmath>

#include "concept_graph.h"
#include "limbic/config/config.h"
#include "limbic/core/data_files.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::affect {
namespace {

template <class Map>
const typename Map::mapped_type& entry_of(const Map& map, const std::string& key, const std::string& what) {
  const auto found = map.find(key);
  if (found != map.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, entry] : map) known.push_back(name);
  throw Error(ErrorCode::kConfig, "the ontology has no " + what + " '" + key + "'" +
                                      core::did_you_mean(key, known) + " (known: " + core::join(known) + ")");
}

/// The mean of the children's numbers for concepts without their own.
std::vector<Vad> numbers_of(const OntologyFile& file, const ConceptGraph& graph) {
  std::vector<Vad> numbers(graph.names.size());
  for (auto id = graph.order.rbegin(); id != graph.order.rend(); ++id) {
    const size_t at = ConceptGraph::at(*id);
    const auto& own = file.concepts.at(graph.names[at]).vad;
    Vad& vad = numbers[at];
    if (!own.empty()) {
      vad = {own[0], own[1], own[2]};
      continue;
    }
    const auto& children = graph.children[at];
    for (const ConceptId child : children) {
      const Vad& of_child = numbers[ConceptGraph::at(child)];
      vad.valence += of_child.valence / static_cast<double>(children.size());
      vad.arousal += of_child.arousal / static_cast<double>(children.size());
      vad.dominance += of_child.dominance / static_cast<double>(children.size());
    }
  }
  return numbers;
}

}  // namespace

struct Ontology::Data {
  explicit Data(OntologyFile parsed)
      : file(std::move(parsed)), graph(file), numbers(numbers_of(file, graph)) {
    for (size_t id = 0; id < graph.names.size(); ++id) {
      words[graph.names[id]] = static_cast<ConceptId>(id);
      for (const auto& synonym : file.concepts.at(graph.names[id]).synonyms)
        words[normalised(synonym)] = static_cast<ConceptId>(id);
    }
    for (const auto& list : file.exclusive) exclusive.push_back(graph.ids_of(list));
    for (const auto& [name, task] : file.tasks) {
      for (const auto& one : task.classes) groups[name].push_back(graph.ids_of(one.concepts));
    }
  }

  OntologyFile file;
  ConceptGraph graph;
  std::vector<Vad> numbers;
  std::map<std::string, ConceptId> words;
  std::vector<std::vector<ConceptId>> exclusive;
  std::map<std::string, std::vector<std::vector<ConceptId>>> groups;  ///< by task, of its classes
};

Ontology::Ontology(OntologyFile file) : data_(std::make_shared<const Data>(std::move(file))) {}

Ontology Ontology::load(const std::string& path) {
  const bool is_builtin = path.empty() || path == "builtin";
  return Ontology(config::load_file<OntologyFile>(is_builtin ? core::data_file("ontology.yaml") : path));
}

Ontology Ontology::parse(const std::string& text, const std::string& name) {
  return Ontology(config::load_text<OntologyFile>(text, name));
}

const OntologyFile& Ontology::file() const {
  return data_->file;
}
int64_t Ontology::size() const {
  return static_cast<int64_t>(data_->graph.names.size());
}
const std::string& Ontology::name(ConceptId id) const {
  return data_->graph.names.at(ConceptGraph::at(id));
}
const ConceptEntry& Ontology::entry(ConceptId id) const {
  return data_->file.concepts.at(name(id));
}
const Vad& Ontology::vad(ConceptId id) const {
  return data_->numbers.at(ConceptGraph::at(id));
}

std::optional<ConceptId> Ontology::find(const std::string& word) const {
  const auto found = data_->words.find(normalised(word));
  if (found == data_->words.end()) return std::nullopt;
  return found->second;
}

ConceptId Ontology::id_of(const std::string& word) const {
  if (const auto id = find(word)) return *id;
  std::vector<std::string> known;
  for (const auto& [name, id] : data_->words) known.push_back(name);
  throw Error(ErrorCode::kConfig, "the ontology has no concept '" + word + "'" +
                                      core::did_you_mean(normalised(word), known) +
                                      "; `limbic ontology show` lists them");
}

const std::vector<ConceptId>& Ontology::parents(ConceptId id) const {
  return data_->graph.parents.at(ConceptGraph::at(id));
}
const std::vector<ConceptId>& Ontology::children(ConceptId id) const {
  return data_->graph.children.at(ConceptGraph::at(id));
}

std::vector<ConceptId> Ontology::ancestors(ConceptId id) const {
  const auto& up = data_->graph.up.at(ConceptGraph::at(id));
  std::vector<ConceptId> result;
  for (size_t a = 0; a < up.size(); ++a) {
    if (up[a] > 0) result.push_back(static_cast<ConceptId>(a));
  }
  std::stable_sort(result.begin(), result.end(), [&](ConceptId a, ConceptId b) {
    return up[ConceptGraph::at(a)] < up[ConceptGraph::at(b)];
  });
  return result;
}

bool Ontology::is_a(ConceptId id, ConceptId ancestor) const {
  return data_->graph.is_a(id, ancestor);
}

int64_t Ontology::distance(ConceptId a, ConceptId b) const {
  const auto& from_a = data_->graph.up.at(ConceptGraph::at(a));
  const auto& from_b = data_->graph.up.at(ConceptGraph::at(b));
  int64_t best = INT64_MAX;
  for (size_t c = 0; c < from_a.size(); ++c) {
    if (from_a[c] >= 0 && from_b[c] >= 0) best = std::min<int64_t>(best, from_a[c] + from_b[c]);
  }
  return best;
}

ConceptId Ontology::lowest_common_ancestor(ConceptId a, ConceptId b) const {
  const auto& graph = data_->graph;
  ConceptId best = -1;
  for (ConceptId c = 0; c < size(); ++c) {
    if (!graph.is_a(a, c) || !graph.is_a(b, c)) continue;
    if (best < 0 || graph.depth[ConceptGraph::at(c)] > graph.depth[ConceptGraph::at(best)]) best = c;
  }
  return best;
}

bool Ontology::contradicts(ConceptId a, ConceptId b) const {
  const auto member_above = [&](const std::vector<ConceptId>& list, ConceptId id) {
    return std::find_if(list.begin(), list.end(), [&](ConceptId member) { return is_a(id, member); });
  };
  return std::any_of(data_->exclusive.begin(), data_->exclusive.end(), [&](const auto& list) {
    const auto above_a = member_above(list, a);
    const auto above_b = member_above(list, b);
    return above_a != list.end() && above_b != list.end() && above_a != above_b;
  });
}

std::optional<ConceptId> Ontology::at_level(ConceptId id, const std::string& level) const {
  const auto& levels = data_->file.levels;
  require(std::find(levels.begin(), levels.end(), level) != levels.end(), ErrorCode::kConfig,
          "the ontology has no level '" + level + "' (" + core::join(levels) + ")" +
              core::did_you_mean(level, levels));
  std::vector<std::vector<ConceptId>> groups;
  for (ConceptId other = 0; other < size(); ++other) {
    if (is_a(id, other) && entry(other).level == level) groups.push_back({other});
  }
  const auto choice = data_->graph.nearest_group(id, groups);
  if (!choice) return std::nullopt;
  return groups[choice->index].front();
}

const TaskEntry& Ontology::task(const std::string& name) const {
  return entry_of(data_->file.tasks, name, "task");
}
const CorpusEntry& Ontology::corpus(const std::string& name) const {
  return entry_of(data_->file.corpora, name, "corpus");
}

LabelSpace Ontology::label_space(const std::string& name) const {
  LabelSpace space{name, {}};
  for (const auto& one : task(name).classes) space.classes.push_back(one.name);
  return space;
}

std::optional<int64_t> Ontology::map_to_task(ConceptId id, const std::string& name) const {
  task(name);
  const auto choice = data_->graph.nearest_group(id, data_->groups.at(name));
  if (!choice) return std::nullopt;
  return static_cast<int64_t>(choice->index);
}

std::optional<int64_t> Ontology::map_value(double value, const std::string& name) const {
  const auto& cuts = task(name).cuts;
  require(!cuts.empty(), ErrorCode::kConfig, "task '" + name + "' has no cuts: numbers have no class in it");
  if (std::isnan(value)) return std::nullopt;
  return std::upper_bound(cuts.begin(), cuts.end(), value) - cuts.begin();
}

LabelMeaning Ontology::map_label(const std::string& corpus_name, const std::string& label,
                                 const std::string& task_name) const {
  const auto& tasks = corpus(corpus_name).tasks;
  if (!task_name.empty()) entry_of(tasks, task_name, "task of " + corpus_name);
  std::optional<LabelMeaning> meaning;
  std::vector<std::string> known;
  for (const auto& [name, task] : tasks) {
    if (!task_name.empty() && name != task_name) continue;
    const auto code = task.codes.find(label);
    std::string wanted = code == task.codes.end() ? label : code->second;
    for (const auto& [spelling, meant] : task.codes) known.push_back(spelling);
    for (const auto* spellings : {&task.labels, &task.none}) {
      for (const auto& [spelling, value] : *spellings) {
        known.push_back(spelling);
        if (code == task.codes.end() && task.labels.count(label) + task.none.count(label) == 0 &&
            normalised(spelling) == normalised(label))
          wanted = spelling;
      }
    }
    std::optional<LabelMeaning> found;
    if (const auto at = task.labels.find(wanted); at != task.labels.end()) {
      found = LabelMeaning{data_->graph.find(at->second), ""};
    } else if (const auto none = task.none.find(wanted); none != task.none.end()) {
      found = LabelMeaning{std::nullopt, none->second};
    }
    if (!found) continue;
    require(!meaning || meaning->id == found->id, ErrorCode::kConfig,
            "'" + label + "' means different things in the tasks of " + corpus_name + "; name the task");
    meaning = found;
  }
  if (meaning) return *meaning;
  throw Error(ErrorCode::kConfig, "'" + label + "' is no label of " + corpus_name +
                                      (task_name.empty() ? "" : ", task " + task_name) +
                                      core::did_you_mean(label, known) + " (known: " + core::join(known) +
                                      ")");
}

ClassMeaning Ontology::class_meaning(const LabelSpace& space, const std::string& name,
                                     const std::string& corpus_name) const {
  if (const auto shared = data_->file.tasks.find(space.task); shared != data_->file.tasks.end()) {
    for (const auto& one : shared->second.classes) {
      if (one.name == name) return {data_->graph.ids_of(one.concepts), ""};
    }
  }
  std::string reason;
  if (const auto known = data_->file.corpora.find(corpus_name); known != data_->file.corpora.end()) {
    try {
      const auto meaning =
          map_label(corpus_name, name, known->second.tasks.count(space.task) != 0 ? space.task : "");
      if (!meaning.id) return {{}, meaning.reason};
      return {{*meaning.id}, ""};
    } catch (const Error& error) {
      reason = error.what();  // the word may still mean something
    }
  }
  if (const auto id = find(name)) return {{*id}, ""};
  if (!reason.empty()) return {{}, reason};
  try {
    return {{id_of(name)}, ""};
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

std::optional<double> Ontology::to_unit(const std::string& corpus_name, const std::string& value_name,
                                        double value) const {
  const auto& scale = entry_of(corpus(corpus_name).values, value_name, "value of " + corpus_name);
  if (std::isnan(value) || (scale.unknown && value == *scale.unknown)) return std::nullopt;
  return std::clamp(2.0 * (value - scale.low) / (scale.high - scale.low) - 1.0, -1.0, 1.0);
}

}  // namespace limbic::affect
