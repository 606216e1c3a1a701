#include "fusion/fusion_cases.h"

namespace limbic::nn {

std::vector<FusionCase> embedding_fusion_cases() {
  std::vector<FusionCase> cases;
  for (const int64_t num_modalities : {1, 2, 3}) {
    const auto add = [&](const std::string& name, const FusionConfig& config,
                         const std::vector<std::string>& stopped_losses = {}) {
      cases.push_back(
          {name + std::to_string(num_modalities), config, fusion_modalities(num_modalities), stopped_losses});
    };
    ConcatFusionConfig concat;
    concat.hidden = {6, 5};
    add("Concat", concat);
    GatedFusionConfig gated;
    gated.width = 5;
    add("GatedSoftmax", gated);
    gated.gate = GateKind::kSigmoid;
    add("GatedSigmoid", gated);
    AttentionFusionConfig attention;
    attention.width = 6;
    attention.dropout = 0.0;
    add("Attention", attention);
    TensorFusionConfig tensor;
    tensor.width = 6;
    tensor.widths = {{"m0", 5}};
    tensor.hidden = 5;
    tensor.dropout = tensor.post_dropout = 0.0;
    add("Tensor", tensor);
    LowRankFusionConfig low_rank;
    low_rank.width = 8;
    low_rank.widths = {{"m0", 7}};
    low_rank.rank = 3;
    low_rank.out_width = 5;
    low_rank.dropout = 0.0;
    add("LowRank", low_rank);
    MisaFusionConfig misa;
    misa.width = 4;
    misa.transformer_hidden = 6;
    misa.transformer_dropout = misa.dropout = 0.0;
    add("Misa", misa, {"reconstruction"});
    MmimFusionConfig mmim;
    mmim.width = 5;
    mmim.dropout = 0.0;
    mmim.memory = 8;
    mmim.main = num_modalities == 3 ? "m1" : "";
    add("Mmim", mmim, {"likelihood", "bound"});
  }
  return cases;
}

}  // namespace limbic::nn
