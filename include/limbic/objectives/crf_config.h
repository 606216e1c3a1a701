#pragma once
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Likelihood of the labels of whole dialogues under the conditional random field of a task's head
/// (model.heads.<task>.crf: true). Turns whose label is unknown are summed out, not cut out.
struct CrfConfig {
  static constexpr const char* kType = "crf";
  static constexpr const char* kDoc =
      "likelihood of a dialogue's labels under the head's CRF (Lafferty et al. 2001)";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose head has crf: true; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
  }
};

}  // namespace limbic::objectives
