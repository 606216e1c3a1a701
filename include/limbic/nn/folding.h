#pragma once
#include <cstdint>

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Prepares a trained module for inference: every convolution that a batch norm follows gets weights with
/// that norm in them, laid out as the machine's convolution likes them. They are used only in evaluation mode
/// without gradients, beside the parameters, which stay as they are: the module's state, training and copies
/// are not affected. Weights that change afterwards are noticed, and used, unfolded until the next call.
/// @return number of convolutions folded
int64_t fold_normalization(torch::nn::Module& module);

}  // namespace limbic::nn
