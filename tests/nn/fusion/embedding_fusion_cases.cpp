#include "fusion/fusion_cases.h"

namespace limbic::nn {

std::vector<FusionCase> embedding_fusion_cases() {
  std::vector<FusionCase> cases;
  for (const int64_t num_modalities : {1, 2, 3}) {
    const auto shapes = fusion_modalities(num_modalities);
    const auto add = [&](const std::string& name, const FusionConfig& config) {
      cases.push_back({name + std::to_string(num_modalities), config, shapes});
    };
    ConcatFusionConfig concat;
    concat.hidden = {6, 5};
    add("Concat", concat);
  }
  return cases;
}

}  // namespace limbic::nn
