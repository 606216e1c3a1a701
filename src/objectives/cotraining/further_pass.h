#pragma once
#include "limbic/affect/batch.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/objective.h"

namespace limbic::objectives {

// Note [Batch norm in further passes]
// A second forward pass in a step normalises by the statistics of its own batch, but leaves the model's
// running statistics (and all other buffers) as the first pass made them: evaluation sees inputs like those
// of the first pass, the loader's batch with its rows without labels, and not a strongly changed view.
// TorchSSL does so for Mean Teacher and the Pi-model; FixMatch as published lets both views count.

/// Another forward pass that leaves no trace in the model's buffers; gradients flow as usual.
affect::ModelOutput further_pass(model::MultimodalModel& model, const affect::Batch& batch);

/// batch.with_view(0). @throws Error(kConfig) that begins with `type` where the batch has no further view
affect::Batch further_view(const char* type, const affect::Batch& batch);

/// (B,) bool: rows of which the model saw something.
at::Tensor rows_with_input(const affect::ModelOutput& output, const at::Tensor& scores_BC);

}  // namespace limbic::objectives
