#pragma once
#include <ATen/core/Tensor.h>

#include "limbic/affect/label_space.h"
#include "limbic/nn/head.h"

namespace limbic::nn {

/// Scores to values of a continuous task, and their variances.
class ValueRange {
 public:
  /// @throws Error(kConfig) for a bound without a range
  ValueRange(const HeadConfig& config, const affect::LabelSpace& task);
  /// Values, and variances where the head has them.
  int64_t num_scores() const { return has_variance_ ? 2 * num_values_ : num_values_; }
  /// (..., num_scores()) -> value_BC and log_variance_BC of (..., C)
  HeadReading read(const at::Tensor& scores) const;

 private:
  OutputBound bound_;
  bool has_variance_;
  int64_t num_values_;
  double centre_ = 0.0;
  double unit_ = 1.0;
};

}  // namespace limbic::nn
