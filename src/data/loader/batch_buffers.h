#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

namespace limbic::data {

/// Memory of batches, used again when the consumer has let a batch go: fresh memory costs a page fault every
/// 4 KiB, about as much as copying a batch into it. Thread-safe; tensors may outlive it.
class BatchBuffers {
 public:
  /// @param most_idle  buffers that are kept for later
  explicit BatchBuffers(size_t most_idle);
  /// Not initialised.
  at::Tensor empty(const std::vector<int64_t>& shape, at::ScalarType type);

 private:
  struct Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace limbic::data
