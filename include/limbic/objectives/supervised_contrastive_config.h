#pragma once
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/objectives/projection_config.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

/// Samples of a class lie together and away from the others (Khosla et al. 2020, L_out).
struct SupervisedContrastiveConfig {
  static constexpr const char* kType = "supervised_contrastive";
  static constexpr const char* kDoc = "samples of a class lie together (Khosla et al. 2020)";
  std::string task;  ///< empty = the only task there is
  std::string modality = "fused";
  double weight = 1.0;
  LabelLevel level = LabelLevel::kAny;
  double temperature = 0.1;
  bool two_views = false;
  ProjectionConfig projection;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose classes count; empty = the only one");
    v("modality", modality, "whose embeddings: a modality, fused, or each (every modality by itself)");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("level", level, "which labels: any, full (somebody's) or weak (made by rules and sensors)");
    v("temperature", temperature, "divides the cosines", config::above(0));
    v("two_views", two_views, "as published, a further view of every sample belongs to its class");
    v("projection", projection, "head that is trained along and thrown away");
  }
};

}  // namespace limbic::objectives
