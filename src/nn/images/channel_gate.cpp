#include "images/channel_gate.h"

#include <algorithm>

namespace limbic::nn {

void ChannelGateImpl::reset() {
  const int64_t hidden = std::max<int64_t>(1, channels_ / reduction_);
  const auto linear = [&](int64_t in, int64_t out) {
    return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias_));
  };
  squeeze_ = register_module("squeeze", linear(channels_, hidden));
  excite_ = register_module("excite", linear(hidden, channels_));
}

at::Tensor ChannelGateImpl::forward(const at::Tensor& x_NCHW) {
  const auto gate_NC = excite_(squeeze_(x_NCHW.mean({2, 3})).relu_()).sigmoid_();
  return x_NCHW * gate_NC.unsqueeze(2).unsqueeze(3);
}

}  // namespace limbic::nn
