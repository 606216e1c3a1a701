#include "fusion_tokens/token_group.h"

#include <utility>

#include "blocks/attention.h"
#include "dialogue/turns.h"

namespace limbic::nn {

std::vector<TokenGroup> tokens_of(const FusionInput& input, FusionTokens over) {
  std::vector<TokenGroup> groups;
  if (over == FusionTokens::kTurns) {
    for (auto& turns : turns_of(input)) groups.push_back({std::move(turns.x_DUW), std::move(turns.mask_DU)});
    return groups;
  }
  for (size_t m = 0; m < input.modalities.size(); ++m) {
    const auto& modality = input.modalities[m];
    const auto mask_BT = modality.mask_BT.logical_and(input.present_BM.narrow(1, static_cast<int64_t>(m), 1));
    groups.push_back({modality.tokens_BTD.masked_fill(mask_BT.logical_not().unsqueeze(2), 0.0), mask_BT});
  }
  return groups;
}

int64_t token_width_of(const ModalityShape& modality, FusionTokens over) {
  return over == FusionTokens::kTurns ? modality.width : modality.token_width;
}

at::Tensor token_positions(int64_t num_tokens, int64_t width, const at::TensorOptions& options) {
  const auto position_T = at::arange(num_tokens, at::TensorOptions(at::kLong).device(options.device()));
  return sinusoids(position_T, width, options);
}

}  // namespace limbic::nn
