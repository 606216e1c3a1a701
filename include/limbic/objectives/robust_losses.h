#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "limbic/affect/batch.h"
#include "limbic/objectives/robust_config.h"

namespace limbic::objectives {

/// Chance of each observed class given the true one, (C, C) float64, rows sum to 1: what `config` states, or
/// 1 - noise_rate on the diagonal and noise_rate / (C - 1) elsewhere.
/// @throws Error(kConfig) when the stated matrix is not (C, C)
at::Tensor noise_transitions(const ForwardCorrection& config, int64_t num_classes);

/// A loss of the labels that forgives some of them: the mean over known rows of L_i, weighted as
/// cross_entropy weighs them (class weight of the label, Targets::weight_B). With p the softmax of the logits
/// and l the label (one-hot or soft_BC), L_i is
///
///   generalized_ce   sum_c l_c (1 - p_c^q) / q
///   symmetric_ce     -alpha sum_c l_c log p_c - beta sum_c p_c max(log l_c, log_zero)
///   bootstrap_soft   -sum_c (beta l_c + (1 - beta) p_c) log p_c
///   bootstrap_hard   -sum_c (beta l_c + (1 - beta) [c = argmax p]) log p_c
///   forward          -sum_c l_c log sum_k p_k T_kc
///
/// Zero, with gradient, when no label is known.
/// @param weight_C      float, see class_weights
/// @param transition_CC of noise_transitions, for `forward`; else unused
/// @throws Error(kInternal) for PlainCrossEntropy, which is cross_entropy()
at::Tensor robust_loss(const RobustConfig& config, const at::Tensor& logits_BC,
                       const affect::Targets& targets, const at::Tensor& weight_C,
                       const at::Tensor& transition_CC);

}  // namespace limbic::objectives
