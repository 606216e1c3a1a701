#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Tensors by dotted name: "encoders.audio.layers.0.conv1.weight".
using State = std::map<std::string, at::Tensor>;

/// Parameters and buffers by name. The tensors share the module's memory; clone them to keep a moment.
State state_of(const torch::nn::Module& module);
/// Copies `state` into the module's parameters and buffers. Names, shapes and types must all fit (torch::load
/// accepts other shapes silently); on a mismatch the module is unchanged.
/// @throws Error(kModel) that lists the first mismatches: name, have, want
void load_state(torch::nn::Module& module, const State& state);
/// Elements of all parameters (buffers not counted).
int64_t num_parameters(const torch::nn::Module& module);

}  // namespace limbic::nn
