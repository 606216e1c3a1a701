#include "limbic/objectives/contrastive_losses.h"

#include <ATen/ATen.h>

#include <limits>

#include "rows.h"
#include "unit_rows.h"

namespace limbic::objectives {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor diagonal_NN(int64_t size, const at::Tensor& like) {
  return at::eye(size, like.options().dtype(at::kBool).requires_grad(false));
}

}  // namespace

at::Tensor unit_rows(const at::Tensor& x_ND) {
  return x_ND / x_ND.norm(2, 1, /*keepdim=*/true).clamp_min(1e-8);
}

at::Tensor nt_xent_loss(const at::Tensor& a_ND, const at::Tensor& b_ND, const at::Tensor& queue_KD,
                        double temperature) {
  TORCH_CHECK(a_ND.sizes() == b_ND.sizes(), "views are ", a_ND.sizes(), " and ", b_ND.sizes());
  const int64_t num_rows = a_ND.size(0);
  if (num_rows == 0) return empty_loss(a_ND) + empty_loss(b_ND);
  const auto z = unit_rows(at::cat({a_ND, b_ND}));
  auto logits = (z.mm(z.t()) / temperature).masked_fill(diagonal_NN(2 * num_rows, z), kMinusInfinity);
  if (queue_KD.defined()) logits = at::cat({logits, z.mm(unit_rows(queue_KD).t()) / temperature}, 1);
  const auto rows = at::arange(2 * num_rows, z.options().dtype(at::kLong).requires_grad(false));
  return at::cross_entropy_loss(logits, (rows + num_rows).remainder(2 * num_rows));
}

at::Tensor queue_info_nce_loss(const at::Tensor& query_ND, const at::Tensor& key_ND,
                               const at::Tensor& queue_KD, double temperature) {
  TORCH_CHECK(query_ND.sizes() == key_ND.sizes(), "queries are ", query_ND.sizes(), ", keys ",
              key_ND.sizes());
  if (query_ND.size(0) == 0) return empty_loss(query_ND) + empty_loss(key_ND);
  const auto query = unit_rows(query_ND);
  const auto positive_N1 = (query * unit_rows(key_ND)).sum(1, /*keepdim=*/true);
  const auto logits = at::cat({positive_N1, query.mm(unit_rows(queue_KD).t())}, 1) / temperature;
  return -logits.log_softmax(1).select(1, 0).mean();
}

at::Tensor symmetric_info_nce_loss(const at::Tensor& a_ND, const at::Tensor& b_ND, const at::Tensor& scale) {
  TORCH_CHECK(a_ND.sizes() == b_ND.sizes(), "modalities are ", a_ND.sizes(), " and ", b_ND.sizes());
  if (a_ND.size(0) == 0) return empty_loss(a_ND) + empty_loss(b_ND);
  const auto logits = unit_rows(a_ND).mm(unit_rows(b_ND).t()) * scale;
  return -(logits.log_softmax(1).diagonal().mean() + logits.log_softmax(0).diagonal().mean()) / 2.0;
}

at::Tensor supervised_contrastive_loss(const at::Tensor& z_ND, const at::Tensor& label_N,
                                       const at::Tensor& weight_N, double temperature) {
  const int64_t num_rows = z_ND.size(0);
  if (num_rows < 2) return empty_loss(z_ND);
  const auto z = unit_rows(z_ND);
  const auto self = diagonal_NN(num_rows, z);
  const auto log_p_NN = (z.mm(z.t()) / temperature).masked_fill(self, kMinusInfinity).log_softmax(1);
  const auto is_positive_NN = (label_N.unsqueeze(1) == label_N.unsqueeze(0)).logical_and(self.logical_not());
  const auto num_positives_N = is_positive_NN.sum(1).to(z.scalar_type());
  const auto loss_N =
      -log_p_NN.masked_fill(is_positive_NN.logical_not(), 0.0).sum(1) / num_positives_N.clamp_min(1.0);
  auto counts_N = (num_positives_N > 0).to(z.scalar_type());
  if (weight_N.defined()) counts_N = counts_N * weight_N.to(z.scalar_type());
  return (loss_N * counts_N).sum() / counts_N.sum().clamp_min(1e-12);
}

}  // namespace limbic::objectives
