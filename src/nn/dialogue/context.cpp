#include "limbic/nn/context.h"

#include "dialogue/build.h"

namespace limbic::nn {

std::shared_ptr<DialogueContext> build_context(const ContextConfig& config, int64_t in_width) {
  return std::visit([&](const auto& chosen) { return build(chosen, in_width); }, config);
}

}  // namespace limbic::nn
