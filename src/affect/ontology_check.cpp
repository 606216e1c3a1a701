#include <algorithm>
#include <cmath>
#include <set>

#include "concept_graph.h"
#include "limbic/core/suggest.h"

namespace limbic::affect {
namespace {

constexpr size_t kMaxConcepts = 2000;
constexpr size_t kMaxParents = 8;
constexpr size_t kMaxClasses = 256;

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

/// The checks of one file. Later ones need what earlier ones ensure, so each tells whether to go on.
class FileCheck {
 public:
  FileCheck(const OntologyFile& file, config::Checks& checks) : file_(file), checks_(checks) {}

  void run() {
    if (!levels_are_good() || !concepts_are_good()) return;
    words_are_unique();
    const ConceptGraph graph(file_);
    if (!is_acyclic(graph)) return;
    exclusive_lists(graph);
    for (const auto& level : file_.levels) one_concept_per_level(graph, level);
    for (const auto& [name, task] : file_.tasks) check_task(graph, name, task);
    for (const auto& [name, corpus] : file_.corpora) check_corpus(name, corpus);
  }

 private:
  bool fail(const std::string& field, const std::string& message) {
    checks_.fail(field, message);
    return false;
  }
  bool knows(const std::string& name, const std::string& field) {
    if (file_.concepts.count(name) != 0) return true;
    return fail(field,
                "there is no concept '" + name + "'" + core::did_you_mean(name, keys_of(file_.concepts)));
  }
  int64_t level_index(const std::string& level) const {
    return std::find(file_.levels.begin(), file_.levels.end(), level) - file_.levels.begin();
  }

  bool levels_are_good() {
    const std::set<std::string> unique(file_.levels.begin(), file_.levels.end());
    if (file_.levels.empty() || file_.levels.size() > 16 || unique.size() != file_.levels.size())
      return fail("levels", "must be 1 to 16 different names, coarse to fine");
    return true;
  }

  bool concepts_are_good() {
    const size_t num_concepts = file_.concepts.size();
    if (num_concepts == 0 || num_concepts > kMaxConcepts)
      return fail("concepts", "must be 1 to 2000, got " + std::to_string(num_concepts));
    bool is_good = true;
    std::vector<std::string> roots;
    for (const auto& [name, entry] : file_.concepts) {
      const std::string field = "concepts." + name;
      if (name.empty() || name != normalised(name))
        is_good = fail(
            field, "names are lower case with '_' for blanks and hyphens; write '" + normalised(name) + "'");
      if (level_index(entry.level) == static_cast<int64_t>(file_.levels.size()))
        is_good = fail(field + ".level", "'" + entry.level + "' is no level (" + core::join(file_.levels) +
                                             ")" + core::did_you_mean(entry.level, file_.levels));
      if (entry.parents.empty()) roots.push_back(name);
      is_good = parents_are_good(field, entry) && is_good;
      is_good = numbers_are_good(field, entry) && is_good;
    }
    if (is_good && roots.size() != 1)
      is_good = fail("concepts", "exactly one concept has no parents, the root; here " +
                                     std::to_string(roots.size()) +
                                     (roots.empty() ? "" : " (" + core::join(roots) + ")"));
    return is_good;
  }

  bool parents_are_good(const std::string& field, const ConceptEntry& entry) {
    const std::set<std::string> unique(entry.parents.begin(), entry.parents.end());
    if (entry.parents.size() > kMaxParents || unique.size() != entry.parents.size())
      return fail(field + ".parents", "must be at most 8 different concepts");
    bool is_good = true;
    for (const auto& parent : entry.parents) {
      if (!knows(parent, field + ".parents")) {
        is_good = false;
      } else if (level_index(file_.concepts.at(parent).level) > level_index(entry.level)) {
        is_good = fail(field + ".parents", "'" + parent + "' is of the finer level '" +
                                               file_.concepts.at(parent).level + "'; parents are coarser");
      }
    }
    return is_good;
  }

