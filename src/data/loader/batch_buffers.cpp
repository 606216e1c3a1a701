#include "loader/batch_buffers.h"

#include <ATen/ATen.h>

#include <cstdlib>
#include <mutex>
#include <new>

namespace limbic::data {

struct BatchBuffers::Pool {
  struct Buffer {
    void* data = nullptr;
    size_t num_bytes = 0;
  };
  std::mutex mutex;
  std::vector<Buffer> idle;
  size_t most_idle = 0;

  ~Pool() {
    for (const auto& buffer : idle) std::free(buffer.data);
  }

  /// The smallest that is large enough, but no more than four times too large.
  Buffer take(size_t num_bytes) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      auto best = idle.end();
      for (auto at = idle.begin(); at != idle.end(); ++at) {
        if (at->num_bytes >= num_bytes && at->num_bytes / 4 <= num_bytes &&
            (best == idle.end() || at->num_bytes < best->num_bytes)) {
          best = at;
        }
      }
      if (best != idle.end()) {
        const Buffer found = *best;
        idle.erase(best);
        return found;
      }
    }
    constexpr size_t kAlignment = 64;
    const size_t rounded = (num_bytes / kAlignment + 1) * kAlignment;
    Buffer made{std::aligned_alloc(kAlignment, rounded), rounded};
    if (made.data == nullptr) throw std::bad_alloc();
    return made;
  }

  void give(const Buffer& buffer) {
    Buffer oldest;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      idle.push_back(buffer);
      if (idle.size() <= most_idle) return;
      oldest = idle.front();
      idle.erase(idle.begin());
    }
    std::free(oldest.data);
  }
};

BatchBuffers::BatchBuffers(size_t most_idle) : pool_(std::make_shared<Pool>()) {
  pool_->most_idle = most_idle;
  pool_->idle.reserve(most_idle + 1);  // give() runs in destructors and must not fail
}

at::Tensor BatchBuffers::empty(const std::vector<int64_t>& shape, at::ScalarType type) {
  size_t num_bytes = at::elementSize(type);
  for (const int64_t n : shape) num_bytes *= static_cast<size_t>(n);
  const auto buffer = pool_->take(num_bytes);
  return at::from_blob(
      buffer.data, shape, [pool = pool_, buffer](void*) { pool->give(buffer); }, at::TensorOptions(type));
}

}  // namespace limbic::data
