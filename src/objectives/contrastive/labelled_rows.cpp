#include "labelled_rows.h"

#include <ATen/ATen.h>

#include "rows.h"

namespace limbic::objectives {

LabelledRows labelled_rows(const affect::Batch& batch, const std::string& task, LabelLevel level,
                           const Embedding& embedding) {
  const auto& vector_BD = embedding.vector_BD;
  const auto found = batch.targets.find(task);
  if (found == batch.targets.end()) {
    const auto none = at::empty({0}, vector_BD.options().dtype(at::kLong).requires_grad(false));
    return {vector_BD.index_select(0, none), none, none.to(vector_BD.scalar_type())};
  }
  const auto targets = of_level(found->second, level);
  const auto known_B = targets.mask_B.logical_and(embedding.counts_B);
  const auto index_N = row_indices(known_B);
  const auto label_B = targets.soft_BC.defined() ? targets.soft_BC.argmax(1) : targets.y_B;
  const auto weight_B = row_weights(targets, known_B, vector_BD.scalar_type());
  return {vector_BD.index_select(0, index_N), label_B.index_select(0, index_N),
          weight_B.index_select(0, index_N)};
}

}  // namespace limbic::objectives
