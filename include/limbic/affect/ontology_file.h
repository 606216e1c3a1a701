#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::affect {

/// A dimension of affect.
enum class Axis { kValence, kArousal, kDominance };
constexpr auto enum_names(Axis) {
  return std::array<std::pair<Axis, const char*>, 3>{
      {{Axis::kValence, "valence"}, {Axis::kArousal, "arousal"}, {Axis::kDominance, "dominance"}}};
}

// The ontology as it stands in data/ontology.yaml, whose head explains the parts.

struct ConceptEntry {
  std::string level;
  std::vector<std::string> parents;
  std::vector<std::string> synonyms;
  std::vector<double> vad;  ///< valence, arousal, dominance in [-1, 1]; empty = mean of the children
  std::string source = "children";
  std::string term;
  std::string doc;

  template <class Visitor>
  void visit(Visitor& v) {
    v("level", level, "one of levels");
    v("parents", parents, "more general concepts; empty for the root");
    v("synonyms", synonyms, "other words for it");
    v("vad", vad, "valence, arousal, dominance; empty = the mean of the children", config::in_range(-1, 1));
    v("source", source, "where the numbers are from: one of sources");
    v("term", term, "the word that the source has");
    v("doc", doc, "remark");
  }
};

struct TaskClass {
  std::string name;
  std::vector<std::string> concepts;

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "name of the class");
    v("concepts", concepts, "what belongs to it, with everything below");
  }
};

struct TaskEntry {
  std::string doc;
  std::vector<TaskClass> classes;  ///< in the order of a model's outputs
  std::optional<Axis> axis;
  std::vector<double> cuts;  ///< class i: cuts[i-1] <= value < cuts[i]

  template <class Visitor>
  void visit(Visitor& v) {
    v("doc", doc, "what the task is");
    v("classes", classes, "classes in the order of the outputs");
    v("axis", axis, "valence, arousal or dominance: numbers on it have a class, too");
    v("cuts", cuts, "bounds between the classes, ascending", config::in_range(-1, 1));
  }
};

/// The labels of one task of a corpus.
struct CorpusTask {
  std::map<std::string, std::string> labels;  ///< label -> concept
  std::map<std::string, std::string> codes;   ///< code -> label
  std::map<std::string, std::string> none;    ///< label without meaning -> reason

  template <class Visitor>
  void visit(Visitor& v) {
    v("labels", labels, "label -> concept");
    v("codes", codes, "the corpus' own code -> label");
    v("none", none, "label that means no concept -> reason");
  }
};

/// Ratings of a corpus.
struct CorpusValue {
  Axis axis = Axis::kValence;
  double low = -1.0;
  double high = 1.0;
  std::optional<double> unknown;  ///< the number that stands for no rating

  template <class Visitor>
  void visit(Visitor& v) {
    v("axis", axis, "valence, arousal or dominance");
    v("low", low, "lower end of the scale");
    v("high", high, "upper end of the scale");
    v("unknown", unknown, "number that stands for no rating");
  }
};

struct CorpusEntry {
  std::string doc;
  std::map<std::string, CorpusTask> tasks;
  std::map<std::string, CorpusValue> values;

  template <class Visitor>
  void visit(Visitor& v) {
    v("doc", doc, "what to cite; where the labels stand");
    v("tasks", tasks, "labels by task");
    v("values", values, "ratings by name");
  }
};

struct OntologyFile {
  int64_t version = 1;
  std::vector<std::string> levels;  ///< coarse to fine
  std::map<std::string, std::string> sources;
  std::vector<std::vector<std::string>> exclusive;
  std::map<std::string, ConceptEntry> concepts;
  std::map<std::string, TaskEntry> tasks;
  std::map<std::string, CorpusEntry> corpora;

  template <class Visitor>
  void visit(Visitor& v) {
    v("version", version, "version of this layout", config::in_range(1, 1));
    v("levels", levels, "names of the levels, coarse to fine");
    v("sources", sources, "where numbers are from");
    v("exclusive", exclusive, "concepts of one list cannot hold at once");
    v("concepts", concepts, "the concepts");
    v("tasks", tasks, "shared tasks");
    v("corpora", corpora, "labels of corpora");
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::affect
