#include "limbic/objectives/distillation.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <utility>

#include "build.h"
#include "distillation/teacher.h"
#include "embedding.h"
#include "limbic/core/error.h"
#include "limbic/objectives/cross_entropy.h"
#include "named_task.h"

namespace limbic::objectives {
namespace {

using affect::ModelOutput;
using affect::TaskKind;

class DistillationObjective final : public Objective {
 public:
  DistillationObjective(DistillationConfig config, affect::LabelSpace task,
                        std::vector<std::unique_ptr<Teacher>> teachers, const std::vector<double>& weight_C)
      : config_(std::move(config)), task_(std::move(task)), teachers_(std::move(teachers)) {
    if (!weight_C.empty()) weight_C_ = at::tensor(weight_C, at::kFloat);
    module_ = std::make_shared<torch::nn::Module>("distillation");
    for (size_t k = 0; k < teachers_.size(); ++k) {
      if (auto own = teachers_[k]->as_module())
        module_->register_module("teacher" + std::to_string(k), std::move(own));
    }
  }

  /// Student's fused width -> each teacher's.
  void make_projections(int64_t student_width, const std::vector<int64_t>& teacher_widths) {
    for (size_t k = 0; k < teacher_widths.size(); ++k) {
      projections_.emplace_back(torch::nn::LinearOptions(student_width, teacher_widths[k]));
      module_->register_module("projection" + std::to_string(k), projections_.back().ptr());
    }
  }

  LossTerms compute(const TrainStep& step) override {
    LossTerms loss;
    std::vector<ModelOutput> outputs;
    for (auto& teacher : teachers_) {
      auto says = teacher->teach(step);
      if (says.own.total.defined()) add(says.own.total, 1.0, "teacher.loss", loss);
      outputs.push_back(std::move(says.output));
    }
    const auto weight_BK = weights(step.batch, outputs);
    const auto student_B = used_rows(step.output);
    for (size_t k = 0; k < outputs.size(); ++k) {
      const auto share_B = weight_BK.select(1, static_cast<int64_t>(k));
      const auto counts_B = student_B.logical_and(used_rows(outputs[k]));
      teach(step, outputs[k], k, share_B, counts_B, loss);
    }
    if (!loss.total.defined()) loss.total = scores_of(step.output, task_).sum() * 0.0;
    loss.total = loss.total * config_.weight;
    return loss;
  }

