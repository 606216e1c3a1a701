#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace limbic::test {

/// The largest relative error between autograd's gradient of a scalar and central differences, over up to
/// `max_elements` elements, evenly spread, of each tensor. Tensors are double leaves that `loss` reads;
/// `loss` must not draw random numbers.
inline double gradient_error(const std::function<at::Tensor()>& loss, const std::vector<at::Tensor>& leaves,
                             double step = 1e-6, int64_t max_elements = 6) {
  for (const auto& leaf : leaves) {
    EXPECT_EQ(leaf.scalar_type(), at::kDouble);
    if (leaf.grad().defined()) leaf.grad().zero_();
  }
  loss().backward();
  std::vector<at::Tensor> gradients;
  for (const auto& leaf : leaves) {
    gradients.push_back(leaf.grad().defined() ? leaf.grad().clone() : at::zeros_like(leaf));
  }
  double worst = 0.0;
  at::NoGradGuard no_grad;
  for (size_t t = 0; t < leaves.size(); ++t) {
    EXPECT_TRUE(leaves[t].is_contiguous());
    auto* values = leaves[t].data_ptr<double>();
    const auto gradient = gradients[t].contiguous();
    const int64_t stride = std::max<int64_t>(1, leaves[t].numel() / max_elements);
    for (int64_t i = 0; i < leaves[t].numel(); i += stride) {
      const double kept = values[i];
      values[i] = kept + step;
      const double above = loss().item<double>();
      values[i] = kept - step;
      const double below = loss().item<double>();
      values[i] = kept;
      const double numeric = (above - below) / (2 * step);
      const double analytic = gradient.data_ptr<double>()[i];
      const double scale = std::max({std::abs(numeric), std::abs(analytic), 1e-3});
      worst = std::max(worst, std::abs(numeric - analytic) / scale);
    }
  }
  return worst;
}

}  // namespace limbic::test
