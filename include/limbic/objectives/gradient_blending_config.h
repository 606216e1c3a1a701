#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Cross-entropy of the fused scores and of every modality's own head, weighted by how much each generalises
/// for how much it overfits (Gradient-Blending, Wang et al. 2020), estimated while training on samples that
/// are held out. It takes the place of `supervised` for its task, and is not for mixup.
struct GradientBlendingConfig {
  static constexpr const char* kType = "gradient_blending";
  static constexpr const char* kDoc = "fused and single heads, weighted by overfitting (Wang et al. 2020)";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  double holdout = 0.1;
  int64_t every_steps = 200;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task that is learned; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("holdout", holdout, "share of the training samples, by their ids, whose labels only weigh",
      config::between(0, 1));
    v("every_steps", every_steps, "steps of a window (super-epoch) after which the weights are set anew",
      config::at_least(1));
  }
};

}  // namespace limbic::objectives
