#pragma once
#include <cstdint>

namespace limbic::eval {

inline double squared_distance(const double* a, const double* b, int64_t num_dims) {
  double sum = 0.0;
  for (int64_t d = 0; d < num_dims; ++d) {
    const double difference = a[d] - b[d];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace limbic::eval
