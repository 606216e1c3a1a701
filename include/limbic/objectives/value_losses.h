#pragma once
#include <ATen/core/Tensor.h>

#include "limbic/affect/batch.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

/// What all of these share: an entry whose target is unknown contributes nothing, whatever it holds; without
/// any known one the result is zero with gradient. Means are weighted by the rows' weights, where there are
/// any (Targets::weight_B).

/// Mean binary cross-entropy over the known labels. Targets may be any share in [0, 1].
/// @param logits_BC  float; targets: value_BC, known_BC
at::Tensor multi_label_loss(const at::Tensor& logits_BC, const affect::Targets& targets);

/// Mean over samples of  -sum_k [y > k] log P(y > k) + [y <= k] log P(y <= k),  k in [0, C - 1)  (CORAL's,
/// Cao et al. 2020, without importance weights).
/// @param log_p_BC  logarithms of the class probabilities; targets: y_B (or soft_BC), mask_B
at::Tensor coral_loss(const at::Tensor& log_p_BC, const affect::Targets& targets);

/// Lin's concordance correlation coefficient of each column over its known rows,
///
///   2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)   with 1 / n in all of them;
///
/// 0 where fewer than two rows are known or nothing varies. With weights: v_i / sum of them instead of 1 / n.
/// @param value_NC  float; target_NC the same, known_NC bool
/// @param weight_N  float >= 0; undefined = 1
at::Tensor concordance_C(const at::Tensor& value_NC, const at::Tensor& target_NC, const at::Tensor& known_NC,
                         const at::Tensor& weight_N = {});

/// Mean over the known entries of squared or absolute errors, or of (exp(-s) error^2 + s) / 2 with s the log
/// of the variance; or the mean of 1 - concordance over the columns that have two known rows.
/// @param log_variance_NC  for gaussian_nll only
/// @param weight_N         float >= 0; undefined = 1
/// @throws Error(kConfig) when gaussian_nll lacks the variance
at::Tensor regression_loss(RegressionLoss loss, const at::Tensor& value_NC, const at::Tensor& log_variance_NC,
                           const at::Tensor& target_NC, const at::Tensor& known_NC,
                           const at::Tensor& weight_N = {});

}  // namespace limbic::objectives
