#include "limbic/nn/temporal.h"

#include "temporal/build.h"

namespace limbic::nn {

std::shared_ptr<Temporal> build_temporal(const TemporalConfig& config, int64_t in_width) {
  return std::visit([&](const auto& chosen) { return build(chosen, in_width); }, config);
}

}  // namespace limbic::nn
