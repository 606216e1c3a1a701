#include "limbic/objectives/value_losses.h"

#include <ATen/ATen.h>

#include "limbic/core/error.h"

namespace limbic::objectives {
namespace {

/// What each entry counts: its row's weight where it is known, else 0.
at::Tensor weights_of(const at::Tensor& known, const at::Tensor& weight_N, at::ScalarType type) {
  if (!weight_N.defined()) return known.to(type);
  const auto weight = known.dim() == 2 ? weight_N.unsqueeze(1) : weight_N;
  return weight.to(type).expand_as(known).masked_fill(known.logical_not(), 0.0);
}

/// The mean of `loss` where `known`, weighted; what lies elsewhere may be NaN.
at::Tensor known_mean(const at::Tensor& loss, const at::Tensor& known, const at::Tensor& weight_N) {
  const auto weight = weights_of(known, weight_N, loss.scalar_type());
  return (loss.masked_fill(known.logical_not(), 0.0) * weight).sum() / weight.sum().clamp_min(1e-12);
}

/// Unknown targets become 0, so that neither value nor gradient of an unknown entry is NaN.
at::Tensor clean(const at::Tensor& target, const at::Tensor& known, at::ScalarType type) {
  return target.to(type).masked_fill(known.logical_not(), 0.0);
}

}  // namespace

at::Tensor multi_label_loss(const at::Tensor& logits_BC, const affect::Targets& targets) {
  const auto target_BC = clean(targets.value_BC, targets.known_BC, logits_BC.scalar_type());
  const auto loss_BC =
      at::binary_cross_entropy_with_logits(logits_BC, target_BC, {}, {}, at::Reduction::None);
  return known_mean(loss_BC, targets.known_BC, targets.weight_B);
}

at::Tensor coral_loss(const at::Tensor& log_p_BC, const affect::Targets& targets) {
  const int64_t num_classes = log_p_BC.size(1);
  const auto target_BC =
      targets.soft_BC.defined()
          ? targets.soft_BC.to(log_p_BC.scalar_type())
          : at::one_hot(targets.y_B.clamp(0, num_classes - 1), num_classes).to(log_p_BC.scalar_type());
  // log P(y <= k) and log P(y > k), k in [0, C - 1).
  const auto at_most_BK = log_p_BC.logcumsumexp(1).slice(1, 0, num_classes - 1);
  const auto above_BK = log_p_BC.flip({1}).logcumsumexp(1).slice(1, 0, num_classes - 1).flip({1});
  const auto share_at_most_BK = target_BC.cumsum(1).slice(1, 0, num_classes - 1);
  const auto loss_B = -(share_at_most_BK * at_most_BK + (1.0 - share_at_most_BK) * above_BK).sum(1);
  return known_mean(loss_B, targets.mask_B, targets.weight_B);
}

at::Tensor concordance_C(const at::Tensor& value_NC, const at::Tensor& target_NC, const at::Tensor& known_NC,
                         const at::Tensor& weight_N) {
  const auto type = value_NC.scalar_type();
  const auto weight_NC = weights_of(known_NC, weight_N, type);
  const auto share_NC = weight_NC / weight_NC.sum(0).clamp_min(1e-12);
  const auto x_NC = value_NC.masked_fill(known_NC.logical_not(), 0.0);
  const auto y_NC = clean(target_NC, known_NC, type);
  const auto mean_x_C = (share_NC * x_NC).sum(0);
  const auto mean_y_C = (share_NC * y_NC).sum(0);
  const auto dx_NC = x_NC - mean_x_C;
  const auto dy_NC = y_NC - mean_y_C;
  const auto covariance_C = (share_NC * dx_NC * dy_NC).sum(0);
  const auto spread_C =
      (share_NC * (dx_NC.square() + dy_NC.square())).sum(0) + (mean_x_C - mean_y_C).square();
  // A single row has no covariance, so its 0 comes by itself; so does that of constants.
  return 2.0 * covariance_C / spread_C.clamp_min(1e-12);
}

at::Tensor regression_loss(RegressionLoss loss, const at::Tensor& value_NC, const at::Tensor& log_variance_NC,
                           const at::Tensor& target_NC, const at::Tensor& known_NC,
                           const at::Tensor& weight_N) {
  TORCH_CHECK(value_NC.sizes() == target_NC.sizes(), "values are ", value_NC.sizes(), ", targets ",
              target_NC.sizes());
  if (loss == RegressionLoss::kCcc) {
    const auto counts_C = known_NC.sum(0) >= 2;
    return known_mean(1.0 - concordance_C(value_NC, target_NC, known_NC, weight_N), counts_C, {});
  }
  const auto error_NC = value_NC - clean(target_NC, known_NC, value_NC.scalar_type());
  if (loss == RegressionLoss::kMse) return known_mean(error_NC.square(), known_NC, weight_N);
  if (loss == RegressionLoss::kMae) return known_mean(error_NC.abs(), known_NC, weight_N);
  require(log_variance_NC.defined(), ErrorCode::kConfig,
          "regression: gaussian_nll needs the variance: set uncertainty: true in the task's model.heads");
  return known_mean(0.5 * ((-log_variance_NC).exp() * error_NC.square() + log_variance_NC), known_NC,
                    weight_N);
}

}  // namespace limbic::objectives
