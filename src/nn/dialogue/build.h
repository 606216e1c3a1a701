#pragma once
#include <cstdint>
#include <memory>

#include "limbic/nn/context.h"

namespace limbic::nn {

// One per context model, in its own file.
std::shared_ptr<DialogueContext> build(const NoContextConfig& config, int64_t in_width);
std::shared_ptr<DialogueContext> build(const SequenceContextConfig& config, int64_t in_width);
std::shared_ptr<DialogueContext> build(const DialogueRnnConfig& config, int64_t in_width);

}  // namespace limbic::nn
