#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "limbic/config/bounds.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Embedding to class scores: dropout, optional hidden layer, linear.
struct HeadConfig {
  double dropout = 0.3;
  int64_t hidden = 0;  ///< units of a layer + ReLU + dropout before the last; 0 = none
  bool crf = false;    ///< see nn/crf.h

  template <class Visitor>
  void visit(Visitor& v) {
    v("dropout", dropout, "dropout on the input and on the hidden layer, in [0, 1)", config::half_open(0, 1));
    v("hidden", hidden, "units of a hidden layer; 0 = none", config::at_least(0));
    v("crf", crf, "classes of successive turns of a dialogue depend on each other (train with type: crf)");
  }
};

class Head {
 public:
  virtual ~Head() = default;
  /// (B, width) -> (B, num_classes)
  virtual at::Tensor logits(const at::Tensor& x_BD) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
std::shared_ptr<Head> build_head(const HeadConfig& config, int64_t width, int64_t num_classes);

}  // namespace limbic::nn
