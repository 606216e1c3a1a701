#pragma once
#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/class_balance.h"

namespace limbic::objectives {

/// A model that is trained already and stays as it is. It may read modalities that the student lacks: name
/// them in data.features and data.privileged.
struct RunTeacher {
  static constexpr const char* kType = "run";
  static constexpr const char* kDoc = "a finished run or bundle, which stays as it is";
  std::string path;
  double weight = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("path", path, "run or bundle folder; in a cross-validation {fold} stands for fold_00, fold_01...");
    v("weight", weight, "share of this teacher among several", config::above(0));
  }
  void validate(config::Checks& checks) const { checks.expect(!path.empty(), "path", "must name a folder"); }
};

/// A model that learns beside the student, from the labels of the task.
struct JointTeacher {
  static constexpr const char* kType = "joint";
  static constexpr const char* kDoc = "a model of its own that learns the labels beside the student";
  model::ModelConfig model;
  double weight = 1.0;
  double learning_weight = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("model", model, "the teacher; its modalities are those of its encoders, privileged ones too");
    v("weight", weight, "share of this teacher among several", config::above(0));
    v("learning_weight", learning_weight, "factor of the teacher's own loss", config::at_least(0));
  }
};

/// The student's own averaged weights (Tarvainen & Valpola 2017).
struct AveragedTeacher {
  static constexpr const char* kType = "ema";
  static constexpr const char* kDoc = "the student's own averaged weights";
  double decay = 0.999;
  double weight = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("decay", decay, "per step; smaller in the first steps", config::half_open(0.0, 1.0));
    v("weight", weight, "share of this teacher among several", config::above(0));
  }
};

using TeacherConfig = std::variant<RunTeacher, JointTeacher, AveragedTeacher>;

/// How several teachers become one.
enum class TeacherMix {
  kMean,        ///< by their weights
  kConfidence,  ///< on labelled rows, teachers nearer to the label count more (CA-MKD, Zhang et al. 2022)
};
constexpr auto enum_names(TeacherMix) {
  return std::array<std::pair<TeacherMix, const char*>, 2>{
      {{TeacherMix::kMean, "mean"}, {TeacherMix::kConfidence, "confidence"}}};
}

/// What the student hears in place of a teacher's scores: controls that any gain must be compared with.
enum class TeacherSignal {
  kTeacher,
  /// Label smoothing of equal strength: the label with the probability that the teacher gives it on average
  /// over the batch, the rest spread evenly; rows without label hear nothing.
  kEqualSmoothing,
  kShuffled,  ///< the scores of another row of the batch
};
constexpr auto enum_names(TeacherSignal) {
  return std::array<std::pair<TeacherSignal, const char*>, 3>{
      {{TeacherSignal::kTeacher, "teacher"},
       {TeacherSignal::kEqualSmoothing, "equal_smoothing"},
       {TeacherSignal::kShuffled, "shuffled"}}};
}

/// A student learns from teachers, who may see more: knowledge distillation with privileged modalities.
struct DistillationConfig {
  static constexpr const char* kType = "distillation";
  static constexpr const char* kDoc = "a student learns from teachers that may see more modalities";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  std::vector<TeacherConfig> teachers{RunTeacher{}};
  TeacherMix mix = TeacherMix::kMean;
  TeacherSignal signal = TeacherSignal::kTeacher;
  double temperature = 4.0;
  double logits = 1.0;
  ClassBalance class_balance = ClassBalance::kNone;
  double effective_beta = 0.999;
  double features = 0.0;
  double relations = 0.0;
  double transport = 0.0;
  double transport_epsilon = 0.05;
  double attention = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task that is taught; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("teachers", teachers, "who teaches");
    v("mix", mix, "several teachers: mean or confidence");
    v("signal", signal, "teacher, or a control: equal_smoothing, shuffled");
    v("temperature", temperature, "of both sides' scores", config::above(0));
    v("logits", logits, "factor of the scores' term (Hinton et al. 2015)", config::at_least(0));
    v("class_balance", class_balance,
      "scores of rare classes weigh more, as in supervised: by the label, or without one by the teacher's "
      "probabilities. Where supervised is balanced and this is not, the student leans to frequent classes");
    v("effective_beta", effective_beta, "of class_balance effective", config::half_open(0.0, 1.0));
    v("features", features, "factor of the fused vectors' term, by a projection (Romero et al. 2015)",
      config::at_least(0));
    v("relations", relations, "factor of the similarity matrices' term (Tung & Mori 2019)",
      config::at_least(0));
    v("transport", transport, "factor of the term of optimal transport between similarity matrices",
      config::at_least(0));
    v("transport_epsilon", transport_epsilon, "entropy of the transport plan", config::above(0));
    v("attention", attention,
      "factor of the term of attention over time, in modalities that both see (Zagoruyko & Komodakis 2017)",
      config::at_least(0));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::objectives
