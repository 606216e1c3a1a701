#include "dialogue/turns.h"

namespace limbic::nn {
namespace {

/// Stands in for -infinity in a softmax: a row of it stays finite, forwards and backwards.
constexpr double kNoTurn = -1e30;

}  // namespace

std::vector<ModalityTurns> turns_of(const FusionInput& input) {
  std::vector<ModalityTurns> turns;
  const auto present_DUM = input.grid.to_grid(input.present_BM);
  for (size_t m = 0; m < input.modalities.size(); ++m) {
    const auto column = static_cast<int64_t>(m);
    const auto absent_B1 = input.present_BM.narrow(1, column, 1).logical_not();
    turns.push_back({input.grid.to_grid(input.modalities[m].embedding_BD.masked_fill(absent_B1, 0.0)),
                     present_DUM.select(2, column)});
  }
  return turns;
}

at::Tensor masked_softmax(const at::Tensor& score, const at::Tensor& keep) {
  const auto drop = keep.logical_not();
  return score.masked_fill(drop, kNoTurn).softmax(-1).masked_fill(drop, 0.0);
}

at::Tensor not_after_UU(int64_t num_turns, at::Device device) {
  return at::ones({num_turns, num_turns}, at::TensorOptions(at::kBool).device(device)).tril();
}

void SpeakerEmbeddingImpl::reset() {
  weight_SW_ = register_parameter("weight", at::randn({max_speakers_, width_}));
}

at::Tensor SpeakerEmbeddingImpl::forward(const at::Tensor& speaker_DU) const {
  return at::embedding(weight_SW_, speaker_DU.clamp(0, max_speakers_ - 1))
      .masked_fill(speaker_DU.lt(0).unsqueeze(2), 0.0);
}

}  // namespace limbic::nn
