#include "fusion/fusion_cases.h"

namespace limbic::nn {

std::vector<FusionCase> dialogue_fusion_cases() {
  std::vector<FusionCase> cases;
  for (const bool is_causal : {false, true}) {
    const std::string suffix = is_causal ? "Causal" : "";
    PairwiseAttentionFusionConfig pairwise;
    pairwise.width = 3;
    pairwise.dropout = 0.0;
    pairwise.causal = is_causal;
    cases.push_back({"PairwiseAttention" + suffix, pairwise, fusion_modalities(3)});
    MmgcnFusionConfig mmgcn;
    mmgcn.width = 4;
    mmgcn.layers = 2;
    mmgcn.max_speakers = 2;
    mmgcn.dropout = 0.0;
    mmgcn.causal = is_causal;
    cases.push_back({"Mmgcn" + suffix, mmgcn, fusion_modalities(3)});
    M2fnetFusionConfig m2fnet;
    m2fnet.main = "m1";
    m2fnet.width = 4;
    m2fnet.heads = 2;
    m2fnet.hidden = 5;
    m2fnet.encoders = 1;
    m2fnet.fusion_layers = 2;
    m2fnet.dropout = 0.0;
    m2fnet.causal = is_causal;
    cases.push_back({"M2fnet" + suffix, m2fnet, fusion_modalities(is_causal ? 2 : 3)});
    SdtFusionConfig sdt;
    sdt.width = 4;
    sdt.heads = 2;
    sdt.layers = 1;
    sdt.max_speakers = 2;
    sdt.dropout = 0.0;
    sdt.causal = is_causal;
    cases.push_back({"Sdt" + suffix, sdt, fusion_modalities(2)});
  }
  return cases;
}

}  // namespace limbic::nn
