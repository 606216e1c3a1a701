#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/objectives/objective_sum.h"

namespace limbic::objectives {

/// The weights that the objectives state.
struct FixedBalance {
  static constexpr const char* kType = "fixed";
  static constexpr const char* kDoc = "the objectives' own weights";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

/// sum_i exp(-s_i) L_i + s_i / 2, with s_i learned: homoscedastic uncertainty of each objective (Kendall,
/// Gal & Cipolla 2018), on top of the objectives' own weights.
struct UncertaintyBalance {
  static constexpr const char* kType = "uncertainty";
  static constexpr const char* kDoc = "learned uncertainty of each objective (Kendall et al. 2018)";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

/// Weights w_i, of sum n, such that every objective's gradient of the shared parameters has the size
/// (mean size) * (relative inverse training rate)^alpha (GradNorm, Chen et al. 2018). An objective counts
/// from the first step on in which it has a loss.
struct GradNormBalance {
  static constexpr const char* kType = "gradnorm";
  static constexpr const char* kDoc = "gradients of like size, slower objectives larger (Chen et al. 2018)";
  double alpha = 1.5;
  double lr = 0.025;

  template <class Visitor>
  void visit(Visitor& v) {
    v("alpha", alpha, "how strongly slower objectives are preferred", config::at_least(0));
    v("lr", lr, "learning rate of the weights", config::above(0));
  }
};

/// An objective's gradient loses its part that points against another's (PCGrad, Yu et al. 2020); the order
/// is drawn anew every step.
struct PcGradBalance {
  static constexpr const char* kType = "pcgrad";
  static constexpr const char* kDoc = "conflicting gradients are projected (Yu et al. 2020)";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

using BalanceConfig = std::variant<FixedBalance, UncertaintyBalance, GradNormBalance, PcGradBalance>;

/// How the losses of a step become gradients.
class LossBalance {
 public:
  virtual ~LossBalance() = default;
  /// Puts gradients on the parameters, unless the sum of the losses is not finite.
  /// @param loss        at least one part
  /// @param parameters  all that is trained, but this balance's own; by name: "heads..." are not shared
  /// @return the plain sum of the losses
  virtual double backward(const StepLoss& loss,
                          const std::vector<std::pair<std::string, at::Tensor>>& parameters) = 0;
  /// Own parameters and buffers, see Objective::as_module.
  virtual std::shared_ptr<torch::nn::Module> as_module() { return nullptr; }
  /// What it multiplies each part by now; empty where there is no such number.
  virtual std::vector<double> weights() const { return {}; }
};

/// @param num_objectives  parts of a StepLoss; one more comes when the model adds losses itself
std::unique_ptr<LossBalance> build_loss_balance(const BalanceConfig& config, int64_t num_objectives);

}  // namespace limbic::objectives
