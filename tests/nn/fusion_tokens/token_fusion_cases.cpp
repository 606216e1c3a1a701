#include "fusion/fusion_cases.h"

namespace limbic::nn {

std::vector<FusionCase> token_fusion_cases() {
  std::vector<FusionCase> cases;
  for (const auto over : {FusionTokens::kFrames, FusionTokens::kTurns}) {
    const std::string suffix = over == FusionTokens::kFrames ? "OverFrames" : "OverTurns";
    MultFusionConfig mult;
    mult.over = over;
    mult.width = 4;
    mult.heads = 2;
    mult.layers = 1;
    mult.kernel = 3;
    mult.dropout = mult.embedding_dropout = 0.0;
    cases.push_back({"Mult" + suffix, mult, fusion_modalities(2)});
    MbtFusionConfig mbt;
    mbt.over = over;
    mbt.width = 4;
    mbt.heads = 2;
    mbt.hidden = 3;
    mbt.layers = 2;
    mbt.fusion_layer = 1;
    mbt.bottlenecks = 2;
    mbt.drop_path = 0.0;
    cases.push_back({"Mbt" + suffix, mbt, fusion_modalities(2)});
    PerceiverFusionConfig perceiver;
    perceiver.over = over;
    perceiver.width = 4;
    perceiver.heads = 2;
    perceiver.hidden = 3;
    perceiver.layers = 1;
    perceiver.latents = 3;
    perceiver.dropout = 0.0;
    cases.push_back({"Perceiver" + suffix, perceiver, fusion_modalities(3)});
  }
  return cases;
}

}  // namespace limbic::nn
