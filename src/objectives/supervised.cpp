#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/objectives/cross_entropy.h"
#include "limbic/objectives/mixup.h"
#include "limbic/objectives/value_losses.h"
#include "named_task.h"

namespace limbic::objectives {
namespace {

using affect::TaskKind;

class SupervisedObjective final : public Objective {
 public:
  SupervisedObjective(SupervisedConfig config, affect::LabelSpace task,
                      std::map<std::string, int64_t> num_classes, at::Tensor weight_C)
      : config_(std::move(config)),
        task_(std::move(task)),
        num_classes_(std::move(num_classes)),
        weight_C_(std::move(weight_C)) {}

  affect::Batch prepare(affect::Batch batch) override {
    return config_.mixup > 0 ? mixup(batch, config_.mixup, num_classes_) : batch;
  }

  LossTerms compute(const TrainStep& step) override {
    const auto& batch = step.batch;
    const auto& output = step.output;
    const auto& main_output = output_of(output);
    LossTerms loss;
    const auto found = batch.targets.find(task_.task);
    if (found == batch.targets.end()) {
      loss.total = main_output.sum() * 0.0;
      return loss;
    }
    const auto& targets = found->second;
    const auto main = task_.is_framewise() ? loss_over_time(output, targets)
                                           : loss_of(main_output, variance_of(output), targets);
    loss.terms[task_.task] = main.detach();
    loss.total = main * config_.weight;
    const auto of_modalities = output.modality_logits_BC.find(task_.task);
    if (config_.auxiliary_weight == 0 || of_modalities == output.modality_logits_BC.end()) return loss;
    for (const auto& [modality, scores] : of_modalities->second) {
      const auto& used_B = output.used_B.at(modality);
      auto known = targets;
      known.mask_B = targets.mask_B.logical_and(used_B);
      if (known.known_BC.defined()) known.known_BC = known.known_BC.logical_and(used_B.unsqueeze(1));
      const auto auxiliary = loss_of(scores, {}, known);
      loss.terms[task_.task + "." + modality] = auxiliary.detach();
      loss.total = loss.total + auxiliary * (config_.weight * config_.auxiliary_weight);
    }
    return loss;
  }

 private:
  const at::Tensor& output_of(const affect::ModelOutput& output) const {
    if (task_.has_classes()) return output.logits_BC.at(task_.task);
    if (task_.traits.kind == TaskKind::kMultiLabel) return output.label_logits_BC.at(task_.task);
    return task_.is_framewise() ? output.value_BTC.at(task_.task) : output.value_BC.at(task_.task);
  }
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
                             targets.known_BC);
    }
    if (task_.traits.kind == TaskKind::kOrdinal && config_.ordinal == OrdinalLoss::kCoral)
      return coral_loss(scores_BC.log_softmax(1), targets);
    if (weight_C_.device() != scores_BC.device()) weight_C_ = weight_C_.to(scores_BC.device());
    return cross_entropy({config_.label_smoothing, config_.focal_gamma}, scores_BC, targets, weight_C_);
  }

  /// Rows of all samples side by side, as far as target and output both reach.
  at::Tensor loss_over_time(const affect::ModelOutput& output, const affect::Targets& targets) const {
    const auto& value_BTC = output.value_BTC.at(task_.task);
    const int64_t num_rows = std::min(value_BTC.size(1), targets.value_BTC.size(1));
    const auto rows = [&](const at::Tensor& x_BTC) {
      return x_BTC.defined() ? x_BTC.slice(1, 0, num_rows).flatten(0, 1) : x_BTC;
    };
    const auto covered_N1 = rows(output.covered_BT.at(task_.task)).unsqueeze(1);
    return regression_loss(config_.regression, rows(value_BTC), rows(variance_of(output)),
                           rows(targets.value_BTC), rows(targets.known_BTC).logical_and(covered_N1));
  }

  SupervisedConfig config_;
  affect::LabelSpace task_;
  std::map<std::string, int64_t> num_classes_;
  at::Tensor weight_C_;
};

