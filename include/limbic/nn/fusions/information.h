#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::nn {

/// MISA (Hazarika et al. 2020): a private and a shared vector per modality, a transformer layer over all of
/// them. Losses: `difference` keeps private from shared, `similarity` (CMD) draws the shared ones together,
/// `reconstruction` keeps what both hold. Of batch statistics, so small batches make them noisy. Unlike the
/// authors' code, the difference is scaled to their batch and width, so its weight holds for others; its
/// gradient goes through the vectors' lengths, and that of the reconstruction not into its target; the
/// transformer layer has its norms first.
struct MisaFusionConfig {
  static constexpr const char* kType = "misa";
  static constexpr const char* kDoc = "private and shared vectors per modality (Hazarika et al. 2020)";
  int64_t width = 128;
  int64_t heads = 2;
  int64_t transformer_hidden = 2048;
  double transformer_dropout = 0.1;
  double dropout = 0.5;
  double difference_weight = 0.3;
  double similarity_weight = 1.0;
  double reconstruction_weight = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of every private and shared vector", config::at_least(1));
    v("heads", heads, "attention heads; must divide width", config::at_least(1));
    v("transformer_hidden", transformer_hidden, "units of its feed-forward layer", config::at_least(1));
    v("transformer_dropout", transformer_dropout, "dropout in it, in [0, 1)", config::half_open(0, 1));
    v("dropout", dropout, "dropout of the fused vector, in [0, 1)", config::half_open(0, 1));
    v("difference_weight", difference_weight, "factor of the orthogonality loss", config::at_least(0));
    v("similarity_weight", similarity_weight, "factor of the CMD loss", config::at_least(0));
    v("reconstruction_weight", reconstruction_weight, "factor of its loss", config::at_least(0));
  }
};

/// Multimodal InfoMax (Han et al. 2021): two layers over the concatenation, with losses that keep mutual
/// information: between a main modality and each other (`likelihood`, `bound`, `entropy`), and between the
/// fused vector and each modality (`contrast`).
struct MmimFusionConfig {
  static constexpr const char* kType = "mmim";
  static constexpr const char* kDoc = "mutual information between modalities and fusion (Han et al. 2021)";
  int64_t width = 128;
  double dropout = 0.1;
  double alpha = 0.1;
  double beta = 0.1;
  int64_t memory = 32;
  std::string main;  ///< empty = text, or the first modality

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of the fused vector", config::at_least(1));
    v("dropout", dropout, "dropout on the embeddings, in [0, 1)", config::half_open(0, 1));
    v("alpha", alpha, "factor of the contrastive loss", config::at_least(0));
    v("beta", beta, "factor of the bounds between modalities", config::at_least(0));
    v("memory", memory, "earlier samples in the estimate of the classes' entropy", config::at_least(1));
    v("main", main, "modality that the others are tied to; empty = text, or the first");
  }
};

}  // namespace limbic::nn
