#pragma once
#include <cstdint>
#include <memory>

#include "limbic/nn/temporal.h"

namespace limbic::nn {

// One per module, in its own file.
std::shared_ptr<Temporal> build(const GruTemporalConfig& config, int64_t in_width);
std::shared_ptr<Temporal> build(const LstmTemporalConfig& config, int64_t in_width);
std::shared_ptr<Temporal> build(const TcnTemporalConfig& config, int64_t in_width);
std::shared_ptr<Temporal> build(const TransformerTemporalConfig& config, int64_t in_width);

/// What step() asks of a layer. @throws Error(kModel) unless it is causal
void require_causal(bool is_causal, const char* type, const char* how);
/// x, zero at padded frames whatever they held.
at::Tensor without_padding(const at::Tensor& x_BTD, const at::Tensor& mask_BT);

}  // namespace limbic::nn
