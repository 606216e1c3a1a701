#pragma once
#include <array>
#include <string>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/objectives/pseudo_labels.h"

namespace limbic::objectives {

enum class Labeller {
  kModel,    ///< what the model says of the batch, in training mode, as published
  kTeacher,  ///< what its averaged weights say, in evaluation mode
};
constexpr auto enum_names(Labeller) {
  return std::array<std::pair<Labeller, const char*>, 2>{
      {{Labeller::kModel, "model"}, {Labeller::kTeacher, "teacher"}}};
}

/// FixMatch (Sohn et al. 2020), and with labels.curriculum FlexMatch (Zhang et al. 2021): what the model is
/// sure of for the batch (weakly augmented: data.augment) is the label of a further view (strongly augmented:
/// data.views), for rows whose label is not known. Published, labelled samples are also among the unlabelled.
struct FixMatchConfig {
  static constexpr const char* kType = "fixmatch";
  static constexpr const char* kDoc = "sure predictions label a strongly changed view (Sohn et al. 2020)";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  Labeller labeller = Labeller::kModel;
  double decay = 0.999;
  PseudoLabelConfig labels;
  RampUp ramp_up;
  bool audit_classes = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose labels are learned; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("labeller", labeller, "model, or teacher: its averaged weights");
    v("decay", decay, "teacher: of its weights a step; less in the beginning", config::half_open(0, 1));
    v("labels", labels, "which predictions become labels");
    v("ramp_up", ramp_up, "how the weight rises; published: not at all");
    v("audit_classes", audit_classes,
      "log the precision of every class's labels, where the truth is withheld");
  }
};

}  // namespace limbic::objectives
