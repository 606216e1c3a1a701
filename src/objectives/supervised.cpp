#include "supervised.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/objectives/cross_entropy.h"
#include "limbic/objectives/mixup.h"

namespace limbic::objectives {
namespace {

class SupervisedObjective final : public Objective {
 public:
  SupervisedObjective(SupervisedConfig config, std::map<std::string, int64_t> num_classes,
                      at::Tensor weight_C)
      : config_(std::move(config)), num_classes_(std::move(num_classes)), weight_C_(std::move(weight_C)) {}

  affect::Batch prepare(affect::Batch batch) override {
    return config_.mixup > 0 ? mixup(batch, config_.mixup, num_classes_) : batch;
  }

  LossTerms compute(const affect::Batch& batch, const affect::ModelOutput& output) override {
    const auto& logits_BC = output.logits_BC.at(config_.task);
    if (weight_C_.device() != logits_BC.device()) weight_C_ = weight_C_.to(logits_BC.device());
    LossTerms loss;
    const auto found = batch.targets.find(config_.task);
    if (found == batch.targets.end()) {
      loss.total = logits_BC.sum() * 0.0;
      return loss;
    }
    const auto& targets = found->second;
    const auto main = cross_entropy(options_of_loss(), logits_BC, targets, weight_C_);
    loss.terms[config_.task] = main.detach();
    loss.total = main * config_.weight;
    const auto modality_logits = output.modality_logits_BC.find(config_.task);
    if (config_.auxiliary_weight == 0 || modality_logits == output.modality_logits_BC.end()) return loss;
    for (const auto& [modality, logits] : modality_logits->second) {
      auto known = targets;
      known.mask_B = targets.mask_B.logical_and(output.used_B.at(modality));
      const auto auxiliary = cross_entropy(options_of_loss(), logits, known, weight_C_);
      loss.terms[config_.task + "." + modality] = auxiliary.detach();
      loss.total = loss.total + auxiliary * (config_.weight * config_.auxiliary_weight);
    }
    return loss;
  }

 private:
  CrossEntropyOptions options_of_loss() const { return {config_.label_smoothing, config_.focal_gamma}; }

  SupervisedConfig config_;
  std::map<std::string, int64_t> num_classes_;
  at::Tensor weight_C_;
};

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

std::unique_ptr<Objective> build(const SupervisedConfig& config, const ClassCounts& counts,
                                 const std::vector<affect::LabelSpace>& /*tasks*/) {
  std::vector<std::string> tasks;
  std::map<std::string, int64_t> num_classes;
  for (const auto& [task, count_C] : counts) {
    tasks.push_back(task);
    num_classes[task] = static_cast<int64_t>(count_C.size());
  }
  auto named = config;
  if (named.task.empty()) {
    require(tasks.size() == 1, ErrorCode::kConfig,
            "task is empty, but there are " + std::to_string(tasks.size()) + " tasks (" + core::join(tasks) +
                "); name one");
    named.task = tasks.front();
  }
  require(counts.count(named.task) != 0, ErrorCode::kConfig,
          "there is no task '" + named.task + "', only " + core::join(tasks) +
              core::did_you_mean(named.task, tasks));
  const auto weights = class_weights(config.class_balance, config.effective_beta, counts.at(named.task));
  return std::make_unique<SupervisedObjective>(named, num_classes, at::tensor(weights, at::kFloat));
}

}  // namespace limbic::objectives
