#include <ATen/ATen.h>

#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "named_task.h"

namespace limbic::objectives {
namespace {

class SelfDistillationObjective final : public Objective {
 public:
  explicit SelfDistillationObjective(SelfDistillationConfig config) : config_(std::move(config)) {}

  LossTerms compute(const TrainStep& step) override {
    const auto& output = step.output;
    const auto& fused_BC = output.logits_BC.at(config_.task);
    const auto own = output.modality_logits_BC.find(config_.task);
    require(own != output.modality_logits_BC.end() && !own->second.empty(), ErrorCode::kConfig,
            "self_distillation: the model has no scores of single modalities for '" + config_.task +
                "'; give it heads of their own (model.modality_heads) or late fusion");
    // Labels play no part, so samples without any count, too.
    LossTerms loss;
    for (const auto& [modality, logits_BC] : own->second) {
      const auto term =
          distillation_loss(logits_BC, fused_BC, output.used_B.at(modality), config_.temperature);
      loss.terms[std::string(SelfDistillationConfig::kType) + "." + modality] = term.detach();
      loss.total = loss.total.defined() ? loss.total + term : term;
    }
    loss.total = loss.total * config_.weight;
    return loss;
  }

 private:
  SelfDistillationConfig config_;
};

}  // namespace

at::Tensor distillation_loss(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                             const at::Tensor& counts_B, double temperature) {
  const auto skip_B1 = counts_B.logical_not().unsqueeze(1);
  const auto log_of = [&](const at::Tensor& logits_BC) {
    return (logits_BC.masked_fill(skip_B1, 0.0) / temperature).log_softmax(1);
  };
  const auto teacher = log_of(teacher_BC.detach());
  // Rows that do not count are uniform on both sides: exactly zero.
  return (teacher.exp() * (teacher - log_of(student_BC))).sum() / counts_B.sum().clamp_min(1);
}

std::unique_ptr<Objective> build(const SelfDistillationConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_task(config.task, context.counts);
  for (const auto& space : context.tasks) {
    require(space.task != named.task || space.has_classes(), ErrorCode::kConfig,
            "self_distillation: task '" + named.task + "' has no classes");
  }
  return std::make_unique<SelfDistillationObjective>(named);
}

}  // namespace limbic::objectives
