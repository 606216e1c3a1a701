#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "embedding.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

/// Vectors whose class is known.
struct LabelledRows {
  at::Tensor z_ND;      ///< their embeddings
  at::Tensor label_N;   ///< int64; of shares the largest
  at::Tensor weight_N;  ///< float
};
/// None where the batch lacks the task.
LabelledRows labelled_rows(const affect::Batch& batch, const std::string& task, LabelLevel level,
                           const Embedding& embedding);

}  // namespace limbic::objectives
