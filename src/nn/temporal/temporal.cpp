#include "limbic/nn/temporal.h"

#include <ATen/ATen.h>

#include <string>

#include "limbic/core/error.h"
#include "temporal/build.h"

namespace limbic::nn {

std::shared_ptr<Temporal> build_temporal(const TemporalConfig& config, int64_t in_width) {
  return std::visit([&](const auto& chosen) { return build(chosen, in_width); }, config);
}

void TcnTemporalConfig::validate(config::Checks& checks) const {
  checks.expect(causal || kernel % 2 == 1, "kernel",
                 "must be odd unless causal, to look as far ahead as back; got " + std::to_string(kernel));
}

void TransformerTemporalConfig::validate(config::Checks& checks) const {
  checks.expect(width % heads == 0, "heads",
                 "must divide width " + std::to_string(width) + ", got " + std::to_string(heads));
  const bool wants_pairs = positions == Positions::kRelative || positions == Positions::kRotary;
  checks.expect(!wants_pairs || width % heads != 0 || width / heads % 2 == 0, "heads",
                 "relative and rotary positions want an even width / heads, got " + std::to_string(width) +
                     " / " + std::to_string(heads));
  checks.expect(positions != Positions::kSinusoidal || width % 2 == 0, "width",
                 "must be even for sinusoidal positions, got " + std::to_string(width));
}

void require_causal(bool is_causal, const char* type, const char* how) {
  require(is_causal, ErrorCode::kModel,
          std::string("temporal layer '") + type + "' looks ahead and cannot read a stream; train it with " +
              how);
}

at::Tensor without_padding(const at::Tensor& x_BTD, const at::Tensor& mask_BT) {
  return x_BTD.masked_fill(mask_BT.logical_not().unsqueeze(2), 0.0);
}

}  // namespace limbic::nn
