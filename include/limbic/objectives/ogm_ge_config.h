#pragma once
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::objectives {

/// Slows down the encoder of the modality that already does better (OGM-GE, Peng et al. 2022). It adds no
/// loss: it scales gradients by what the modalities' own heads say, so these need a loss of their own
/// (supervised.auxiliary_weight). Of more than two modalities, each is compared with the mean of the others.
struct OgmGeConfig {
  static constexpr const char* kType = "ogm_ge";
  static constexpr const char* kDoc = "the leading modality's encoder learns slower (Peng et al. 2022)";
  std::string task;  ///< empty = the only task there is
  double alpha = 0.1;
  bool noise = true;
  double start = 0.0;
  double end = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose scores say who leads; empty = the only one");
    v("alpha", alpha, "how strongly: k = 1 - tanh(alpha * ratio)", config::at_least(0));
    v("noise", noise,
      "GE: normal noise of the gradient's own size on the weights of all modalities before fusion");
    v("start", start, "share of the training from which on it works", config::in_range(0, 1));
    v("end", end, "share of the training up to which it works", config::in_range(0, 1));
  }
  void validate(config::Checks& checks) const {
    checks.expect(start < end, "end", "must be larger than start");
  }
};

}  // namespace limbic::objectives
