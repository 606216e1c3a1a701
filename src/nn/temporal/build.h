#pragma once
#include <cstdint>
#include <memory>

#include "limbic/nn/temporal.h"

namespace limbic::nn {

// One per module, in its own file.
std::shared_ptr<Temporal> build(const GruTemporalConfig& config, int64_t in_width);

}  // namespace limbic::nn
