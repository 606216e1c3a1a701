#pragma once
#include <string>
#include <vector>

#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Penalises classes of several tasks that the ontology says cannot hold at once: happy and negative.
struct ConsistencyConfig {
  static constexpr const char* kType = "consistency";
  static constexpr const char* kDoc = "predictions of several tasks agree as the ontology says";
  std::vector<std::string> tasks;  ///< at least two; empty = every task
  double weight = 1.0;
  std::string ontology = "builtin";
  std::string corpus;

  template <class Visitor>
  void visit(Visitor& v) {
    v("tasks", tasks, "tasks whose classes must agree; empty = every task");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("ontology", ontology, "builtin, or a file: see `limbic ontology check`");
    v("corpus", corpus, "corpus of the ontology whose spellings the classes have; empty = plain words");
  }
};

}  // namespace limbic::objectives