  bool numbers_are_good(const std::string& field, const ConceptEntry& entry) {
    if (file_.sources.count(entry.source) == 0)
      return fail(field + ".source", "'" + entry.source + "' is none of sources" +
                                         core::did_you_mean(entry.source, keys_of(file_.sources)));
    if (!entry.vad.empty() && entry.vad.size() != 3)
      return fail(field + ".vad", "must be [valence, arousal, dominance], got " +
                                      std::to_string(entry.vad.size()) + " numbers");
    if (entry.vad.empty() != (entry.source == "children"))
      return fail(field + ".source", entry.vad.empty()
                                         ? "a concept without vad has the source 'children'"
                                         : "numbers of its own need a source other than 'children'");
    return true;
  }

  void words_are_unique() {
    std::map<std::string, std::string> owner;
    for (const auto& [name, entry] : file_.concepts) owner[name] = name;
    for (const auto& [name, entry] : file_.concepts) {
      for (const auto& synonym : entry.synonyms) {
        const auto [known, is_new] = owner.emplace(normalised(synonym), name);
        if (!is_new)
          fail("concepts." + name + ".synonyms", "'" + synonym + "' already means '" + known->second + "'");
      }
    }
  }

  bool is_acyclic(const ConceptGraph& graph) {
    if (graph.order.size() != graph.names.size()) {
      std::vector<bool> is_sorted(graph.names.size(), false);
      for (const ConceptId id : graph.order) is_sorted[ConceptGraph::at(id)] = true;
      // Every concept that could not be sorted has a parent that could not: going up ends in the cycle.
      ConceptId id = std::find(is_sorted.begin(), is_sorted.end(), false) - is_sorted.begin();
      std::vector<ConceptId> way;
      while (std::find(way.begin(), way.end(), id) == way.end()) {
        way.push_back(id);
        const auto& above = graph.parents[ConceptGraph::at(id)];
        id = *std::find_if(above.begin(), above.end(),
                           [&](ConceptId parent) { return !is_sorted[ConceptGraph::at(parent)]; });
      }
      std::string cycle;
      for (auto step = std::find(way.begin(), way.end(), id); step != way.end(); ++step)
        cycle += graph.names[ConceptGraph::at(*step)] + " -> ";
      const std::string& name = graph.names[ConceptGraph::at(id)];
      return fail("concepts." + name + ".parents", "parents form a cycle: " + cycle + name);
    }
    bool is_good = true;
    for (size_t id = 0; id < graph.names.size(); ++id) {
      if (graph.children[id].empty() && file_.concepts.at(graph.names[id]).vad.empty())
        is_good = fail("concepts." + graph.names[id], "has neither vad nor children to take it from");
    }
    return is_good;
  }

  void exclusive_lists(const ConceptGraph& graph) {
    for (const auto& list : file_.exclusive) {
      bool is_good = true;
      for (const auto& name : list) is_good = knows(name, "exclusive") && is_good;
      const auto ids = graph.ids_of(list);
      if (!is_good) continue;
      for (size_t id = 0; id < graph.names.size(); ++id) {
        std::vector<std::string> above;
        for (const ConceptId member : ids) {
          if (graph.is_a(static_cast<ConceptId>(id), member))
            above.push_back(graph.names[ConceptGraph::at(member)]);
        }
        if (above.size() > 1)
          fail("concepts." + graph.names[id],
               "lies below " + core::join(above, " and ") + ", which exclude each other");
      }
    }
  }

