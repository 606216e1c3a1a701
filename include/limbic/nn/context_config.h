#pragma once
#include <cstdint>
#include <variant>

#include "limbic/config/bounds.h"
#include "limbic/nn/temporal_config.h"

namespace limbic::nn {

/// Every turn by itself.
struct NoContextConfig {
  static constexpr const char* kType = "none";
  static constexpr const char* kDoc = "every turn by itself";

  template <class Visitor>
  void visit(Visitor& /*v*/) {}
};

/// A sequence model over the turns of a conversation; with an LSTM it is bc-LSTM (Poria et al. 2017).
struct SequenceContextConfig {
  static constexpr const char* kType = "sequence";
  static constexpr const char* kDoc =
      "a temporal layer over the turns; with an LSTM: bc-LSTM (Poria et al. 2017)";
  TemporalConfig layer;

  template <class Visitor>
  void visit(Visitor& v) {
    v("layer", layer, "what reads the turns");
  }
};

/// `type:` picks one.
using ContextConfig = std::variant<NoContextConfig, SequenceContextConfig>;

inline bool has_context(const ContextConfig& config) {
  return !std::holds_alternative<NoContextConfig>(config);
}

}  // namespace limbic::nn
