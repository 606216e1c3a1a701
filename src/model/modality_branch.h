#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "limbic/affect/batch.h"
#include "limbic/model/multimodal.h"
#include "limbic/nn/context.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/fusion.h"
#include "limbic/nn/token_temporal.h"

namespace limbic::model {

/// What a model does with one modality before fusion: encoder, layer over its tokens, context of its turns.
struct ModalityBranch {
  std::string modality;
  std::shared_ptr<nn::Encoder> encoder;
  std::shared_ptr<nn::TokenTemporal> temporal;   ///< null = none
  std::shared_ptr<nn::DialogueContext> context;  ///< null = none

  ModalityBranch(const ModelConfig& config, const std::string& name, const StreamShape& input);
  /// As the fusion sees it.
  nn::ModalityShape shape() const;
};

/// The branch's output for the rows in use; zero, and masked, elsewhere (see note in the source). Without a
/// row in use there is one masked token a row.
/// @param stream  null where the batch lacks the modality
/// @param used_B  bool
nn::EncoderOutput encode_used(const ModalityBranch& branch, const affect::ModalityBatch* stream,
                              const at::Tensor& used_B, const at::TensorOptions& options);

/// Reads the embeddings of one modality along the dialogues, where the branch has a context. Turns that lack
/// the modality are skipped, and stay zero.
at::Tensor apply_context(const ModalityBranch& branch, const nn::DialogueGrid& grid,
                         const at::Tensor& embedding_BD, const at::Tensor& used_B);

}  // namespace limbic::model