/// What the config asks for must have a meaning for the task.
void check_fit(const SupervisedConfig& config, const affect::LabelSpace& task) {
  const bool is_cross_entropy = task.has_classes() && !(task.traits.kind == TaskKind::kOrdinal &&
                                                        config.ordinal == OrdinalLoss::kCoral);
  require(is_cross_entropy || (config.label_smoothing == 0 && config.focal_gamma == 0 &&
                               config.class_balance == ClassBalance::kNone),
          ErrorCode::kConfig,
          "label_smoothing, focal_gamma and class_balance belong to cross-entropy, which task '" + task.task +
              "' does not minimise");
  require(config.ordinal == OrdinalLoss::kNll || task.traits.kind == TaskKind::kOrdinal, ErrorCode::kConfig,
          "ordinal: coral: task '" + task.task + "' is not ordinal");
  require(config.regression == RegressionLoss::kMse || task.traits.kind == TaskKind::kContinuous,
          ErrorCode::kConfig, "regression: task '" + task.task + "' is not continuous");
}

}  // namespace

std::vector<double> class_weights(ClassBalance balance, double effective_beta,
                                  const std::vector<int64_t>& counts) {
  std::vector<double> weights(counts.size(), 1.0);
  if (balance == ClassBalance::kNone) return weights;
  double sum = 0.0;
  int64_t num_occurring = 0;
  for (size_t c = 0; c < counts.size(); ++c) {
    const auto n = static_cast<double>(counts[c]);
    if (counts[c] <= 0) {
      weights[c] = 0.0;
      continue;
    }
    switch (balance) {
      case ClassBalance::kNone:
        break;
      case ClassBalance::kInverse:
        weights[c] = 1.0 / n;
        break;
      case ClassBalance::kSqrtInverse:
        weights[c] = 1.0 / std::sqrt(n);
        break;
      case ClassBalance::kEffective:
        weights[c] = (1.0 - effective_beta) / (1.0 - std::pow(effective_beta, n));
        break;
    }
    sum += weights[c];
    ++num_occurring;
  }
  for (double& weight : weights) weight *= sum > 0 ? static_cast<double>(num_occurring) / sum : 0.0;
  return num_occurring > 0 ? weights : std::vector<double>(counts.size(), 1.0);
}

at::Tensor cross_entropy(const CrossEntropyOptions& options, const at::Tensor& logits_BC,
                         const affect::Targets& targets, const at::Tensor& weight_C) {
  TORCH_CHECK(logits_BC.dim() == 2 && logits_BC.size(1) == weight_C.numel(), "logits are (B, ",
              weight_C.numel(), "), got ", logits_BC.sizes());
  const auto type = logits_BC.scalar_type();
  const auto num_classes = static_cast<double>(logits_BC.size(1));
  const auto log_p_BC = logits_BC.log_softmax(1);
  const auto target_BC = targets.soft_BC.defined()
                             ? targets.soft_BC.to(type)
                             : at::zeros_like(log_p_BC, log_p_BC.options().requires_grad(false))
                                   .scatter_(1, targets.y_B.clamp_min(0).unsqueeze(1), 1.0);
  const auto weight = weight_C.to(type);
  const auto norm_B = (target_BC * weight).sum(1);
  const auto smooth_BC = target_BC * (1.0 - options.label_smoothing) + options.label_smoothing / num_classes;
  auto loss_B = -(smooth_BC * weight * log_p_BC).sum(1);
  if (options.focal_gamma > 0) {
    // 1 - p_t, kept off 0 where the power's derivative is infinite for gamma < 1.
    const auto miss_B = (1.0 - (log_p_BC.exp() * target_BC).sum(1)).clamp_min(1e-6);
    loss_B = loss_B * miss_B.pow(options.focal_gamma);
  }
  const auto unknown_B = targets.mask_B.logical_not();
  const auto norm = norm_B.masked_fill(unknown_B, 0.0).sum();
  return loss_B.masked_fill(unknown_B, 0.0).sum() / norm.clamp_min(1e-12);
}

std::unique_ptr<Objective> build(const SupervisedConfig& config, const ObjectiveContext& context) {
  std::map<std::string, int64_t> num_classes;
  for (const auto& [task, count_C] : context.counts) num_classes[task] = static_cast<int64_t>(count_C.size());
  auto named = config;
  named.task = named_task(config.task, context.counts);
  affect::LabelSpace space{named.task, {}};
  for (const auto& known : context.tasks) {
    if (known.task == named.task) space = known;
  }
  check_fit(config, space);
  const auto weights =
      class_weights(config.class_balance, config.effective_beta, context.counts.at(named.task));
  return std::make_unique<SupervisedObjective>(named, space, num_classes, at::tensor(weights, at::kFloat));
}

}  // namespace limbic::objectives
