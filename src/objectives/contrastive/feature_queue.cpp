#include "feature_queue.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "unit_rows.h"

namespace limbic::objectives {

FeatureQueue::FeatureQueue(int64_t capacity, int64_t width)
    : vector_KD_(register_buffer("vector", unit_rows(at::randn({capacity, width})))),
      next_(register_buffer("next", at::zeros({}, at::kLong))) {}

void FeatureQueue::push(const at::Tensor& x_ND) {
  at::NoGradGuard no_grad;
  const int64_t capacity = vector_KD_.size(0);
  const int64_t count = std::min(x_ND.size(0), capacity);
  const auto rows = x_ND.detach().slice(0, x_ND.size(0) - count).to(vector_KD_.scalar_type());
  const auto place_N = (at::arange(count, next_.options()) + next_).remainder(capacity);
  vector_KD_.index_copy_(0, place_N, unit_rows(rows));
  next_.copy_((next_ + count).remainder(capacity));
}

}  // namespace limbic::objectives
