#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "limbic/affect/batch.h"

namespace limbic::nn {

/// The rows of a batch laid out as conversations: D dialogues of up to U turns. Rows without a dialogue are
/// dialogues of one turn.
struct DialogueGrid {
  at::Tensor index_B;  ///< int64, d * U + u of each row
  at::Tensor row_DU;   ///< int64, the row at (d, u); 0 where mask_DU is false
  at::Tensor mask_DU;  ///< bool, true = a turn of the batch
  at::Tensor
      speaker_DU;  ///< int64, speakers of a dialogue by first appearance 0, 1...; -1 unknown or no turn

  int64_t num_dialogues() const { return mask_DU.size(0); }
  int64_t num_turns() const { return mask_DU.size(1); }
  /// (B, ...) -> (D, U, ...), zero where there is no turn.
  at::Tensor to_grid(const at::Tensor& x_B) const;
  /// (D, U, ...) -> (B, ...)
  at::Tensor to_rows(const at::Tensor& x_DU) const;
};

/// @param rows  undefined tensors = every row on its own
DialogueGrid make_dialogue_grid(const affect::DialogueRows& rows, int64_t batch_size, at::Device device);

}  // namespace limbic::nn
