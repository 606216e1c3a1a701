#pragma once
#include <cstdint>

#include "limbic/config/bounds.h"

namespace limbic::objectives {

/// Maps an embedding to the space where objectives compare; thrown away after training. Linear, batch norm
/// and ReLU, then a last linear layer: SimCLR's head (Chen et al. 2020) has two layers, VICReg's expander
/// three. Without batch norm in the last layer.
struct ProjectionConfig {
  int64_t layers = 2;
  int64_t hidden = 0;
  int64_t width = 128;
  bool batch_norm = true;

  template <class Visitor>
  void visit(Visitor& v) {
    v("layers", layers, "linear layers; 0 = the embedding itself", config::in_range(0, 8));
    v("hidden", hidden, "units of all layers but the last; 0 = as many as the embedding has",
      config::at_least(0));
    v("width", width, "units of the last layer", config::at_least(1));
    v("batch_norm", batch_norm, "batch norm after all layers but the last");
  }
};

}  // namespace limbic::objectives
