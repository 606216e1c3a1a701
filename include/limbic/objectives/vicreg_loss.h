#pragma once
#include <ATen/core/Tensor.h>

namespace limbic::objectives {

// The parts of VICReg (Bardes et al. 2022) of a batch of N embeddings; every row counts. Fewer than two rows
// give zero with gradient.

/// mean_d max(0, 1 - sqrt(var(z_d) + 1e-4)), the variance over rows with 1 / (N - 1).
at::Tensor variance_loss(const at::Tensor& z_ND);

/// sum_{d != e} cov(z)_de^2 / D, the covariance over rows with 1 / (N - 1).
at::Tensor covariance_loss(const at::Tensor& z_ND);

/// lambda * mean (a - b)^2 + mu * (v(a) + v(b)) + nu * (c(a) + c(b)), as the paper has it; its code halves
/// mu's part.
struct VicregParts {
  at::Tensor invariance;  ///< mean squared difference
  at::Tensor variance;    ///< v(a) + v(b)
  at::Tensor covariance;  ///< c(a) + c(b)
};
VicregParts vicreg_parts(const at::Tensor& a_ND, const at::Tensor& b_ND);

}  // namespace limbic::objectives
