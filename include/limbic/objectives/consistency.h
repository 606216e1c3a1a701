#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "limbic/affect/class_constraints.h"

namespace limbic::objectives {

/// Joint assignments of one class per task without a contradiction, as flat indices with the last task's
/// class running fastest, (J,) int64. @throws Error(kConfig) for more than 65,536 assignments, for none that
/// is free of contradictions and for no contradiction at all
at::Tensor consistent_assignments(const affect::ClassConstraints& constraints);

/// The semantic loss of "no two classes contradict each other" (Xu et al. 2018): per sample
///
///   -log sum_{consistent (c_1..c_K)} prod_k p_k(c_k)  =  -log(1 - P(contradiction))
///
/// with p_k the softmax of task k's logits and the tasks taken as independent. Computed in the log domain.
/// @param logits_BC  per task (B, C_k)
/// @param allowed_J  of consistent_assignments()
/// @return (B,), >= 0, 0 where no probability lies on a contradiction
at::Tensor semantic_loss(const std::vector<at::Tensor>& logits_BC, const at::Tensor& allowed_J);

}  // namespace limbic::objectives
