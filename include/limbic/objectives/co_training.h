#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/objectives/pseudo_labels.h"

namespace limbic::objectives {

/// Which of the other views' labels a view learns.
enum class ExchangeRule {
  kConfidence,  ///< the most confident one
  kAgreement,   ///< the class that enough of them agree on
};
constexpr auto enum_names(ExchangeRule) {
  return std::array<std::pair<ExchangeRule, const char*>, 2>{
      {{ExchangeRule::kConfidence, "confidence"}, {ExchangeRule::kAgreement, "agreement"}}};
}

/// Co-training (Blum & Mitchell 1998), batch by batch: modalities are the views, the heads of single
/// modalities their classifiers. Predictions that a view is sure of become labels of the other views, on
/// rows whose label is not known. The heads learn the known labels by `auxiliary_weight` of `supervised`.
struct CoTrainingConfig {
  static constexpr const char* kType = "co_training";
  static constexpr const char* kDoc = "modalities label each other's samples (Blum & Mitchell 1998)";
  std::string task;                ///< empty = the only task there is
  std::vector<std::string> views;  ///< empty = all modalities of the model
  double weight = 1.0;
  ExchangeRule rule = ExchangeRule::kConfidence;
  int64_t min_agreeing = 0;
  bool teach_fused = false;
  PseudoLabelConfig labels;
  RampUp ramp_up{0.27, RampShape::kGaussian};
  bool audit_classes = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose labels are exchanged; empty = the only one");
    v("views", views, "modalities that take part; [] = all of the model");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("rule", rule,
      "confidence: the surest of the other views; agreement: the class that enough of them say");
    v("min_agreeing", min_agreeing, "agreement: how many other views must agree; 0 = all",
      config::at_least(0));
    v("teach_fused", teach_fused, "the fused scores learn, too, from all views");
    v("labels", labels, "which predictions become labels");
    v("ramp_up", ramp_up, "how the weight rises");
    v("audit_classes", audit_classes,
      "log the precision of every class's labels, where the truth is withheld");
  }
};

/// The most confident accepted label of each row. Where none is, accepted_B is false.
/// @param of_view  labels of the same rows by several views
PseudoLabelRows exchange_by_confidence(const std::vector<PseudoLabelRows>& of_view);

/// The class that most views with an accepted label say, where at least `min_agreeing` do and no other class
/// has as many; target and confidence are the means of those views.
PseudoLabelRows exchange_by_agreement(const std::vector<PseudoLabelRows>& of_view, int64_t min_agreeing);

}  // namespace limbic::objectives
