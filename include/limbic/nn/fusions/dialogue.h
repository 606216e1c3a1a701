#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::nn {

/// Bi-modal attention over the turns of a conversation or video (MMMU-BA, Ghosal et al. 2018): for each
/// ordered pair, the turns of one modality look for theirs in the other, and what they find multiplies them;
/// joined with the modalities themselves. Give it contextual turns: a dialogue context per modality.
struct PairwiseAttentionFusionConfig {
  static constexpr const char* kType = "pairwise_attention";
  static constexpr const char* kDoc = "bi-modal attention over turns (MMMU-BA, Ghosal et al. 2018)";
  int64_t width = 100;  ///< every modality through linear + tanh to this
  double dropout = 0.3;
  bool causal = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units that every modality is mapped to (linear + tanh)", config::at_least(1));
    v("dropout", dropout, "dropout of the mapped turns, in [0, 1)", config::half_open(0, 1));
    v("causal", causal, "a turn sees earlier turns only");
  }
};

/// MMGCN (Hu et al. 2021): turn by modality is a node; edges to all turns of the modality and to the turn's
/// other modalities, weighed by angular similarity; deep spectral convolution in the form of GCNII (Chen et
/// al. 2020).
struct MmgcnFusionConfig {
  static constexpr const char* kType = "mmgcn";
  static constexpr const char* kDoc = "graph over turns and modalities (MMGCN, Hu et al. 2021)";
  int64_t width = 200;
  int64_t layers = 4;
  int64_t max_speakers = 9;  ///< later ones of a conversation share the last embedding
  bool speakers = true;
  double initial_share = 0.1;  ///< alpha: of the first layer's input in every layer's
  double decay = 0.5;          ///< lambda: layer l trusts its weights by log(lambda / l + 1)
  double cross_weight = 0.7;   ///< gamma: of edges between modalities
  double dropout = 0.4;
  bool causal = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of a node", config::at_least(1));
    v("layers", layers, "graph convolutions", config::at_least(1));
    v("speakers", speakers, "add an embedding of the speaker to every node");
    v("max_speakers", max_speakers, "speakers with an embedding of their own, by order of appearance",
      config::at_least(1));
    v("initial_share", initial_share, "alpha: share of the first layer's input in every layer's, in [0, 1]",
      config::in_range(0, 1));
    v("decay", decay, "lambda: layer l trusts its weights by log(lambda / l + 1)", config::above(0));
    v("cross_weight", cross_weight, "gamma: weight of edges between modalities", config::at_least(0));
    v("dropout", dropout, "dropout of the layers' inputs, in [0, 1)", config::half_open(0, 1));
    v("causal", causal, "edges from earlier turns only");
  }
};

/// M2FNet (Chudasama et al. 2022): transformer encoders over the turns of each modality, then layers in which
/// the main modality is read (queries and values) by keys of the others.
struct M2fnetFusionConfig {
  static constexpr const char* kType = "m2fnet";
  static constexpr const char* kDoc =
      "the main modality read by keys of the others (M2FNet, Chudasama et al. 2022)";
  std::string main;     ///< modality; empty = the first
  int64_t width = 256;  ///< D of every modality and of the result
  int64_t heads = 8;
  int64_t encoders = 1;  ///< transformer encoders of a modality, each with a skip around it
  int64_t fusion_layers = 5;
  int64_t hidden = 1024;  ///< units of the transformers' inner layer
  double dropout = 0.4;
  bool causal = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("main", main, "modality that asks and is read; empty = the first");
    v("width", width, "units of every turn; a multiple of heads", config::at_least(1));
    v("heads", heads, "attention heads", config::at_least(1));
    v("encoders", encoders, "transformer encoders of each modality", config::at_least(0));
    v("fusion_layers", fusion_layers, "fusion attention layers", config::at_least(1));
    v("hidden", hidden, "units of the transformers' inner layer", config::at_least(1));
    v("dropout", dropout, "dropout in [0, 1)", config::half_open(0, 1));
    v("causal", causal, "a turn sees earlier turns only");
  }
  void validate(config::Checks& checks) const {
    checks.expect(width % heads == 0, "width", "must be a multiple of heads");
  }
};

/// SDT (Ma et al. 2023): transformers within and between modalities over the turns, with positions and
/// speakers, and gates on two levels. FusionOutput::embedding_BD holds each modality's own representation,
/// for its classifier and for the objective self_distillation.
struct SdtFusionConfig {
  static constexpr const char* kType = "sdt";
  static constexpr const char* kDoc =
      "transformers within and between modalities, gates on two levels (SDT, Ma et al. 2023)";
  int64_t width = 1024;
  int64_t heads = 8;
  int64_t layers = 1;  ///< of each transformer
  bool speakers = true;
  int64_t max_speakers = 9;  ///< later ones of a conversation share the last embedding
  double dropout = 0.5;
  bool causal = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of every turn; a multiple of heads, even", config::at_least(2));
    v("heads", heads, "attention heads", config::at_least(1));
    v("layers", layers, "layers of each transformer", config::at_least(1));
    v("speakers", speakers, "add an embedding of the speaker to every turn");
    v("max_speakers", max_speakers, "speakers with an embedding of their own, by order of appearance",
      config::at_least(1));
    v("dropout", dropout, "dropout in [0, 1)", config::half_open(0, 1));
    v("causal", causal, "a turn sees earlier turns only");
  }
  void validate(config::Checks& checks) const {
    checks.expect(width % heads == 0, "width", "must be a multiple of heads");
    checks.expect(width % 2 == 0, "width", "must be even");
  }
};

}  // namespace limbic::nn
