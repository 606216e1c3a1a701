#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "limbic/affect/batch.h"
#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Co-teaching (Han et al. 2018) against wrong labels: two models with different initial weights, and each
/// learns of a batch what the other finds easy. Takes the place of `supervised` for its task; both full and
/// weak labels take part. The peer is trained beside the model and left behind after training.
struct CoTeachingConfig {
  static constexpr const char* kType = "co_teaching";
  static constexpr const char* kDoc = "two models pick clean labels for each other (Han et al. 2018)";
  std::string task;  ///< empty = the only task there is
  double weight = 1.0;
  double forget_rate = 0.2;
  double gradual_share = 0.05;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose labels are learned; empty = the only one");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("forget_rate", forget_rate, "tau: share of the labels that is left out; about that of wrong labels",
      config::half_open(0, 1));
    v("gradual_share", gradual_share,
      "share of training over which the left out share rises from 0; published: 10 of 200 epochs",
      config::in_range(0, 1));
  }
  /// R = 1 - tau * min(progress / gradual_share, 1): the share of the labels that are kept.
  double keep_rate(double progress) const;
};

/// -sum_c target_c log softmax(logits)_c of each row; zero where the label is unknown.
/// @param targets  y_B, mask_B, soft_BC
at::Tensor row_cross_entropy(const at::Tensor& logits_BC, const affect::Targets& targets);

/// The rows of least loss: floor(rate * known rows) of them, one at least; equal losses in their order.
/// @param known_B  bool; the other rows are never taken and do not count
/// @return bool (B,)
at::Tensor small_loss_rows(const at::Tensor& loss_B, const at::Tensor& known_B, double rate);

}  // namespace limbic::objectives
