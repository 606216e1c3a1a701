#pragma once
#include <ATen/core/Tensor.h>

namespace limbic::objectives {

/// Rows scaled to length 1; a row of zeros stays.
at::Tensor unit_rows(const at::Tensor& x_ND);

}  // namespace limbic::objectives
