#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/objectives/class_balance.h"
#include "limbic/objectives/robust_config.h"

namespace limbic::objectives {

/// What is minimised for a continuous task.
enum class RegressionLoss {
  kMse,
  kMae,
  kCcc,          ///< 1 - concordance of the batch, Lin 1989
  kGaussianNll,  ///< Kendall & Gal 2017; wants model.heads.<task>.uncertainty
};
constexpr auto enum_names(RegressionLoss) {
  return std::array<std::pair<RegressionLoss, const char*>, 4>{
      {{RegressionLoss::kMse, "mse"},
       {RegressionLoss::kMae, "mae"},
       {RegressionLoss::kCcc, "ccc"},
       {RegressionLoss::kGaussianNll, "gaussian_nll"}}};
}

/// What is minimised for an ordinal task.
enum class OrdinalLoss {
  kNll,    ///< of the class; all that belongs to cross-entropy holds
  kCoral,  ///< cross-entropy of "more than class k", summed over k: Cao et al. 2020
};
constexpr auto enum_names(OrdinalLoss) {
  return std::array<std::pair<OrdinalLoss, const char*>, 2>{
      {{OrdinalLoss::kNll, "nll"}, {OrdinalLoss::kCoral, "coral"}}};
}

/// Which rows an objective learns from, by Targets::level_B.
enum class LabelLevel {
  kAny,
  kFull,  ///< somebody labelled them
  kWeak,  ///< rules or sensors made the label
};
constexpr auto enum_names(LabelLevel) {
  return std::array<std::pair<LabelLevel, const char*>, 3>{
      {{LabelLevel::kAny, "any"}, {LabelLevel::kFull, "full"}, {LabelLevel::kWeak, "weak"}}};
}

/// One task's targets, each by its kind: cross-entropy of classes, binary cross-entropy of labels that are
/// known, a regression loss of values that are known.
struct SupervisedConfig {
  static constexpr const char* kType = "supervised";
  static constexpr const char* kDoc =
      "labels of one task: cross-entropy, focal, balanced, noise-robust, mixup";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  LabelLevel level = LabelLevel::kAny;
  double label_smoothing = 0.0;
  ClassBalance class_balance = ClassBalance::kNone;
  double effective_beta = 0.999;
  double focal_gamma = 0.0;
  double logit_adjustment = 0.0;
  RobustConfig robust = PlainCrossEntropy{};
  OrdinalLoss ordinal = OrdinalLoss::kNll;
  RegressionLoss regression = RegressionLoss::kMse;
  double auxiliary_weight = 0.0;
  double mixup = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose labels are learned; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("level", level, "which labels: any, full (somebody's) or weak (made by rules and sensors)");
    v("label_smoothing", label_smoothing, "share in [0, 1) of a label that is spread over all classes",
      config::half_open(0, 1));
    v("class_balance", class_balance, "class weights: none, inverse, sqrt_inverse or effective");
    v("effective_beta", effective_beta, "effective: beta in [0, 1)", config::half_open(0, 1));
    v("focal_gamma", focal_gamma, "focal loss (Lin et al. 2017): 0 = plain cross-entropy",
      config::at_least(0));
    v("logit_adjustment", logit_adjustment,
      "tau: adds tau * log(share of the class) to the scores in training (Menon et al. 2021); 1 = as "
      "published, "
      "0 = off",
      config::at_least(0));
    v("robust", robust, "a loss that forgives wrong labels, instead of cross-entropy");
    v("ordinal", ordinal, "ordinal tasks: nll or coral");
    v("regression", regression, "continuous tasks: mse, mae, ccc or gaussian_nll");
    v("auxiliary_weight", auxiliary_weight, "score fusion: factor of the loss of every modality's own head",
      config::at_least(0));
    v("mixup", mixup, "mixup (Zhang et al. 2018): alpha of the Beta distribution; 0 = off",
      config::at_least(0));
  }
};

}  // namespace limbic::objectives
