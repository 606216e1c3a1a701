#pragma once
#include <array>
#include <cstdint>
#include <utility>
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

/// How the gates of one unit of a gated fusion relate to each other.
enum class GateKind {
  kSoftmax,  ///< gates of a unit sum to 1 over the modalities present; with two that is the published unit
  kSigmoid,  ///< gates independent of each other: the paper's form for more than two
};
constexpr auto enum_names(GateKind) {
  return std::array<std::pair<GateKind, const char*>, 2>{
      {{GateKind::kSoftmax, "softmax"}, {GateKind::kSigmoid, "sigmoid"}}};
}

/// Gated multimodal unit (Arevalo et al. 2017): each unit of the fused vector is a gated sum of tanh layers
/// of the embeddings, the gates from all embeddings at once.
struct GatedFusionConfig {
  static constexpr const char* kType = "gated";
  static constexpr const char* kDoc = "gated multimodal unit (Arevalo et al. 2017)";
  int64_t width = 128;
  GateKind gate = GateKind::kSoftmax;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of the fused vector", config::at_least(1));
    v("gate", gate, "softmax: a unit's gates sum to 1 over the modalities present, or sigmoid: independent");
  }
};

/// MERBench's attention (Lian et al. 2024): a network per modality, and one over all of them that weighs
/// them.
struct AttentionFusionConfig {
  static constexpr const char* kType = "attention";
  static constexpr const char* kDoc =
      "weighted sum with weights from all modalities (MERBench, Lian et al. 2024)";
  int64_t width = 128;
  double dropout = 0.3;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of every layer and of the fused vector", config::at_least(1));
    v("dropout", dropout, "dropout on every network's input, in [0, 1)", config::half_open(0, 1));
  }
};

}  // namespace limbic::nn
