#pragma once
#include "blocks/layers.h"

namespace limbic::nn {

/// Channel gates from the image's mean (squeeze and excitation, Hu et al. 2018).
class ChannelGateImpl final : public torch::nn::Cloneable<ChannelGateImpl> {
 public:
  ChannelGateImpl(int64_t channels, int64_t reduction, bool bias = true)
      : channels_(channels), reduction_(reduction), bias_(bias) {
    reset();
  }
  void reset() override;
  at::Tensor forward(const at::Tensor& x_NCHW);

 private:
  int64_t channels_;
  int64_t reduction_;
  bool bias_;
  torch::nn::Linear squeeze_{nullptr}, excite_{nullptr};
};
TORCH_MODULE(ChannelGate);

}  // namespace limbic::nn
