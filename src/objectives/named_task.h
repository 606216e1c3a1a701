#pragma once
#include <string>

#include "limbic/objectives/objective.h"

namespace limbic::objectives {

/// The task that an objective is for: `wanted`, or the only one when that is empty.
/// @throws Error(kConfig) when there are several to choose from, or none of that name
std::string named_task(const std::string& wanted, const ClassCounts& counts);

}  // namespace limbic::objectives
