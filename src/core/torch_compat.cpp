#include "limbic/core/torch_compat.h"

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include "limbic/core/error.h"

namespace limbic::core {
namespace {

int num_cuda_devices() {
  return at::globalContext().hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
}

}  // namespace

std::string accelerator_text() {
  const int n = num_cuda_devices();
  return n == 0 ? "none (CPU only)" : "cuda x" + std::to_string(n);
}

void require_device(const std::string& device) {
  c10::Device parsed(c10::kCPU);
  try {
    parsed = c10::Device(device);
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kConfig, "'" + device + "' is no device; use cpu, cuda or cuda:N");
  }
  if (parsed.is_cpu()) return;
  const int n = num_cuda_devices();
  require(parsed.is_cuda() && parsed.index() < n, ErrorCode::kResource,
          "device '" + device + "' is not there (" + accelerator_text() + ")");
}

}  // namespace limbic::core
