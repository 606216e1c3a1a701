#pragma once
#include <cstdint>
#include <vector>

#include "limbic/eval/metrics.h"

namespace limbic::eval {

/// Predictions sorted once by the probability of each class, so that the area under the ROC curve of any
/// weighting of them takes one pass.
class RankedPredictions {
 public:
  RankedPredictions(const std::vector<Prediction>& predictions, int64_t num_classes);
  /// Mean over the classes that have weight on both sides; NaN without one.
  double auc(const std::vector<int64_t>& weights) const;

 private:
  /// One class against the rest: predictions by rising probability, and where runs of equal ones end.
  struct Order {
    std::vector<size_t> prediction;
    std::vector<bool> is_last_of_ties;
  };
  double auc_of(size_t class_idx, const std::vector<int64_t>& weights) const;

  std::vector<int64_t> truth_;
  std::vector<Order> orders_;
};

}  // namespace limbic::eval
