#pragma once
#include <vector>

#include "blocks/conv_norm.h"
#include "blocks/layers.h"
#include "images/channel_gate.h"

namespace limbic::nn {

/// Convolutions with their batch norms, ReLU between them, plus a shortcut, ReLU: over (N, C, H, W), or over
/// (B, C, T, H, W) with a mask over frames. The submodules are conv1, norm1, conv2, norm2, ..., gate,
/// shortcut and shortcut_norm.
class ResidualBlockImpl final : public torch::nn::Cloneable<ResidualBlockImpl>, public HasConvNorms {
 public:
  struct Options {
    std::vector<ConvOptions> branch;
    int64_t squeeze_reduction = 0;  ///< 0 = no gate; for (N, C, H, W) alone
    double drop_path = 0.0;
  };
  explicit ResidualBlockImpl(Options options) : options_(std::move(options)) { reset(); }
  void reset() override;
  at::Tensor forward(const at::Tensor& x_NCHW);
  /// @param mask  of x, which is zero at padded frames; becomes that of the result
  at::Tensor forward(const at::Tensor& x_BCTHW, FrameMask& mask);
  std::vector<ConvNorm*> conv_norms() override;

 private:
  at::Tensor add_shortcut(at::Tensor y, const at::Tensor& x, const FrameMask* mask);

  Options options_;
  std::vector<ConvNorm> branch_;
  ConvNorm shortcut_;
  ChannelGate gate_{nullptr};
};
TORCH_MODULE(ResidualBlock);

}  // namespace limbic::nn
