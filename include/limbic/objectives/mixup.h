#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "limbic/affect/batch.h"

namespace limbic::objectives {

/// Mixes each sample with another one of the batch: inputs and labels are lambda * own + (1 - lambda) *
/// other, one lambda = max(l, 1 - l), l ~ Beta(alpha, alpha), for the batch. Where only one of the two has a
/// frame or a modality, it is taken as it is. A label or value is known when both are; values over time
/// only where a sample was mixed with itself. Targets get soft_BC; uint8 images become float. Further views
/// are mixed alike.
/// @param num_classes  by task; targets of other tasks keep only samples mixed with themselves
affect::Batch mixup(const affect::Batch& batch, double alpha,
                    const std::map<std::string, int64_t>& num_classes);

}  // namespace limbic::objectives
