#include "limbic/nn/fusion.h"

#include "fusion/build.h"
#include "limbic/core/error.h"

namespace limbic::nn {

std::shared_ptr<Fusion> build(const ScoreFusionConfig& /*config*/,
                              const std::vector<ModalityShape>& /*modalities*/) {
  throw Error(ErrorCode::kConfig, "fusion 'score' combines class scores, not embeddings: build_score_fusion");
}

std::shared_ptr<Fusion> build_fusion(const FusionConfig& config,
                                     const std::vector<ModalityShape>& modalities) {
  return std::visit([&](const auto& chosen) { return build(chosen, modalities); }, config);
}

}  // namespace limbic::nn
