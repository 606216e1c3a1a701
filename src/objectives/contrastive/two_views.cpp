#include "two_views.h"

#include <ATen/ATen.h>

#include "limbic/core/error.h"

namespace limbic::objectives {

affect::ModelOutput see_view(const TrainStep& step, model::MultimodalModel& model,
                             const std::string& objective) {
  require(!step.batch.views.empty(), ErrorCode::kInternal, objective + ": the batch has no further view");
  return model.forward(step.batch.with_view(0));
}

PairedRows paired_rows(const Embedding& a, const Embedding& b) {
  const auto row_N = row_indices(a.counts_B.logical_and(b.counts_B));
  return {a.vector_BD.index_select(0, row_N), b.vector_BD.index_select(0, row_N)};
}

}  // namespace limbic::objectives
