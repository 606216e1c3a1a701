#pragma once
#include <string>

#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// The task that an objective is for: `wanted`, or the only one when that is empty.
/// @throws Error(kConfig) when there are several to choose from, or none of that name
std::string named_task(const std::string& wanted, const ClassCounts& counts);

/// The same with its outputs; where the context has no label spaces, one of a single label whose classes are
/// named "0", "1"...
affect::LabelSpace named_space(const std::string& wanted, const ObjectiveContext& context);

/// The same for an objective that is about classes. @throws Error(kConfig) that begins with `objective` when
/// the task has none
std::string named_class_task(const std::string& wanted, const ObjectiveContext& context,
                             const std::string& objective);

/// What the head of a task says: class scores, logits of labels, values, or values over time.
const at::Tensor& scores_of(const affect::ModelOutput& output, const affect::LabelSpace& task);

}  // namespace limbic::objectives
