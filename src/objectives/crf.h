#pragma once
#include "limbic/objectives/objective.h"

namespace limbic::objectives {

std::unique_ptr<Objective> build(const CrfConfig& config, const ClassCounts& counts,
                                 const std::vector<affect::LabelSpace>& tasks);

}  // namespace limbic::objectives
