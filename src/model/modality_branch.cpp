#include "modality_branch.h"

#include <ATen/ATen.h>

#include <utility>

#include "part_scope.h"

namespace limbic::model {
namespace {

nn::EncoderOutput encode(const ModalityBranch& branch, const at::Tensor& x, const at::Tensor& mask_BT) {
  nn::EncoderOutput encoded;
  {
    const PartScope scope("encoders", branch.modality);
    encoded = branch.encoder->encode(x, mask_BT);
  }
  if (branch.temporal == nullptr) return encoded;
  const PartScope scope("temporal", branch.modality);
  return branch.temporal->apply(std::move(encoded));
}

}  // namespace

ModalityBranch::ModalityBranch(const ModelConfig& config, const std::string& name, const StreamShape& input)
    : modality(name), encoder(nn::build_encoder(config.encoders.at(name), input)) {
  const auto found = config.temporal.find(name);
  if (found != config.temporal.end())
    temporal = nn::build_token_temporal(found->second, encoder->token_width());
  if (nn::has_context(config.modality_context)) {
    const int64_t width = temporal != nullptr ? temporal->width() : encoder->width();
    context = nn::build_context(config.modality_context, width);
  }
}

nn::ModalityShape ModalityBranch::shape() const {
  nn::ModalityShape shape{modality, encoder->width(), encoder->token_width()};
  if (temporal != nullptr) {
    shape.width = temporal->width();
    shape.token_width = temporal->token_width();
  }
  if (context != nullptr) shape.width = context->width();
  return shape;
}

// Note [Absent modalities]
// A sample's row reaches an encoder only when the modality is used: present, with at least one real frame,
// and not hidden by modality dropout. Rows are gathered before the encoder and scattered into zeros after it,
// so absent rows cost nothing, stay out of batch norms and cannot influence a result through NaN either.
nn::EncoderOutput encode_used(const ModalityBranch& branch, const affect::ModalityBatch* stream,
                              const at::Tensor& used_B, const at::TensorOptions& options) {
  const int64_t batch_size = used_B.size(0);
  const auto num_used = used_B.sum().item<int64_t>();
  if (num_used == 0) {
    const auto shape = branch.temporal != nullptr ? branch.temporal->width() : branch.encoder->width();
    nn::EncoderOutput nothing;
    nothing.tokens_BTD = at::zeros({batch_size, 1, branch.shape().token_width}, options);
    nothing.mask_BT = at::zeros({batch_size, 1}, options.dtype(at::kBool));
    nothing.embedding_BD = at::zeros({batch_size, shape}, options);
    return nothing;
  }
  if (num_used == batch_size) return encode(branch, stream->x, stream->mask_BT);
  const auto index_N = used_B.nonzero().squeeze(1);
  auto encoded = encode(branch, stream->x.index_select(0, index_N), stream->mask_BT.index_select(0, index_N));
  const auto scatter = [&](const at::Tensor& rows) {
    auto shape = rows.sizes().vec();
    shape[0] = batch_size;
    return at::zeros(shape, rows.options().requires_grad(false)).index_copy(0, index_N, rows);
  };
  encoded.tokens_BTD = scatter(encoded.tokens_BTD);
  encoded.mask_BT = scatter(encoded.mask_BT);
  encoded.embedding_BD = scatter(encoded.embedding_BD);
  return encoded;
}

at::Tensor apply_context(const ModalityBranch& branch, const nn::DialogueGrid& grid,
                         const at::Tensor& embedding_BD, const at::Tensor& used_B) {
  const PartScope scope("modality_context", branch.modality);
  auto of_modality = grid;
  of_modality.mask_DU = grid.to_grid(used_B);
  return grid.to_rows(branch.context->forward(grid.to_grid(embedding_BD), of_modality));
}

}  // namespace limbic::model
