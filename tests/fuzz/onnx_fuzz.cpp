#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "limbic/core/error.h"
#include "limbic/formats/onnx_tensors.h"

// Any bytes are either tensors that fit into the file, or an Error(kModel). Everything else is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto tensors = limbic::formats::parse_onnx_tensors(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    size_t num_bytes = 0;
    for (const auto& [name, tensor] : tensors) {
      num_bytes += tensor.nbytes();
      const auto* bytes = static_cast<const volatile uint8_t*>(tensor.data_ptr());
      for (size_t i = 0; i < tensor.nbytes(); ++i) (void)bytes[i];
    }
    if (num_bytes > 8 * size) std::abort();
  } catch (const limbic::Error& e) {
    if (e.code() != limbic::ErrorCode::kModel) std::abort();
  }
  return 0;
}
