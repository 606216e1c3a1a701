#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/objectives/cross_entropy.h"
#include "limbic/objectives/mixup.h"
#include "limbic/objectives/robust_losses.h"
#include "limbic/objectives/value_losses.h"
#include "named_task.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

using affect::TaskKind;

class SupervisedObjective final : public Objective {
 public:
  SupervisedObjective(SupervisedConfig config, affect::LabelSpace task,
                      std::map<std::string, int64_t> num_classes, const std::vector<int64_t>& counts)
      : config_(std::move(config)), task_(std::move(task)), num_classes_(std::move(num_classes)) {
    const auto type = at::TensorOptions(at::kFloat);
    weight_C_ = at::tensor(class_weights(config_.class_balance, config_.effective_beta, counts), type);
    if (config_.logit_adjustment > 0)
      adjustment_C_ = at::tensor(log_priors(counts), type) * config_.logit_adjustment;
    if (const auto* forward = std::get_if<ForwardCorrection>(&config_.robust))
      transition_CC_ = noise_transitions(*forward, static_cast<int64_t>(counts.size()));
  }

  affect::Batch prepare(affect::Batch batch) override {
    return config_.mixup > 0 ? mixup(batch, config_.mixup, num_classes_) : batch;
  }

  LossTerms compute(const TrainStep& step) override {
    const auto& batch = step.batch;
    const auto& output = step.output;
    const auto& main_output = scores_of(output, task_);
    LossTerms loss;
    const auto found = batch.targets.find(task_.task);
    if (found == batch.targets.end()) {
      loss.total = main_output.sum() * 0.0;
      return loss;
    }
    const auto targets = of_level(found->second, config_.level);
    const auto main = task_.is_framewise() ? loss_over_time(output, targets)
                                           : loss_of(main_output, variance_of(output), targets);
    loss.terms[task_.task] = main.detach();
    loss.total = main * config_.weight;
    const auto of_modalities = output.modality_logits_BC.find(task_.task);
    if (config_.auxiliary_weight == 0 || of_modalities == output.modality_logits_BC.end()) return loss;
    for (const auto& [modality, scores] : of_modalities->second) {
      const auto auxiliary = loss_of(scores, {}, known_where(targets, output.used_B.at(modality)));
      loss.terms[task_.task + "." + modality] = auxiliary.detach();
      loss.total = loss.total + auxiliary * (config_.weight * config_.auxiliary_weight);
    }
    return loss;
  }

 private:
  at::Tensor variance_of(const affect::ModelOutput& output) const {
    const auto& all = task_.is_framewise() ? output.log_variance_BTC : output.log_variance_BC;
    const auto found = all.find(task_.task);
    return found == all.end() ? at::Tensor() : found->second;
  }

  /// @param log_variance_BC  undefined where there is none: the heads of single modalities then learn the
  /// values alone
  at::Tensor loss_of(const at::Tensor& scores_BC, const at::Tensor& log_variance_BC,
                     const affect::Targets& targets) {
    if (task_.traits.kind == TaskKind::kMultiLabel) return multi_label_loss(scores_BC, targets);
    if (task_.traits.kind == TaskKind::kContinuous) {
      return regression_loss(config_.regression, scores_BC, log_variance_BC, targets.value_BC,
                             targets.known_BC, targets.weight_B);
    }
    if (task_.traits.kind == TaskKind::kOrdinal && config_.ordinal == OrdinalLoss::kCoral)
      return coral_loss(scores_BC.log_softmax(1), targets);
    if (weight_C_.device() != scores_BC.device()) {
      weight_C_ = weight_C_.to(scores_BC.device());
      if (adjustment_C_.defined()) adjustment_C_ = adjustment_C_.to(scores_BC.device());
    }
    const auto adjusted_BC = adjustment_C_.defined() ? scores_BC + adjustment_C_ : scores_BC;
    if (!std::holds_alternative<PlainCrossEntropy>(config_.robust))
      return robust_loss(config_.robust, adjusted_BC, targets, weight_C_, transition_CC_);
    return cross_entropy({config_.label_smoothing, config_.focal_gamma}, adjusted_BC, targets, weight_C_);
  }

  /// Rows of all samples side by side, as far as target and output both reach.
  at::Tensor loss_over_time(const affect::ModelOutput& output, const affect::Targets& targets) const {
    const auto& value_BTC = output.value_BTC.at(task_.task);
    const int64_t num_rows = std::min(value_BTC.size(1), targets.value_BTC.size(1));
    const auto rows = [&](const at::Tensor& x_BTC) {
      return x_BTC.defined() ? x_BTC.slice(1, 0, num_rows).flatten(0, 1) : x_BTC;
    };
    const auto covered_N1 = rows(output.covered_BT.at(task_.task)).unsqueeze(1);
    at::Tensor weight_N;
    if (targets.weight_B.defined()) weight_N = targets.weight_B.repeat_interleave(num_rows);
    return regression_loss(config_.regression, rows(value_BTC), rows(variance_of(output)),
                           rows(targets.value_BTC), rows(targets.known_BTC).logical_and(covered_N1),
                           weight_N);
  }

  SupervisedConfig config_;
  affect::LabelSpace task_;
  std::map<std::string, int64_t> num_classes_;
  at::Tensor weight_C_;
  at::Tensor adjustment_C_;   ///< added to the scores; undefined = nothing
  at::Tensor transition_CC_;  ///< of forward correction
};

/// What the config asks for must have a meaning for the task.
void check_fit(const SupervisedConfig& config, const affect::LabelSpace& task) {
  const bool is_cross_entropy = task.has_classes() && !(task.traits.kind == TaskKind::kOrdinal &&
                                                        config.ordinal == OrdinalLoss::kCoral);
  const bool is_robust = !std::holds_alternative<PlainCrossEntropy>(config.robust);
  require(is_cross_entropy || (config.label_smoothing == 0 && config.focal_gamma == 0 && !is_robust &&
                               config.logit_adjustment == 0 && config.class_balance == ClassBalance::kNone),
          ErrorCode::kConfig,
          "label_smoothing, focal_gamma, class_balance, logit_adjustment and robust belong to cross-entropy, "
          "which task '" +
              task.task + "' does not minimise");
  require(
      !is_robust || (config.label_smoothing == 0 && config.focal_gamma == 0), ErrorCode::kConfig,
      "robust takes the place of plain cross-entropy: label_smoothing and focal_gamma must be 0 beside it");
  require(config.ordinal == OrdinalLoss::kNll || task.traits.kind == TaskKind::kOrdinal, ErrorCode::kConfig,
          "ordinal: coral: task '" + task.task + "' is not ordinal");
  require(config.regression == RegressionLoss::kMse || task.traits.kind == TaskKind::kContinuous,
          ErrorCode::kConfig, "regression: task '" + task.task + "' is not continuous");
}

}  // namespace

std::unique_ptr<Objective> build(const SupervisedConfig& config, const ObjectiveContext& context) {
  std::map<std::string, int64_t> num_classes;
  for (const auto& [task, count_C] : context.counts) num_classes[task] = static_cast<int64_t>(count_C.size());
  auto named = config;
  const auto space = named_space(config.task, context);
  named.task = space.task;
  check_fit(config, space);
  return std::make_unique<SupervisedObjective>(named, space, num_classes, context.counts.at(named.task));
}

}  // namespace limbic::objectives
