#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "limbic/core/error.h"
#include "limbic/formats/safetensors.h"

// Any bytes are either a file whose tensors fit into it, or an Error(kModel). Everything else is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  limbic::formats::ReadOptions options;
  options.allow_nonfinite = true;
  try {
    const auto contents = limbic::formats::parse_safetensors(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz", options);
    size_t num_bytes = 0;
    for (const auto& [name, tensor] : contents.tensors) {
      num_bytes += tensor.nbytes();
      // Reads all of it, under AddressSanitizer.
      const auto* bytes = static_cast<const volatile uint8_t*>(tensor.data_ptr());
      for (size_t i = 0; i < tensor.nbytes(); ++i) (void)bytes[i];
    }
    if (num_bytes > size) std::abort();
  } catch (const limbic::Error& e) {
    if (e.code() != limbic::ErrorCode::kModel) std::abort();
  }
  return 0;
}
