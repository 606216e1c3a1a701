#include "limbic/objectives/fixmatch.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <utility>

#include "build.h"
#include "class_task.h"
#include "ema_teacher.h"
#include "further_pass.h"
#include "limbic/core/error.h"

namespace limbic::objectives {
namespace {

class FixMatchObjective final : public Objective {
 public:
  FixMatchObjective(FixMatchConfig config, affect::LabelSpace task, const ObjectiveContext& context)
      : config_(std::move(config)),
        task_(std::move(task)),
        labels_(config_.labels, context.counts.at(task_.task)),
        module_(std::make_shared<torch::nn::Module>("fixmatch")) {
    module_->register_module("labels", labels_.as_module());
    if (config_.labeller == Labeller::kModel) return;
    require(context.model != nullptr, ErrorCode::kConfig,
            "fixmatch: labeller: teacher wants the model that is trained");
    teacher_ = std::make_unique<EmaTeacher>(*context.model, config_.decay);
    module_->register_module("average", teacher_->as_module());
  }

  int64_t num_views() const override { return 1; }
  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }
  void after_step(model::MultimodalModel& model) override {
    if (teacher_ != nullptr) teacher_->follow(model);
  }

  LossTerms compute(const TrainStep& step) override {
    const auto& logits_BC = step.output.logits_BC.at(task_.task);
    const auto candidate_B = rows_without_label(step.batch, task_.task, logits_BC)
                                 .logical_and(rows_with_input(step.output, logits_BC));
    LossTerms loss;
    loss.total = logits_BC.sum() * 0.0;
    if (!candidate_B.any().item<bool>()) return loss;
    const auto said_BC = teacher_ == nullptr
                             ? logits_BC.detach()
                             : teacher_->forward(step.batch, /*is_training=*/false).logits_BC.at(task_.task);
    const auto labels = labels_.label(said_BC, candidate_B, step.batch.ids);
    const auto withheld_B = withheld_of(step.batch, task_.task);
    audit_labels(FixMatchConfig::kType, labels, candidate_B, withheld_B, loss.terms);
    if (config_.audit_classes)
      audit_classes(FixMatchConfig::kType, labels, withheld_B, task_.classes, loss.terms);
    auto main = loss.total;
    // A young model is sure of nothing: half of the step's cost is then saved.
    if (labels.accepted_B.any().item<bool>()) {
      require(step.model != nullptr, ErrorCode::kInternal, "fixmatch: a step without the model");
      const auto strong = further_pass(*step.model, further_view(FixMatchConfig::kType, step.batch));
      main = pseudo_label_loss(strong.logits_BC.at(task_.task), labels, candidate_B);
    }
    loss.terms[FixMatchConfig::kType] = main.detach();
    loss.total = main * (config_.weight * config_.ramp_up.factor(step.progress));
    return loss;
  }

 private:
  FixMatchConfig config_;
  affect::LabelSpace task_;
  PseudoLabels labels_;
  std::unique_ptr<EmaTeacher> teacher_;  ///< null: the model labels itself
  std::shared_ptr<torch::nn::Module> module_;
};

}  // namespace

std::unique_ptr<Objective> build(const FixMatchConfig& config, const ObjectiveContext& context) {
  return std::make_unique<FixMatchObjective>(config, class_task(FixMatchConfig::kType, config.task, context),
                                             context);
}

}  // namespace limbic::objectives
