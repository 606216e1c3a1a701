#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "limbic/nn/dialogue_grid.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

// Linear-chain conditional random field (Lafferty et al. 2001) over the turns of dialogues, or the windows of
// a recording. All functions take
//   emission_DUC  float, class scores of every turn; what padded turns hold has no influence
//   mask_DU       bool, true = a turn; turns that are not there are skipped
//   table_SC      (C + 2, C): row i < C scores each class after class i, row C the first turn's class, row
//                 C + 1 the last one's
// and sum over all labellings by the forward algorithm in the log domain, with gradients.

/// (D,), log of the sum over all labellings; 0 without any turn.
at::Tensor crf_log_partition(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                             const at::Tensor& table_SC);
/// (D,), log-probability of the labels; turns with an unknown label are summed out.
/// @param label_DU  int64, -1 = unknown
at::Tensor crf_log_likelihood(const at::Tensor& emission_DUC, const at::Tensor& label_DU,
                              const at::Tensor& mask_DU, const at::Tensor& table_SC);
/// (D, U, C), log of each turn's class probabilities given the whole dialogue; zero at padded turns.
at::Tensor crf_log_marginals(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                             const at::Tensor& table_SC);
/// (D, U) int64, the most probable labelling (Viterbi); -1 at padded turns.
at::Tensor crf_best_path(const at::Tensor& emission_DUC, const at::Tensor& mask_DU,
                         const at::Tensor& table_SC);

/// What a head adds to its class scores to be a CRF: the table. It begins with zeros, where the CRF is a
/// softmax of every turn by itself.
class CrfLayer {
 public:
  virtual ~CrfLayer() = default;
  /// (C + 2, C), a parameter.
  virtual at::Tensor table_SC() const = 0;
  /// Training: the scores as they are (the objective `crf` reads them with the table). Evaluation: the log
  /// posterior of each row's class given its whole dialogue.
  /// @param emission_BC  the head's scores
  virtual at::Tensor logits(const at::Tensor& emission_BC, const DialogueGrid& grid) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
std::shared_ptr<CrfLayer> build_crf_layer(int64_t num_classes);

}  // namespace limbic::nn
