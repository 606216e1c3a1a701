#include <ATen/ATen.h>

#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/objectives/distillation.h"
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

std::unique_ptr<Objective> build(const SelfDistillationConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_class_task(config.task, context, SelfDistillationConfig::kType);
  return std::make_unique<SelfDistillationObjective>(named);
}

}  // namespace limbic::objectives
