#pragma once
#include <variant>

#include "limbic/nn/fusions/embedding.h"
#include "limbic/nn/fusions/score.h"

namespace limbic::nn {

/// `type:` picks one. Score fusion works on each task's class scores (score_fusion.h), all others on what the
/// encoders give (fusion.h).
using FusionConfig = std::variant<ConcatFusionConfig, ScoreFusionConfig>;

}  // namespace limbic::nn