  void after_step(model::MultimodalModel& model) override {
    for (auto& teacher : teachers_) teacher->after_step(model);
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  static void add(const at::Tensor& term, double factor, const std::string& name, LossTerms& loss) {
    const auto weighted = term * factor;
    loss.total = loss.total.defined() ? loss.total + weighted : weighted;
    const auto full = std::string(DistillationConfig::kType) + "." + name;
    auto& shown = loss.terms[full];
    shown = shown.defined() ? shown + term.detach() : term.detach();
  }

  /// (B, K), rows of sum 1: how much each teacher counts.
  at::Tensor weights(const affect::Batch& batch, const std::vector<ModelOutput>& outputs) const {
    std::vector<double> given;
    for (const auto& teacher : config_.teachers)
      given.push_back(std::visit([](const auto& chosen) { return chosen.weight; }, teacher));
    const auto& like = scores_of(outputs.front(), task_);
    auto weight_K = at::tensor(given, like.options().requires_grad(false));
    weight_K = weight_K / weight_K.sum();
    const auto num_teachers = static_cast<int64_t>(outputs.size());
    auto weight_BK = weight_K.unsqueeze(0).expand({like.size(0), num_teachers});
    const auto targets = batch.targets.find(task_.task);
    const bool knows_labels = targets != batch.targets.end() && targets->second.y_B.defined();
    if (config_.mix == TeacherMix::kMean || num_teachers == 1 || !knows_labels) return weight_BK;
    std::vector<at::Tensor> exp_loss;
    for (const auto& output : outputs) {
      const auto log_p_BC = scores_of(output, task_).detach().log_softmax(1);
      exp_loss.push_back((-log_p_BC.gather(1, targets->second.y_B.clamp_min(0).unsqueeze(1)))
                             .squeeze(1)
                             .clamp_max(30.0)
                             .exp());
    }
    const auto exp_BK = at::stack(exp_loss, 1);
    const auto confident_BK =
        (1.0 - exp_BK / exp_BK.sum(1, /*keepdim=*/true)) / static_cast<double>(num_teachers - 1);
    return at::where(targets->second.mask_B.unsqueeze(1), confident_BK, weight_BK);
  }

  void teach(const TrainStep& step, const ModelOutput& teacher, size_t k, const at::Tensor& share_B,
             const at::Tensor& counts_B, LossTerms& loss) {
    if (config_.logits > 0) {
      add(scores_term(step, teacher, share_B, counts_B), config_.logits, "logits", loss);
      report_teacher(step.batch, teacher, counts_B, loss);
    }
    // What is not of a single row is shared out by the teacher's mean weight.
    const double share = share_B.mean().item<double>();
    if (config_.features > 0)
      add(hint_loss(projections_[k]->forward(step.output.fused_BD), teacher.fused_BD, counts_B) * share,
          config_.features, "features", loss);
    if (config_.relations > 0)
      add(similarity_loss(step.output.fused_BD, teacher.fused_BD, counts_B) * share, config_.relations,
          "relations", loss);
    if (config_.transport > 0)
      add(transport_loss(step.output.fused_BD, teacher.fused_BD, counts_B, config_.transport_epsilon) * share,
          config_.transport, "transport", loss);
    if (config_.attention > 0) add_attention(step.output, teacher, share, loss);
  }

  at::Tensor scores_term(const TrainStep& step, const ModelOutput& teacher, const at::Tensor& share_B,
                         const at::Tensor& counts_B) const {
    const double t = config_.temperature;
    const auto& student_BC = scores_of(step.output, task_);
    auto teacher_BC = scores_of(teacher, task_).detach();
    if (config_.signal == TeacherSignal::kShuffled)
      teacher_BC =
          teacher_BC.index_select(0, at::randperm(teacher_BC.size(0), counts_B.options().dtype(at::kLong)));
    auto counted_B = counts_B;
    if (config_.signal == TeacherSignal::kEqualSmoothing) {
      const auto& targets = step.batch.targets.at(task_.task);
      counted_B = counts_B.logical_and(targets.mask_B);
      teacher_BC = smoothed_labels(teacher_BC, targets, counted_B);
    }
    const auto weight_B = row_weights(step.batch, scores_of(teacher, task_).detach(), counted_B);
    const auto of_rows = [&](const at::Tensor& row_B) {
      return (row_B * share_B * weight_B).sum() / weight_B.sum().clamp_min(1e-6);
    };
    if (task_.has_classes())
      return of_rows(distillation_rows(student_BC, teacher_BC, counted_B, t)) * (t * t);
    if (task_.traits.kind == TaskKind::kMultiLabel)
      return of_rows(label_distillation_rows(student_BC, teacher_BC, counted_B, t)) * (t * t);
    return of_rows(value_distillation_rows(student_BC, teacher_BC, counted_B));
  }

  /// (B): 1 for rows that count and 0 for the others, times the weight of the row's class.
  at::Tensor row_weights(const affect::Batch& batch, const at::Tensor& teacher_BC,
                         const at::Tensor& counted_B) const {
    auto weight_B = counted_B.to(teacher_BC.scalar_type());
    if (!weight_C_.defined()) return weight_B;
    const auto weight_C = weight_C_.to(teacher_BC.options());
    // A row that the teacher cannot see may hold NaN, which a weight of 0 would not take away.
    auto of_class_B = at::nan_to_num(teacher_BC).softmax(1).matmul(weight_C);
    const auto targets = batch.targets.find(task_.task);
    if (targets != batch.targets.end() && targets->second.y_B.defined()) {
      const auto of_label_B = weight_C.index_select(0, targets->second.y_B.clamp_min(0));
      of_class_B = at::where(targets->second.mask_B, of_label_B, of_class_B);
    }
    return weight_B * of_class_B;
  }

  /// Logits whose softmax at the temperature are the smoothed labels.
  at::Tensor smoothed_labels(const at::Tensor& teacher_BC, const affect::Targets& targets,
                             const at::Tensor& counted_B) const {
    const auto num_classes = static_cast<double>(teacher_BC.size(1));
    const auto label_B1 = targets.y_B.clamp_min(0).unsqueeze(1);
    const auto p_B = (teacher_BC / config_.temperature).softmax(1).gather(1, label_B1).squeeze(1);
    const auto mean = p_B.masked_fill(counted_B.logical_not(), 0.0).sum() / counted_B.sum().clamp_min(1);
    // A teacher below chance would teach against the label.
    const auto on_label = mean.clamp(1.0 / num_classes, 1.0 - 1e-6);
    const auto off_label = (1.0 - on_label) / (num_classes - 1.0);
    auto target_BC = at::zeros_like(teacher_BC) + off_label;
    target_BC.scatter_(1, label_B1, on_label.expand({teacher_BC.size(0)}).unsqueeze(1));
    return target_BC.log() * config_.temperature;
  }

  /// How often the teacher is right where the label is known: what can be learned from it.
  void report_teacher(const affect::Batch& batch, const ModelOutput& teacher, const at::Tensor& counts_B,
                      LossTerms& loss) const {
    const auto targets = batch.targets.find(task_.task);
    if (!task_.has_classes() || targets == batch.targets.end()) return;
    const auto known_B = targets->second.mask_B.logical_and(counts_B);
    if (known_B.sum().item<int64_t>() == 0) return;
    const auto right_B = scores_of(teacher, task_).argmax(1).eq(targets->second.y_B).logical_and(known_B);
    loss.terms["distillation.teacher_accuracy"] = right_B.sum().to(at::kFloat) / known_B.sum().to(at::kFloat);
  }

  void add_attention(const ModelOutput& student, const ModelOutput& teacher, double share,
                     LossTerms& loss) const {
    for (const auto& [modality, tokens_BTD] : student.tokens_BTD) {
      const auto found = teacher.tokens_BTD.find(modality);
      if (found == teacher.tokens_BTD.end()) continue;
      const auto counts_B = student.used_B.at(modality).logical_and(teacher.used_B.at(modality));
      add(attention_loss(tokens_BTD, found->second, counts_B) * share, config_.attention,
          "attention." + modality, loss);
    }
  }

  DistillationConfig config_;
  affect::LabelSpace task_;
  std::vector<std::unique_ptr<Teacher>> teachers_;
  at::Tensor weight_C_;  ///< undefined: all classes alike
  std::shared_ptr<torch::nn::Module> module_;
  std::vector<torch::nn::Linear> projections_;  ///< by teacher, where features > 0
};

}  // namespace

void DistillationConfig::validate(config::Checks& checks) const {
  checks.expect(!teachers.empty(), "teachers", "must name at least one");
  checks.expect(logits + features + relations + transport + attention > 0, "logits",
                "one of logits, features, relations, transport, attention must be above 0");
  checks.expect(signal == TeacherSignal::kTeacher || logits > 0, "signal",
                "a control stands in for the teacher's scores: logits must be above 0");
}

std::unique_ptr<Objective> build(const DistillationConfig& config, const ObjectiveContext& context) {
  auto named = config;
  const auto task = named_space(config.task, context);
  named.task = task.task;
  require(
      !task.is_framewise(), ErrorCode::kConfig,
      "distillation: task '" + task.task + "' is continuous in time; distil a task of one value a sample");
  require(
      task.has_classes() || (config.signal == TeacherSignal::kTeacher && config.mix == TeacherMix::kMean),
      ErrorCode::kConfig,
      "distillation: signal and mix: confidence are for tasks of classes, and '" + named.task + "' has none");
  require(task.has_classes() || config.class_balance == ClassBalance::kNone, ErrorCode::kConfig,
          "distillation: class_balance is for tasks of classes, and '" + named.task + "' has none");
  std::vector<double> weight_C;
  if (config.class_balance != ClassBalance::kNone)
    weight_C = class_weights(config.class_balance, config.effective_beta, context.counts.at(task.task));
  std::vector<std::unique_ptr<Teacher>> teachers;
  for (const auto& teacher : config.teachers) teachers.push_back(build_teacher(teacher, named.task, context));
  const bool wants_fused = config.features + config.relations + config.transport > 0;
  std::vector<int64_t> widths;
  if (wants_fused) {
    require(
        context.model != nullptr && context.model->fused_width() > 0, ErrorCode::kConfig,
        "distillation: features, relations and transport want a fused vector, which fusion 'score' lacks");
    for (auto& teacher : teachers) {
      require(teacher->fused_width() > 0, ErrorCode::kConfig,
              "distillation: a teacher with fusion 'score' has no fused vector; use logits");
      widths.push_back(teacher->fused_width());
    }
  }
  auto objective = std::make_unique<DistillationObjective>(named, task, std::move(teachers), weight_C);
  if (config.features > 0) objective->make_projections(context.model->fused_width(), widths);
  return objective;
}

}  // namespace limbic::objectives
