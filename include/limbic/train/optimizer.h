#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"

namespace limbic::train {

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).
struct AdamWConfig {
  static constexpr const char* kType = "adamw";
  static constexpr const char* kDoc = "Adam with decoupled weight decay (Loshchilov & Hutter 2019)";
  double lr = 1e-3;            ///< peak learning rate; the schedule multiplies it
  double weight_decay = 0.01;  ///< per unit of learning rate; not on biases and norm weights
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;

  template <class Visitor>
  void visit(Visitor& v) {
    v("lr", lr, "peak learning rate", config::above(0.0));
    v("weight_decay", weight_decay, "decoupled decay; biases and norm weights are exempt",
      config::at_least(0.0));
    v("beta1", beta1, "decay of the mean of gradients", config::half_open(0.0, 1.0));
    v("beta2", beta2, "decay of the mean of squared gradients", config::half_open(0.0, 1.0));
    v("eps", eps, "added to the root of the second moment", config::above(0.0));
  }
};

/// Stochastic gradient descent with (Nesterov) momentum and decoupled weight decay.
struct SgdConfig {
  static constexpr const char* kType = "sgd";
  static constexpr const char* kDoc = "stochastic gradient descent with momentum";
  double lr = 0.05;
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 5e-4;

  template <class Visitor>
  void visit(Visitor& v) {
    v("lr", lr, "peak learning rate", config::above(0.0));
    v("momentum", momentum, "decay of the velocity", config::half_open(0.0, 1.0));
    v("nesterov", nesterov, "look ahead along the velocity");
    v("weight_decay", weight_decay, "decoupled decay; biases and norm weights are exempt",
      config::at_least(0.0));
  }
};

using OptimizerConfig = std::variant<AdamWConfig, SgdConfig>;

/// Updates named parameters in place. Its whole state is tensors by name, so that a resumed run is the same
/// run: torch's own optimizers restore by position and forget their options (reliability notes §2 a2).
class Optimizer {
 public:
  using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
  virtual ~Optimizer() = default;

  /// One update from the parameters' gradients; a parameter without one is left alone.
  /// @param lr_scale  the schedule's multiple of the configured learning rate
  virtual void step(double lr_scale) = 0;
  virtual double lr() const = 0;  ///< configured peak

  /// Copies of the state: `<slot>.<parameter>` float32 and `num_steps` int64 scalar.
  virtual std::map<std::string, at::Tensor> state() const = 0;
  /// @throws Error(kModel), naming the tensor, before anything has changed
  virtual void load_state(const std::map<std::string, at::Tensor>& state) = 0;

  /// Frees the gradients.
  virtual void zero_grad() = 0;
};

std::unique_ptr<Optimizer> build_optimizer(const OptimizerConfig& config, Optimizer::NamedTensors parameters);

/// Scales gradients so that their joint 2-norm is at most `max_norm` (0 = never scales).
/// @return the norm before scaling; not finite when any gradient is not, and then nothing is scaled
double clip_gradients(const Optimizer::NamedTensors& parameters, double max_norm);

}  // namespace limbic::train
