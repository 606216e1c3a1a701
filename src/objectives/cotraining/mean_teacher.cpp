#include "limbic/objectives/mean_teacher.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <utility>

#include "build.h"
#include "class_task.h"
#include "ema_teacher.h"
#include "further_pass.h"
#include "limbic/core/error.h"
#include "limbic/objectives/distillation.h"

namespace limbic::objectives {
namespace {

using affect::TaskKind;

class MeanTeacherObjective final : public Objective {
 public:
  MeanTeacherObjective(MeanTeacherConfig config, affect::LabelSpace task, const model::MultimodalModel& model)
      : config_(std::move(config)), task_(std::move(task)), teacher_(model, config_.decay) {}

  int64_t num_views() const override { return config_.input == TeacherInput::kView ? 1 : 0; }
  std::shared_ptr<torch::nn::Module> as_module() override { return teacher_.as_module(); }
  void after_step(model::MultimodalModel& model) override { teacher_.follow(model); }

  LossTerms compute(const TrainStep& step) override {
    const auto teacher = config_.input == TeacherInput::kView
                             ? teacher_.forward(further_view(MeanTeacherConfig::kType, step.batch), true)
                             : teacher_.forward(step.batch, true);
    const auto main = distance(step.output, teacher);
    LossTerms loss;
    loss.terms[MeanTeacherConfig::kType] = main.detach();
    loss.total = main * (config_.weight * config_.ramp_up.factor(step.progress));
    return loss;
  }

 private:
  at::Tensor distance(const affect::ModelOutput& student, const affect::ModelOutput& teacher) const {
    if (task_.is_framewise()) return distance_over_time(student, teacher);
    const auto& own = scores_of(student, task_);
    const auto counts_B = rows_with_input(student, own).logical_and(rows_with_input(teacher, own));
    if (config_.distance == ConsistencyDistance::kKl)
      return distillation_loss(own, scores_of(teacher, task_), counts_B, 1.0);
    const auto probabilities = [&](const at::Tensor& scores_BC) {
      if (task_.has_classes()) return scores_BC.softmax(1);
      return task_.traits.kind == TaskKind::kMultiLabel ? scores_BC.sigmoid() : scores_BC;
    };
    return consistency_mse(probabilities(own), probabilities(scores_of(teacher, task_)), counts_B);
  }

  /// Frames that both cover, side by side.
  at::Tensor distance_over_time(const affect::ModelOutput& student,
                                const affect::ModelOutput& teacher) const {
    const auto& own_BTC = student.value_BTC.at(task_.task);
    const auto& other_BTC = teacher.value_BTC.at(task_.task);
    const int64_t num_rows = std::min(own_BTC.size(1), other_BTC.size(1));
    const auto rows = [&](const at::Tensor& x) { return x.slice(1, 0, num_rows).flatten(0, 1); };
    const auto covered_N =
        rows(student.covered_BT.at(task_.task)).logical_and(rows(teacher.covered_BT.at(task_.task)));
    return consistency_mse(rows(own_BTC), rows(other_BTC), covered_N);
  }

  MeanTeacherConfig config_;
  affect::LabelSpace task_;
  EmaTeacher teacher_;
};

}  // namespace

at::Tensor consistency_mse(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                           const at::Tensor& counts_B) {
  const auto skip_B1 = counts_B.logical_not().unsqueeze(1);
  // Before the difference: what a row that does not count holds may be NaN.
  const auto gap_BC = student_BC.masked_fill(skip_B1, 0.0) - teacher_BC.detach().masked_fill(skip_B1, 0.0);
  return gap_BC.square().sum() / (counts_B.sum() * student_BC.size(1)).clamp_min(1);
}

std::unique_ptr<Objective> build(const MeanTeacherConfig& config, const ObjectiveContext& context) {
  auto task = named_space(config.task, context);
  require(task.has_classes() || config.distance == ConsistencyDistance::kMse, ErrorCode::kConfig,
          "mean_teacher: distance: kl is for classes, which task '" + task.task + "' has not; use mse");
  require(context.model != nullptr, ErrorCode::kConfig, "mean_teacher wants the model that is trained");
  return std::make_unique<MeanTeacherObjective>(config, std::move(task), *context.model);
}

}  // namespace limbic::objectives
