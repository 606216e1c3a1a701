#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/bounds.h"

namespace limbic::nn {

/// Early fusion: the modalities' embeddings side by side, then an MLP. A learned vector stands in for an
/// absent one.
struct ConcatFusionConfig {
  static constexpr const char* kType = "concat";
  static constexpr const char* kDoc = "embeddings side by side, then an MLP (early fusion)";
  std::vector<int64_t> hidden;  ///< widths of the MLP's layers; empty = no MLP
  double dropout = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("hidden", hidden, "widths of the layers after concatenation; [] = none", config::at_least(1));
    v("dropout", dropout, "dropout after each of these layers, in [0, 1)", config::half_open(0, 1));
  }
};

}  // namespace limbic::nn
