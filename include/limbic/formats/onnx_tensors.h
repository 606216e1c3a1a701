#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limbic/formats/safetensors.h"

namespace limbic::formats {

/// What a file may ask for; beyond it is an error before memory is taken.
struct OnnxLimits {
  uint64_t max_file_bytes = UINT64_C(1) << 30;
  size_t max_tensors = 65536;
  size_t max_name_bytes = 1024;  ///< of a tensor's whole name, the path of its sub-graph included
  size_t max_depth = 16;         ///< sub-graphs inside sub-graphs
};

/// The constant tensors of an ONNX model as CPU tensors of their own: initializers, and what Constant nodes
/// hold. Nothing of the graph is run or kept. Names: an initializer has its own, a Constant that of its
/// output. Those inside a sub-graph (If, Loop, Scan) follow the node and attribute that hold it:
/// "If_0/then_branch/conv.weight"; a node without a name goes by its first output. Types: BOOL U8 I8 I16 I32
/// I64 F16 BF16 F32 F64; values may be NaN or Inf, as masks are. Sparse tensors, strings and data in other
/// files are refused. Any bytes give tensors or an Error(kModel) that says where: memory stays within a small
/// multiple of the file.
/// @throws Error(kModel)
TensorMap read_onnx_tensors(const std::string& path, const OnnxLimits& limits = {});
/// The same from memory; `name` stands for the path in errors.
TensorMap parse_onnx_tensors(std::string_view bytes, const std::string& name, const OnnxLimits& limits = {});

}  // namespace limbic::formats
