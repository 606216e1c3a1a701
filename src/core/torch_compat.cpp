#include "limbic/core/torch_compat.h"

#include <ATen/Context.h>
#include <c10/core/Allocator.h>
#include <c10/core/Device.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/version.h>

#include <algorithm>
#include <mutex>

#include "limbic/core/error.h"

namespace limbic::core {
namespace {

int num_cuda_devices() {
  return at::globalContext().hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
}

}  // namespace

struct TensorMemoryWatch::Impl {
  /// What LibTorch tells of every allocation.
  class MemoryReport final : public c10::MemoryReportingInfoBase {
   public:
#if TORCH_VERSION_MAJOR >= 2
    using Total = size_t;
#else
    using Total = int64_t;
#endif
    void reportMemoryUsage(void* /*block*/, int64_t size, Total /*allocated*/, Total /*reserved*/,
                           c10::Device device) override {
      if (!device.is_cpu()) return;
      const std::lock_guard<std::mutex> lock(mutex_);
      live_bytes_ += size;
      peak_bytes_ = std::max(peak_bytes_, live_bytes_);
    }
    bool memoryProfilingEnabled() const override {
      return true;
    }
    int64_t peak_bytes() const {
      const std::lock_guard<std::mutex> lock(mutex_);
      return peak_bytes_;
    }

   private:
    mutable std::mutex mutex_;
    int64_t live_bytes_ = 0;
    int64_t peak_bytes_ = 0;
  };

  std::shared_ptr<MemoryReport> report = std::make_shared<MemoryReport>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, report};
};

TensorMemoryWatch::TensorMemoryWatch() : impl_(std::make_unique<Impl>()) {}
TensorMemoryWatch::~TensorMemoryWatch() = default;

int64_t TensorMemoryWatch::peak_bytes() const {
  return impl_->report->peak_bytes();
}

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
