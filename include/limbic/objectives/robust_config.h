#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::objectives {

/// Cross-entropy as it is: with label smoothing and a focal term.
struct PlainCrossEntropy {
  static constexpr const char* kType = "none";
  static constexpr const char* kDoc = "cross-entropy as it is";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

/// (1 - p_y^q) / q: between cross-entropy (q -> 0) and the mean absolute error (q = 1).
struct GeneralizedCrossEntropy {
  static constexpr const char* kType = "generalized_ce";
  static constexpr const char* kDoc = "(1 - p^q) / q (Zhang & Sabuncu 2018)";
  double q = 0.7;

  template <class Visitor>
  void visit(Visitor& v) {
    v("q", q, "towards 0 it becomes cross-entropy, 1 = mean absolute error", config::half_open_below(0, 1));
  }
};

/// alpha * cross-entropy + beta * reverse cross-entropy, whose log 0 is log_zero.
struct SymmetricCrossEntropy {
  static constexpr const char* kType = "symmetric_ce";
  static constexpr const char* kDoc = "cross-entropy and its reverse (Wang et al. 2019)";
  double alpha = 0.1;
  double beta = 1.0;
  double log_zero = -4.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("alpha", alpha, "factor of the cross-entropy", config::at_least(0));
    v("beta", beta, "factor of the reverse cross-entropy", config::at_least(0));
    v("log_zero", log_zero, "what the logarithm of a label's 0 counts as", config::at_most(0));
  }
};

/// The label is beta * label + (1 - beta) * the model's probabilities.
struct SoftBootstrap {
  static constexpr const char* kType = "bootstrap_soft";
  static constexpr const char* kDoc = "label mixed with the model's probabilities (Reed et al. 2015)";
  double beta = 0.95;

  template <class Visitor>
  void visit(Visitor& v) {
    v("beta", beta, "share of the label", config::in_range(0, 1));
  }
};

/// The label is beta * label + (1 - beta) * the model's best class.
struct HardBootstrap {
  static constexpr const char* kType = "bootstrap_hard";
  static constexpr const char* kDoc = "label mixed with the model's best class (Reed et al. 2015)";
  double beta = 0.8;

  template <class Visitor>
  void visit(Visitor& v) {
    v("beta", beta, "share of the label", config::in_range(0, 1));
  }
};

/// The model's probabilities go through what is known of the noise before they are compared with the label.
struct ForwardCorrection {
  static constexpr const char* kType = "forward";
  static constexpr const char* kDoc = "forward correction by the noise's transitions (Patrini et al. 2017)";
  double noise_rate = 0.0;
  std::vector<std::vector<double>> transition;

  template <class Visitor>
  void visit(Visitor& v) {
    v("noise_rate", noise_rate,
      "symmetric noise: chance that a label is another one than the true class, all of them alike",
      config::half_open(0, 1));
    v("transition", transition,
      "instead of noise_rate: row per true class, chance of each class in the labels; rows sum to 1",
      config::in_range(0, 1));
  }
  void validate(config::Checks& checks) const;
};

using RobustConfig = std::variant<PlainCrossEntropy, GeneralizedCrossEntropy, SymmetricCrossEntropy,
                                  SoftBootstrap, HardBootstrap, ForwardCorrection>;

}  // namespace limbic::objectives
