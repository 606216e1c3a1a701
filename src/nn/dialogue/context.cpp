#include "limbic/nn/context.h"

#include "dialogue/build.h"
#include "limbic/core/error.h"

namespace limbic::nn {

std::shared_ptr<DialogueContext> build(const NoContextConfig& /*config*/, int64_t /*in_width*/) {
  throw Error(ErrorCode::kInternal, "a model without context has no context module");
}

std::shared_ptr<DialogueContext> build_context(const ContextConfig& config, int64_t in_width) {
  return std::visit([&](const auto& chosen) { return build(chosen, in_width); }, config);
}

}  // namespace limbic::nn
