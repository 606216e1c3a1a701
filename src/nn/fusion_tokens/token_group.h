#pragma once
// What fusions over tokens share; private to the room.
#include <ATen/ATen.h>

#include <vector>

#include "limbic/nn/fusion.h"

namespace limbic::nn {

/// One modality's tokens; rows are samples, or conversations when tokens are their turns.
struct TokenGroup {
  at::Tensor x_BTD;    ///< zero where mask_BT is false
  at::Tensor mask_BT;  ///< bool, true = real and present
};
std::vector<TokenGroup> tokens_of(const FusionInput& input, FusionTokens over);

/// D of a modality's tokens.
int64_t token_width_of(const ModalityShape& modality, FusionTokens over);

/// The sinusoids of positions 0...T - 1, (T, width).
at::Tensor token_positions(int64_t num_tokens, int64_t width, const at::TensorOptions& options);

}  // namespace limbic::nn
