#pragma once
#include <string>

#include "limbic/affect/label_space.h"
#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// named_space() for a method of co-training that is about classes. @throws Error(kConfig) that begins with
/// `type`
affect::LabelSpace class_task(const char* type, const std::string& wanted, const ObjectiveContext& context);

/// (B,) bool: rows of the batch whose label is not known; all where the batch lacks the task.
at::Tensor rows_without_label(const affect::Batch& batch, const std::string& task,
                              const at::Tensor& logits_BC);
/// Targets::withheld_B, or undefined.
at::Tensor withheld_of(const affect::Batch& batch, const std::string& task);

}  // namespace limbic::objectives
