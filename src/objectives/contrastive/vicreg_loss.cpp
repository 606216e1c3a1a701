#include "limbic/objectives/vicreg_loss.h"

#include <ATen/ATen.h>

#include "rows.h"

namespace limbic::objectives {

at::Tensor variance_loss(const at::Tensor& z_ND) {
  if (z_ND.size(0) < 2) return empty_loss(z_ND);
  return (1.0 - (z_ND.var(0, /*unbiased=*/true) + 1e-4).sqrt()).relu().mean();
}

at::Tensor covariance_loss(const at::Tensor& z_ND) {
  if (z_ND.size(0) < 2) return empty_loss(z_ND);
  const auto centred = z_ND - z_ND.mean(0, /*keepdim=*/true);
  const auto covariance_DD = centred.t().mm(centred) / static_cast<double>(z_ND.size(0) - 1);
  const auto diagonal_D = covariance_DD.diagonal();
  return (covariance_DD.square().sum() - diagonal_D.square().sum()) / static_cast<double>(z_ND.size(1));
}

VicregParts vicreg_parts(const at::Tensor& a_ND, const at::Tensor& b_ND) {
  TORCH_CHECK(a_ND.sizes() == b_ND.sizes(), "views are ", a_ND.sizes(), " and ", b_ND.sizes());
  const auto difference =
      a_ND.size(0) < 2 ? empty_loss(a_ND) + empty_loss(b_ND) : (a_ND - b_ND).square().mean();
  return {difference, variance_loss(a_ND) + variance_loss(b_ND),
          covariance_loss(a_ND) + covariance_loss(b_ND)};
}

}  // namespace limbic::objectives
