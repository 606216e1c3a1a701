#pragma once
#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace limbic::nn {

/// A linear layer with Xavier-uniform weights (Glorot and Bengio 2010) and zero bias, as attention has them.
torch::nn::Linear make_xavier_linear(int64_t in_width, int64_t out_width, bool bias = true);

}  // namespace limbic::nn
