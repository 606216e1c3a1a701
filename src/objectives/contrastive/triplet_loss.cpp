#include "limbic/objectives/triplet_loss.h"

#include <ATen/ATen.h>

#include "rows.h"
#include "unit_rows.h"

namespace limbic::objectives {
namespace {

at::Tensor triplet_terms(const at::Tensor& d_ap, const at::Tensor& d_an, const at::Tensor& d_pn,
                         bool margin_gradient) {
  auto margin = 2.0 + 2.0 * (-4.0 * d_ap).exp() + 2.0 * (4.0 * d_an - 4.0).exp();
  if (!margin_gradient) margin = margin.detach();
  return d_ap - (d_an + d_pn) / 2.0 + margin;
}

}  // namespace

at::Tensor adaptive_margin_triplet_loss(const at::Tensor& z_ND, const at::Tensor& label_N,
                                        TripletMining mining, bool margin_gradient) {
  const int64_t num_rows = z_ND.size(0);
  if (num_rows < 3) return empty_loss(z_ND);
  const auto z = unit_rows(z_ND);
  // Half the distance of unit vectors; kept off 0, where the root's slope is infinite.
  const auto distance_NN = (2.0 - 2.0 * z.mm(z.t())).clamp_min(1e-12).sqrt() / 2.0;
  const auto is_same_NN = label_N.unsqueeze(1) == label_N.unsqueeze(0);
  const auto is_self_NN = at::eye(num_rows, label_N.options().dtype(at::kBool));
  const auto is_positive_NN = is_same_NN.logical_and(is_self_NN.logical_not());
  const auto is_negative_NN = is_same_NN.logical_not();
  if (mining == TripletMining::kAll) {
    const auto counts_NNN = is_positive_NN.unsqueeze(2).logical_and(is_negative_NN.unsqueeze(1));
    const auto loss_NNN = triplet_terms(distance_NN.unsqueeze(2), distance_NN.unsqueeze(1),
                                        distance_NN.unsqueeze(0), margin_gradient);
    const auto count = counts_NNN.sum().to(z.scalar_type()).clamp_min(1.0);
    return loss_NNN.masked_fill(counts_NNN.logical_not(), 0.0).sum() / count;
  }
  const auto fixed_NN = distance_NN.detach();
  const auto positive_N = fixed_NN.masked_fill(is_positive_NN.logical_not(), -1.0).argmax(1);
  const auto negative_N = fixed_NN.masked_fill(is_negative_NN.logical_not(), 2.0).argmin(1);
  const auto counts_N = is_positive_NN.any(1).logical_and(is_negative_NN.any(1));
  const auto at_columns = [&](const at::Tensor& column_N) {
    return distance_NN.gather(1, column_N.unsqueeze(1)).squeeze(1);
  };
  const auto d_pn = distance_NN.index_select(0, positive_N).gather(1, negative_N.unsqueeze(1)).squeeze(1);
  const auto loss_N = triplet_terms(at_columns(positive_N), at_columns(negative_N), d_pn, margin_gradient);
  const auto count = counts_N.sum().to(z.scalar_type()).clamp_min(1.0);
  return loss_N.masked_fill(counts_N.logical_not(), 0.0).sum() / count;
}

}  // namespace limbic::objectives
