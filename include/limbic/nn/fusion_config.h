#pragma once
#include <variant>

#include "limbic/nn/fusions/dialogue.h"
#include "limbic/nn/fusions/embedding.h"
#include "limbic/nn/fusions/information.h"
#include "limbic/nn/fusions/score.h"
#include "limbic/nn/fusions/tensor.h"
#include "limbic/nn/fusions/tokens.h"

namespace limbic::nn {

/// `type:` picks one. Score fusion works on each task's class scores (score_fusion.h), all others on what the
/// encoders give (fusion.h).
// clang-format off
using FusionConfig = std::variant<
    ConcatFusionConfig,
    ScoreFusionConfig,
    GatedFusionConfig,
    AttentionFusionConfig,
    TensorFusionConfig,
    LowRankFusionConfig,
    MisaFusionConfig,
    MmimFusionConfig,
    MultFusionConfig,
    MbtFusionConfig,
    PerceiverFusionConfig,
    PairwiseAttentionFusionConfig,
    MmgcnFusionConfig,
    M2fnetFusionConfig,
    SdtFusionConfig>;
// clang-format on

}  // namespace limbic::nn
