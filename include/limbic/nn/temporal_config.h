#pragma once
#include <cstdint>
#include <variant>

#include "limbic/config/bounds.h"

namespace limbic::nn {

/// Gated recurrent units (Cho et al. 2014), stacked.
struct GruTemporalConfig {
  static constexpr const char* kType = "gru";
  static constexpr const char* kDoc = "gated recurrent units (Cho et al. 2014)";
  int64_t hidden = 64;  ///< units of one direction
  int64_t layers = 1;
  bool bidirectional = true;  ///< false = causal
  double dropout = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("hidden", hidden, "units of one direction", config::at_least(1));
    v("layers", layers, "stacked layers", config::at_least(1));
    v("bidirectional", bidirectional, "also read backwards; false = causal");
    v("dropout", dropout, "dropout between layers, in [0, 1)", config::half_open(0, 1));
  }
};

/// `type:` picks one.
using TemporalConfig = std::variant<GruTemporalConfig>;

}  // namespace limbic::nn
