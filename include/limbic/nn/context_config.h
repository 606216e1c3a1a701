#pragma once
#include <cstdint>
#include <variant>

#include "limbic/config/bounds.h"
#include "limbic/nn/temporal_config.h"

namespace limbic::nn {

/// A sequence model over the turns of a conversation; with an LSTM it is bc-LSTM (Poria et al. 2017).
struct SequenceContextConfig {
  static constexpr const char* kType = "sequence";
  TemporalConfig layer;

  template <class Visitor>
  void visit(Visitor& v) {
    v("layer", layer, "what reads the turns");
  }
};

/// `type:` picks one.
using ContextConfig = std::variant<SequenceContextConfig>;

}  // namespace limbic::nn
