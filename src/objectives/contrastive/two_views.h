#pragma once
#include <string>

#include "embedding.h"
#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// What `model` makes of the batch's further view. @throws Error(kInternal) when there is none
affect::ModelOutput see_view(const TrainStep& step, model::MultimodalModel& model,
                             const std::string& objective);

/// Vectors of the same samples, of those that have both.
struct PairedRows {
  at::Tensor a_ND;
  at::Tensor b_ND;
};
PairedRows paired_rows(const Embedding& a, const Embedding& b);

}  // namespace limbic::objectives
