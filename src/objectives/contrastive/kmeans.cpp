#include "kmeans.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "unit_rows.h"

namespace limbic::objectives {
namespace {

at::Tensor squared_distances(const at::Tensor& x_ND, const at::Tensor& centre_KD) {
  return (x_ND.square().sum(1, /*keepdim=*/true) - 2.0 * x_ND.mm(centre_KD.t()) + centre_KD.square().sum(1))
      .clamp_min(0.0);
}

/// Each further seed is drawn with a chance proportional to its squared distance from the nearest so far.
at::Tensor seeds(const at::Tensor& x_ND, int64_t clusters) {
  const auto first = at::randint(x_ND.size(0), {1}, at::kLong).to(x_ND.device());
  auto centre_KD = x_ND.index_select(0, first);
  auto nearest_N = squared_distances(x_ND, centre_KD).squeeze(1);
  while (centre_KD.size(0) < clusters) {
    // Where all rows are seeds already, any row.
    const auto chance_N = nearest_N + 1e-12;
    const auto next = x_ND.index_select(0, chance_N.multinomial(1));
    centre_KD = at::cat({centre_KD, next});
    nearest_N = at::minimum(nearest_N, squared_distances(x_ND, next).squeeze(1));
  }
  return centre_KD;
}

}  // namespace

KMeans kmeans(const at::Tensor& x_ND, int64_t clusters, int64_t iterations) {
  TORCH_CHECK(x_ND.dim() == 2 && x_ND.size(0) >= clusters, clusters, " clusters of ", x_ND.sizes());
  at::NoGradGuard no_grad;
  KMeans result;
  result.centre_KD = seeds(x_ND, clusters);
  for (int64_t i = 0; i < iterations; ++i) {
    const auto label_N = squared_distances(x_ND, result.centre_KD).argmin(1);
    const auto count_K = at::bincount(label_N, {}, clusters).to(x_ND.scalar_type());
    const auto sum_KD = at::zeros_like(result.centre_KD).index_add_(0, label_N, x_ND);
    const auto is_empty_K = count_K == 0;
    const bool has_empty = is_empty_K.any().item<bool>();
    if (!has_empty && result.label_N.defined() && label_N.equal(result.label_N)) break;
    result.label_N = label_N;
    result.centre_KD = sum_KD / count_K.clamp_min(1.0).unsqueeze(1);
    if (!has_empty) continue;
    const auto member_N = (label_N == count_K.argmax()).nonzero().squeeze(1);
    const auto chosen_K = at::randint(member_N.size(0), {clusters}, member_N.options());
    const auto row_KD = x_ND.index_select(0, member_N.index_select(0, chosen_K));
    result.centre_KD = at::where(is_empty_K.unsqueeze(1), row_KD, result.centre_KD);
  }
  result.label_N = squared_distances(x_ND, result.centre_KD).argmin(1);
  return result;
}

at::Tensor whitened_rows(const at::Tensor& x_ND, int64_t components) {
  at::NoGradGuard no_grad;
  const auto centred = x_ND - x_ND.mean(0, /*keepdim=*/true);
  const auto covariance_DD = centred.t().mm(centred).to(at::kDouble) / static_cast<double>(x_ND.size(0));
  // Ascending.
  const auto spectrum = at::linalg_eigh(covariance_DD);
  const auto value_D = std::get<0>(spectrum);
  const int64_t width = x_ND.size(1);
  const int64_t kept = std::min(components, width);
  const auto scale = (value_D.clamp_min(0.0) + 1e-8 * value_D.max().clamp_min(1e-12)).rsqrt();
  const auto map = (std::get<1>(spectrum) * scale).slice(1, width - kept).flip({1});
  return unit_rows(centred.mm(map.to(x_ND.scalar_type())));
}

}  // namespace limbic::objectives
