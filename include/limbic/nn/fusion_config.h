#pragma once
#include <variant>

#include "limbic/nn/fusions/dialogue.h"
#include "limbic/nn/fusions/embedding.h"
#include "limbic/nn/fusions/score.h"
#include "limbic/nn/fusions/tokens.h"

namespace limbic::nn {

/// `type:` picks one. Score fusion works on each task's class scores (score_fusion.h), all others on what the
/// encoders give (fusion.h).
using FusionConfig = std::variant<  //
    ConcatFusionConfig,             //
    ScoreFusionConfig,              //
    MultFusionConfig,               //
    MbtFusionConfig,                //
    PerceiverFusionConfig,          //
    PairwiseAttentionFusionConfig,  //
    MmgcnFusionConfig,              //
    M2fnetFusionConfig,             //
    SdtFusionConfig>;

}  // namespace limbic::nn
