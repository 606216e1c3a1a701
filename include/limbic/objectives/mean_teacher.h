#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/objectives/pseudo_labels.h"

namespace limbic::objectives {

/// How far the student may be from the teacher.
enum class ConsistencyDistance {
  kMse,  ///< of probabilities or values: mean over rows and classes
  kKl,   ///< KL(teacher || student), mean over rows; classes only
};
constexpr auto enum_names(ConsistencyDistance) {
  return std::array<std::pair<ConsistencyDistance, const char*>, 2>{
      {{ConsistencyDistance::kMse, "mse"}, {ConsistencyDistance::kKl, "kl"}}};
}

/// What differs between the inputs of student and teacher.
enum class TeacherInput {
  kView,   ///< the teacher sees a further view (data.views)
  kBatch,  ///< the same batch: dropout alone differs
};
constexpr auto enum_names(TeacherInput) {
  return std::array<std::pair<TeacherInput, const char*>, 2>{
      {{TeacherInput::kView, "view"}, {TeacherInput::kBatch, "batch"}}};
}

/// Mean teacher (Tarvainen & Valpola 2017): the model agrees with the moving average of its own weights, on
/// all rows. As published, the teacher has dropout and statistics of the batch, too.
struct MeanTeacherConfig {
  static constexpr const char* kType = "mean_teacher";
  static constexpr const char* kDoc = "consistency with averaged weights (Tarvainen & Valpola 2017)";
  std::string task;  ///< empty = the only task there is
  double weight = 100.0;
  double decay = 0.999;
  ConsistencyDistance distance = ConsistencyDistance::kMse;
  TeacherInput input = TeacherInput::kView;
  RampUp ramp_up{0.27, RampShape::kGaussian};

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose outputs must agree; empty = the only one");
    v("weight", weight, "factor of this objective in the sum; published: 100 for mse, 10 for kl",
      config::at_least(0));
    v("decay", decay, "of the teacher's weights a step; less in the beginning", config::half_open(0, 1));
    v("distance", distance, "mse, or for classes kl");
    v("input", input, "the teacher sees a further view of the samples, or the same batch (dropout differs)");
    v("ramp_up", ramp_up, "how the weight rises");
  }
};

/// Mean over the entries that count of (student - teacher)^2. No gradient reaches the teacher.
/// @param counts_B  bool; what other rows hold has no influence
/// @return scalar; zero, with gradient, when no row counts
at::Tensor consistency_mse(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                           const at::Tensor& counts_B);

/// min(1 - 1 / (n + 1), decay): the n-th update (from 1) forgets the first weights quickly.
double ema_decay(int64_t num_updates, double decay);

}  // namespace limbic::objectives
