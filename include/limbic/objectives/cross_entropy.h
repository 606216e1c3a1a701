#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

struct CrossEntropyOptions {
  double label_smoothing = 0.0;
  double focal_gamma = 0.0;
};

/// Weighted cross-entropy over the samples whose label is known:
///
///   sum_i v_i (1 - p_i)^gamma * sum_c w_c * t_ic * -log q_ic  /  sum_i v_i sum_c w_c * l_ic
///
/// with v the weights of the rows (Targets::weight_B, else 1), q the softmax of the logits, l the label
/// (one-hot, or soft_BC), t = (1 - s) l + s / C its smoothed form and p_i = sum_c l_ic q_ic. Without focal
/// term this is torch's weighted mean: divided by the sum of the weights of the labels, not by B. Zero, with
/// gradient, when no label is known.
/// @param weight_C  float, see class_weights
at::Tensor cross_entropy(const CrossEntropyOptions& options, const at::Tensor& logits_BC,
                         const affect::Targets& targets, const at::Tensor& weight_C);

/// One weight per class, of mean 1 over the classes that occur; 0 for a class without examples (1 when
/// `balance` is none).
std::vector<double> class_weights(ClassBalance balance, double effective_beta,
                                  const std::vector<int64_t>& counts);

/// Logarithms of the classes' shares of the training set. Added to the scores, tau times, they are the
/// logit-adjusted loss of Menon et al. 2021. A class without examples counts as half an example: its label
/// may still come, from another source.
std::vector<double> log_priors(const std::vector<int64_t>& counts);

}  // namespace limbic::objectives
