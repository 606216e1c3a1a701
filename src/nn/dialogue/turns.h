#pragma once
// What models over the turns of a conversation share; private to the room.
#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

#include "limbic/nn/dialogue_grid.h"
#include "limbic/nn/fusion.h"

namespace limbic::nn {

/// One modality over the turns of the batch's conversations.
struct ModalityTurns {
  at::Tensor x_DUW;    ///< zero where mask_DU is false
  at::Tensor mask_DU;  ///< bool, true = the turn is there and has the modality
};
/// The embeddings of every modality, laid out along input.grid.
std::vector<ModalityTurns> turns_of(const FusionInput& input);

/// Softmax over the last dimension among the places where `keep` (bool, broadcast) is true; zero at the
/// others, and everywhere where there is none.
at::Tensor masked_softmax(const at::Tensor& score, const at::Tensor& keep);

/// (U, U) bool, true where turn v (column) is not after turn u (row).
at::Tensor not_after_UU(int64_t num_turns, at::Device device);

/// A vector for each speaker of a conversation, by order of appearance, drawn from N(0, 1). Speakers from
/// number `max_speakers` on share the last one; an unknown speaker adds nothing.
class SpeakerEmbeddingImpl final : public torch::nn::Cloneable<SpeakerEmbeddingImpl> {
 public:
  SpeakerEmbeddingImpl(int64_t max_speakers, int64_t width) : max_speakers_(max_speakers), width_(width) {
    reset();
  }
  void reset() override;
  /// @param speaker_DU  of a DialogueGrid
  /// @return (D, U, width)
  at::Tensor forward(const at::Tensor& speaker_DU) const;

 private:
  int64_t max_speakers_;
  int64_t width_;
  at::Tensor weight_SW_;
};
TORCH_MODULE(SpeakerEmbedding);

}  // namespace limbic::nn
