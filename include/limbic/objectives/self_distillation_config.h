#pragma once
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Every modality's own classifier learns from the fused one (SDT, Ma et al. 2023). Needs a head per
/// modality: `modality_heads` of the model. Their own labels are auxiliary_weight of `supervised`.
struct SelfDistillationConfig {
  static constexpr const char* kType = "self_distillation";
  static constexpr const char* kDoc = "single modalities learn from the fused scores (SDT, Ma et al. 2023)";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  double temperature = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose scores are distilled; empty = the only one");
    v("weight", weight, "gamma: factor of this objective in the sum", config::at_least(0));
    v("temperature", temperature, "divides both scores; SDT: 1 for IEMOCAP, 8 for MELD", config::above(0));
  }
};

}  // namespace limbic::objectives
