#pragma once
// Layers over one sequence (N, D) of real tokens, straight from the papers' formulas: no masks, no batches.
#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "limbic/nn/state.h"

namespace limbic::nn::test_support {

class NaiveLayers {
 public:
  explicit NaiveLayers(const torch::nn::Module& module) : state_(state_of(module)) {}

  const at::Tensor& get(const std::string& name) const { return state_.at(name); }
  at::Tensor linear(const at::Tensor& x_ND, const std::string& name) const {
    const auto y = x_ND.matmul(get(name + ".weight").t());
    const auto bias = state_.find(name + ".bias");
    return bias == state_.end() ? y : y + bias->second;
  }
  at::Tensor norm(const at::Tensor& x_ND, const std::string& name, double epsilon = 1e-5) const {
    const auto off = x_ND - x_ND.mean(1, /*keepdim=*/true);
    const auto variance = (off * off).mean(1, /*keepdim=*/true);
    return off / (variance + epsilon).sqrt() * get(name + ".weight") + get(name + ".bias");
  }
  /// Without keys: the output projection of zeros.
  at::Tensor attention(const at::Tensor& query_QD, const at::Tensor& key_TD, const at::Tensor& value_TD,
                       const std::string& name, int64_t heads, bool is_causal = false) const {
    const auto q = linear(query_QD, name + ".query");
    const auto k = linear(key_TD, name + ".key");
    const auto v = linear(value_TD, name + ".value");
    const int64_t width = q.size(1) / heads;
    auto context = at::zeros_like(q);
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < q.size(0); ++i) {
        const int64_t num_keys = is_causal ? i + 1 : k.size(0);
        if (num_keys == 0) continue;
        const auto mine = q[i].narrow(0, h * width, width);
        const auto theirs = k.narrow(0, 0, num_keys).narrow(1, h * width, width);
        const auto weight = (theirs.matmul(mine) / std::sqrt(static_cast<double>(width))).exp();
        const auto values = v.narrow(0, 0, num_keys).narrow(1, h * width, width);
        context[i].narrow(0, h * width, width).copy_((weight / weight.sum()).matmul(values));
      }
    }
    return linear(context, name + ".out");
  }
  at::Tensor feed_forward(const at::Tensor& x_ND, const std::string& name, bool is_relu) const {
    const auto hidden = linear(x_ND, name + ".linear1");
    return linear(is_relu ? at::relu(hidden) : at::gelu(hidden), name + ".linear2");
  }
  /// A pre-norm block. @param memory  null = x itself
  at::Tensor block(const at::Tensor& x_ND, const at::Tensor* memory, const std::string& name, int64_t heads,
                   bool is_relu, bool is_causal = false) const {
    const auto query = norm(x_ND, name + ".norm1");
    const bool has_own_norm = state_.count(name + ".memory_norm.weight") > 0;
    const auto key =
        memory == nullptr ? query : norm(*memory, name + (has_own_norm ? ".memory_norm" : ".norm1"));
    const auto h = x_ND + attention(query, key, key, name + ".attention", heads, is_causal);
    return h + feed_forward(norm(h, name + ".norm2"), name, is_relu);
  }

 private:
  State state_;
};

/// Sines, then cosines of position / 10000^(2 i / width).
inline at::Tensor naive_positions(const std::vector<int64_t>& positions, int64_t width) {
  auto table = at::zeros({static_cast<int64_t>(positions.size()), width}, at::kDouble);
  for (size_t n = 0; n < positions.size(); ++n) {
    for (int64_t i = 0; i < width / 2; ++i) {
      const double angle = static_cast<double>(positions[n]) /
                           std::pow(10000.0, 2.0 * static_cast<double>(i) / static_cast<double>(width));
      table[static_cast<int64_t>(n)][i] = std::sin(angle);
      table[static_cast<int64_t>(n)][width / 2 + i] = std::cos(angle);
    }
  }
  return table;
}
inline at::Tensor naive_positions(int64_t num_tokens, int64_t width) {
  std::vector<int64_t> positions;
  for (int64_t n = 0; n < num_tokens; ++n) positions.push_back(n);
  return naive_positions(positions, width);
}

}  // namespace limbic::nn::test_support
