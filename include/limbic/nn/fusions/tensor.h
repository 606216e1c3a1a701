#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "limbic/config/bounds.h"

namespace limbic::nn {

/// Tensor fusion network (Zadeh et al. 2017): the outer product of all modalities, each with a 1 appended,
/// then two layers. Grows with the product of the widths.
struct TensorFusionConfig {
  static constexpr const char* kType = "tfn";
  static constexpr const char* kDoc = "outer product of the modalities (Zadeh et al. 2017)";
  int64_t width = 32;                     ///< of every modality's sub-network
  std::map<std::string, int64_t> widths;  ///< by modality, where it differs
  int64_t hidden = 64;
  double dropout = 0.2;
  double post_dropout = 0.2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of a modality's sub-network", config::at_least(1));
    v("widths", widths, "the same by modality, where it differs");
    v("hidden", hidden, "units of the two layers after the product", config::at_least(1));
    v("dropout", dropout, "dropout on the embeddings, in [0, 1)", config::half_open(0, 1));
    v("post_dropout", post_dropout, "dropout on the product, in [0, 1)", config::half_open(0, 1));
  }
};

/// Low-rank multimodal fusion (Liu et al. 2018): what TFN computes if the weights after its product have low
/// rank, at a cost that is linear in the number of modalities.
struct LowRankFusionConfig {
  static constexpr const char* kType = "lmf";
  static constexpr const char* kDoc = "low-rank form of the outer product (Liu et al. 2018)";
  int64_t width = 32;
  std::map<std::string, int64_t> widths;
  int64_t rank = 4;
  int64_t out_width = 64;
  double dropout = 0.2;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "units of a modality's sub-network", config::at_least(1));
    v("widths", widths, "the same by modality, where it differs");
    v("rank", rank, "rank of the weights", config::at_least(1));
    v("out_width", out_width, "units of the fused vector", config::at_least(1));
    v("dropout", dropout, "dropout on the embeddings, in [0, 1)", config::half_open(0, 1));
  }
};

}  // namespace limbic::nn
