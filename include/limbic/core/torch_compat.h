#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace limbic::core {

// All differences between LibTorch versions (1.13 of Debian 12 to current) live in this header and its
// source.

/// Accelerators that LibTorch sees: "none (CPU only)", "cuda x1".
std::string accelerator_text();
/// @param device  "cpu", "cuda", "cuda:1". @throws Error(kResource) when it is not there
void require_device(const std::string& device);

/// Follows the memory of tensors on the CPU that this thread (and autograd for it) allocates while it lives.
class TensorMemoryWatch {
 public:
  TensorMemoryWatch();
  ~TensorMemoryWatch();
  TensorMemoryWatch(const TensorMemoryWatch&) = delete;
  TensorMemoryWatch& operator=(const TensorMemoryWatch&) = delete;
  /// The most bytes that were live at once, beyond what was live at the start.
  int64_t peak_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::core
