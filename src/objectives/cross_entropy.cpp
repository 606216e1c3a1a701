#include "limbic/objectives/cross_entropy.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "rows.h"

namespace limbic::objectives {

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

std::vector<double> log_priors(const std::vector<int64_t>& counts) {
  constexpr double kAbsent = 0.5;
  double total = 0.0;
  for (const int64_t count : counts) total += std::max(static_cast<double>(count), kAbsent);
  std::vector<double> logs;
  for (const int64_t count : counts)
    logs.push_back(std::log(std::max(static_cast<double>(count), kAbsent) / total));
  return logs;
}

at::Tensor cross_entropy(const CrossEntropyOptions& options, const at::Tensor& logits_BC,
                         const affect::Targets& targets, const at::Tensor& weight_C) {
  TORCH_CHECK(logits_BC.dim() == 2 && logits_BC.size(1) == weight_C.numel(), "logits are (B, ",
              weight_C.numel(), "), got ", logits_BC.sizes());
  const auto type = logits_BC.scalar_type();
  const int64_t num_classes = logits_BC.size(1);
  const auto log_p_BC = logits_BC.log_softmax(1);
  const auto label_BC = label_probabilities(targets, num_classes, type);
  const auto weight = weight_C.to(type);
  const auto row_weight_B = row_weights(targets, targets.mask_B, type);
  const auto smooth_BC =
      label_BC * (1.0 - options.label_smoothing) + options.label_smoothing / static_cast<double>(num_classes);
  auto loss_B = -(smooth_BC * weight * log_p_BC).sum(1);
  if (options.focal_gamma > 0) {
    // 1 - p_t, kept off 0 where the power's derivative is infinite for gamma < 1.
    const auto miss_B = (1.0 - (log_p_BC.exp() * label_BC).sum(1)).clamp_min(1e-6);
    loss_B = loss_B * miss_B.pow(options.focal_gamma);
  }
  const auto norm = ((label_BC * weight).sum(1) * row_weight_B).sum();
  return (loss_B * row_weight_B).sum() / norm.clamp_min(1e-12);
}

}  // namespace limbic::objectives