  void one_concept_per_level(const ConceptGraph& graph, const std::string& level) {
    std::vector<std::vector<ConceptId>> groups;
    for (size_t id = 0; id < graph.names.size(); ++id) {
      if (file_.concepts.at(graph.names[id]).level == level) groups.push_back({static_cast<ConceptId>(id)});
    }
    for (size_t id = 0; id < graph.names.size(); ++id) {
      const auto choice = graph.nearest_group(static_cast<ConceptId>(id), groups);
      if (choice && choice->is_ambiguous)
        fail("concepts." + graph.names[id] + ".parents",
             "two concepts of level '" + level +
                 "' are equally near: " + graph.names[ConceptGraph::at(groups[choice->index].front())] +
                 " and " + graph.names[ConceptGraph::at(groups[choice->other].front())]);
    }
  }

  void check_task(const ConceptGraph& graph, const std::string& name, const TaskEntry& task) {
    const std::string field = "tasks." + name;
    if (task.classes.size() < 2 || task.classes.size() > kMaxClasses) {
      fail(field + ".classes", "must be 2 to 256, got " + std::to_string(task.classes.size()));
      return;
    }
    std::set<std::string> class_names;
    std::map<std::string, std::string> owner;
    std::vector<std::vector<ConceptId>> groups;
    bool is_good = true;
    for (const auto& one : task.classes) {
      if (one.name.empty() || !class_names.insert(one.name).second)
        is_good = fail(field + ".classes", "class '" + one.name + "' is empty or repeated");
      if (one.concepts.empty())
        is_good = fail(field + ".classes", "class '" + one.name + "' has no concepts");
      for (const auto& wanted : one.concepts) {
        if (!knows(wanted, field + ".classes")) is_good = false;
        if (!owner.emplace(wanted, one.name).second)
          is_good =
              fail(field + ".classes", "'" + wanted + "' is in " + owner.at(wanted) + " and in " + one.name);
      }
      groups.push_back(graph.ids_of(one.concepts));
    }
    if (task.axis.has_value() != !task.cuts.empty() ||
        (task.axis && task.cuts.size() + 1 != task.classes.size()) ||
        std::adjacent_find(task.cuts.begin(), task.cuts.end(), std::greater_equal<>()) != task.cuts.end())
      fail(field + ".cuts", "must be ascending, one fewer than classes, and stand with axis");
    if (!is_good) return;
    for (size_t id = 0; id < graph.names.size(); ++id) {
      const auto choice = graph.nearest_group(static_cast<ConceptId>(id), groups);
      if (choice && choice->is_ambiguous)
        fail(field + ".classes", "concept '" + graph.names[id] + "' is as near to " +
                                     task.classes[choice->index].name + " as to " +
                                     task.classes[choice->other].name);
    }
  }

  void check_corpus(const std::string& name, const CorpusEntry& corpus) {
    for (const auto& [task_name, task] : corpus.tasks) {
      const std::string field = "corpora." + name + ".tasks." + task_name;
      if (task.labels.empty()) fail(field, "has no labels");
      for (const auto& [label, meaning] : task.labels) knows(meaning, field + ".labels." + label);
      for (const auto& [label, reason] : task.none) {
        if (reason.empty()) fail(field + ".none." + label, "needs a reason");
        if (task.labels.count(label) != 0)
          fail(field + ".none." + label, "'" + label + "' also has a meaning in labels");
      }
      for (const auto& [code, label] : task.codes) {
        if (task.labels.count(label) == 0 && task.none.count(label) == 0)
          fail(field + ".codes." + code, "'" + label + "' is neither in labels nor in none" +
                                             core::did_you_mean(label, keys_of(task.labels)));
        if (code != label && (task.labels.count(code) != 0 || task.none.count(code) != 0))
          fail(field + ".codes." + code, "'" + code + "' is also a label");
      }
    }
    for (const auto& [value_name, value] : corpus.values) {
      if (!(value.low < value.high))
        fail("corpora." + name + ".values." + value_name, "low must be less than high");
    }
  }

  const OntologyFile& file_;
  config::Checks& checks_;
};

}  // namespace

void OntologyFile::validate(config::Checks& checks) const {
  FileCheck(*this, checks).run();
}

}  // namespace limbic::affect
