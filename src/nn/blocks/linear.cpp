#include "blocks/linear.h"

#include <torch/nn/init.h>

namespace limbic::nn {

torch::nn::Linear make_xavier_linear(int64_t in_width, int64_t out_width, bool bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in_width, out_width).bias(bias));
  torch::nn::init::xavier_uniform_(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

}  // namespace limbic::nn
