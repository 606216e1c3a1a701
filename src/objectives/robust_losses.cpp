#include "limbic/objectives/robust_losses.h"

#include <ATen/ATen.h>

#include <cmath>

#include "limbic/core/error.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

/// One row's loss, (B,), of log-probabilities and labels.
struct RowLoss {
  const at::Tensor& log_p_BC;
  const at::Tensor& label_BC;
  const at::Tensor& transition_CC;

  at::Tensor operator()(const PlainCrossEntropy& /*config*/) const {
    throw Error(ErrorCode::kInternal, "robust_loss: 'none' is cross_entropy()");
  }
  at::Tensor operator()(const GeneralizedCrossEntropy& config) const {
    return (label_BC * (1.0 - (log_p_BC * config.q).exp()) / config.q).sum(1);
  }
  at::Tensor operator()(const SymmetricCrossEntropy& config) const {
    const auto log_label_BC = label_BC.log().clamp_min(config.log_zero);
    return -(label_BC * log_p_BC).sum(1) * config.alpha -
           (log_p_BC.exp() * log_label_BC).sum(1) * config.beta;
  }
  at::Tensor operator()(const SoftBootstrap& config) const { return mixed(log_p_BC.exp(), config.beta); }
  at::Tensor operator()(const HardBootstrap& config) const {
    const auto best_BC = at::one_hot(log_p_BC.argmax(1), log_p_BC.size(1)).to(log_p_BC.scalar_type());
    return mixed(best_BC, config.beta);
  }
  at::Tensor operator()(const ForwardCorrection& /*config*/) const {
    // In the log domain: sum_k p_k T_kc of a sure model is no 0.
    const auto log_t_CC = transition_CC.to(log_p_BC.device(), log_p_BC.scalar_type()).log();
    const auto log_observed_BC = (log_p_BC.unsqueeze(2) + log_t_CC).logsumexp(1);
    return -(label_BC * log_observed_BC).sum(1);
  }

 private:
  at::Tensor mixed(const at::Tensor& own_BC, double beta) const {
    return -((label_BC * beta + own_BC * (1.0 - beta)) * log_p_BC).sum(1);
  }
};

}  // namespace

void ForwardCorrection::validate(config::Checks& checks) const {
  checks.expect(transition.empty() || noise_rate == 0, "noise_rate", "must be 0 beside a transition matrix");
  for (size_t row = 0; row < transition.size(); ++row) {
    double sum = 0.0;
    double of_class = 0.0;  // column `row`: how often the class is observed at all
    for (const double chance : transition[row]) sum += chance;
    for (const auto& other : transition) of_class += row < other.size() ? other[row] : 0.0;
    const auto name = "transition";
    checks.expect(transition[row].size() == transition.size(), name, "must be square");
    checks.expect(std::abs(sum - 1.0) < 1e-6, name,
                  "row " + std::to_string(row) + " must sum to 1, got " + std::to_string(sum));
    checks.expect(of_class > 0, name, "column " + std::to_string(row) + " is 0: the class is never observed");
  }
}

at::Tensor noise_transitions(const ForwardCorrection& config, int64_t num_classes) {
  const auto type = at::TensorOptions(at::kDouble);
  if (config.transition.empty()) {
    const double other = config.noise_rate / static_cast<double>(std::max<int64_t>(num_classes - 1, 1));
    return at::full({num_classes, num_classes}, other, type).fill_diagonal_(1.0 - config.noise_rate);
  }
  require(static_cast<int64_t>(config.transition.size()) == num_classes, ErrorCode::kConfig,
          "robust.transition has " + std::to_string(config.transition.size()) + " rows, the task has " +
              std::to_string(num_classes) + " classes");
  std::vector<at::Tensor> rows;
  for (const auto& row : config.transition) rows.push_back(at::tensor(row, type));
  return at::stack(rows);
}

at::Tensor robust_loss(const RobustConfig& config, const at::Tensor& logits_BC,
                       const affect::Targets& targets, const at::Tensor& weight_C,
                       const at::Tensor& transition_CC) {
  const auto type = logits_BC.scalar_type();
  const auto log_p_BC = logits_BC.log_softmax(1);
  const auto label_BC = label_probabilities(targets, logits_BC.size(1), type);
  const auto loss_B = std::visit(RowLoss{log_p_BC, label_BC, transition_CC}, config);
  const auto weight_B = (label_BC * weight_C.to(type)).sum(1) * row_weights(targets, targets.mask_B, type);
  return (loss_B * weight_B).sum() / weight_B.sum().clamp_min(1e-12);
}

}  // namespace limbic::objectives
