#pragma once
#include <ATen/core/Tensor.h>

#include "limbic/affect/batch.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

/// Zero, of x's type and with a gradient to it, whatever x holds.
at::Tensor empty_loss(const at::Tensor& x);

/// The same of an output: of the scores of some task, which always have a gradient in training. Embeddings of
/// a modality that nobody has are none.
at::Tensor empty_loss(const affect::ModelOutput& output);

/// What row i counts: Targets::weight_B where `known_B`, else 0. Float of `type`.
at::Tensor row_weights(const affect::Targets& targets, const at::Tensor& known_B, at::ScalarType type);

/// Class probabilities of the label, (B, C) of `type`: one-hot, or soft_BC; 0 where unknown.
at::Tensor label_probabilities(const affect::Targets& targets, int64_t num_classes, at::ScalarType type);

/// The same targets, unknown where the row's supervision is not of that level.
affect::Targets of_level(const affect::Targets& targets, LabelLevel level);

/// The same targets, known only where `also_B`, too.
affect::Targets known_where(const affect::Targets& targets, const at::Tensor& also_B);

}  // namespace limbic::objectives
