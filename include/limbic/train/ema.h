#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::train {

/// Exponential moving average of the weights (Polyak averaging); the averaged model is what is evaluated and
/// kept.
struct EmaConfig {
  double decay = 0.0;  ///< per step; 0 switches averaging off

  template <class Visitor>
  void visit(Visitor& v) {
    v("decay", decay, "per-step decay of the averaged weights; 0 = off", config::half_open(0.0, 1.0));
  }
};

/// Shadow copies of parameters and floating-point buffers by name; other buffers are copied.
class Ema {
 public:
  using State = std::map<std::string, at::Tensor>;
  /// @param weights  live tensors of the model (not copies): update() reads them
  Ema(const EmaConfig& config, State weights);

  bool is_on() const { return config_.decay > 0; }
  /// After step n (1-based): decay_n = min(decay, (1 + n) / (10 + n)), so that the start is forgotten
  /// quickly.
  void update(int64_t num_steps);
  /// The averaged weights; the live ones when averaging is off.
  const State& weights() const { return is_on() ? shadow_ : live_; }
  /// Exchanges live and averaged values, bit for bit: call before and after an evaluation.
  void swap();
  /// Replaces the shadow. @throws Error(kModel) on other names, shapes or types
  void load(const State& shadow);

 private:
  EmaConfig config_;
  State live_;
  State shadow_;
};

}  // namespace limbic::train
