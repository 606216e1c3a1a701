#include "images/residual_block.h"

#include <string>
#include <utility>

namespace limbic::nn {

void ResidualBlockImpl::reset() {
  branch_.clear();
  ConvOptions shortcut;
  shortcut.in_channels = options_.branch.front().in_channels;
  shortcut.out_channels = options_.branch.back().out_channels;
  const size_t num_dims = options_.branch.front().kernel.size();
  shortcut.kernel.assign(num_dims, 1);
  shortcut.stride.assign(num_dims, 1);
  for (const auto& conv : options_.branch) {
    const auto number = std::to_string(branch_.size() + 1);
    branch_.emplace_back(*this, "conv" + number, "norm" + number, conv);
    for (size_t d = 0; d < num_dims; ++d) shortcut.stride[d] *= conv.stride[d];
  }
  if (options_.squeeze_reduction > 0)
    gate_ = register_module("gate", ChannelGate(shortcut.out_channels, options_.squeeze_reduction));
  if (shortcut.stride != shortcut.kernel || shortcut.in_channels != shortcut.out_channels)
    shortcut_ = ConvNorm(*this, "shortcut", "shortcut_norm", std::move(shortcut));
}

at::Tensor ResidualBlockImpl::forward(const at::Tensor& x_NCHW) {
  auto y = x_NCHW;
  for (size_t i = 0; i < branch_.size(); ++i) {
    y = branch_[i](y);
    if (i + 1 < branch_.size()) y.relu_();
  }
  if (gate_) {
    const bool is_packed = y.is_mkldnn();
    y = gate_(unpacked(y));
    if (is_packed) y = y.to_mkldnn();
  }
  return add_shortcut(std::move(y), x_NCHW, nullptr).relu_();
}

at::Tensor ResidualBlockImpl::forward(const at::Tensor& x_BCTHW, FrameMask& mask) {
  auto y = x_BCTHW;
  for (size_t i = 0; i < branch_.size(); ++i) {
    mask = mask.reduced(options_.branch[i].stride[0]);
    y = branch_[i](y, &mask);
    // What a batch norm leaves in padded frames must not reach the next convolution over time.
    if (i + 1 < branch_.size()) y = mask.apply_BCT_(y).relu_();
  }
  return mask.apply_BCT_(add_shortcut(std::move(y), x_BCTHW, &mask)).relu_();
}

std::vector<ConvNorm*> ResidualBlockImpl::conv_norms() {
  std::vector<ConvNorm*> all;
  for (auto& conv_norm : branch_) all.push_back(&conv_norm);
  if (shortcut_) all.push_back(&shortcut_);
  return all;
}

at::Tensor ResidualBlockImpl::add_shortcut(at::Tensor y, const at::Tensor& x, const FrameMask* mask) {
  y = drop_path(y, options_.drop_path, is_training());
  const auto shortcut = shortcut_ ? shortcut_(x, mask) : x;
  if (y.is_mkldnn() == shortcut.is_mkldnn()) return y.add_(shortcut);
  // Weights of one of the two have changed since they were folded.
  return unpacked(y).add_(unpacked(shortcut));
}

}  // namespace limbic::nn
