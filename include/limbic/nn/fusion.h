#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Early fusion: the modalities' embeddings side by side, then an MLP. A learned vector stands in for an
/// absent one.
struct ConcatFusionConfig {
  static constexpr const char* kType = "concat";
  std::vector<int64_t> hidden;  ///< widths of the MLP's layers; empty = no MLP
  double dropout = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("hidden", hidden, "widths of the layers after concatenation; [] = none", config::at_least(1));
    v("dropout", dropout, "dropout after each of these layers, in [0, 1)", config::half_open(0, 1));
  }
};

/// How late fusion weighs the modalities that are present.
enum class ScoreWeights {
  kMean,
  kLearned,  ///< one weight per modality and task, softmax over those present
};
constexpr auto enum_names(ScoreWeights) {
  return std::array<std::pair<ScoreWeights, const char*>, 2>{
      {{ScoreWeights::kMean, "mean"}, {ScoreWeights::kLearned, "learned"}}};
}

/// What late fusion averages.
enum class ScoreSpace { kProbability, kLogit };
constexpr auto enum_names(ScoreSpace) {
  return std::array<std::pair<ScoreSpace, const char*>, 2>{
      {{ScoreSpace::kProbability, "probability"}, {ScoreSpace::kLogit, "logit"}}};
}

/// Late fusion: a head per modality, and a convex combination of their scores over the modalities present.
struct ScoreFusionConfig {
  static constexpr const char* kType = "score";
  ScoreWeights weights = ScoreWeights::kMean;
  ScoreSpace space = ScoreSpace::kProbability;

  template <class Visitor>
  void visit(Visitor& v) {
    v("weights", weights, "mean, or learned: a convex weight per modality and task");
    v("space", space, "average probabilities (the fused logits are their logarithms) or logits");
  }
};

/// `type:` picks one.
using FusionConfig = std::variant<ConcatFusionConfig, ScoreFusionConfig>;

/// Early fusion as a module.
class EmbeddingFusion {
 public:
  virtual ~EmbeddingFusion() = default;
  /// @param embedding_BD  one per modality, in the order of the widths at building
  /// @param present_BM    bool, true = the modality counts; what an absent one holds has no influence
  /// @return (B, width); constant where nothing is present
  virtual at::Tensor fuse(const std::vector<at::Tensor>& embedding_BD, const at::Tensor& present_BM) = 0;
  virtual int64_t width() const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
std::shared_ptr<EmbeddingFusion> build_embedding_fusion(const ConcatFusionConfig& config,
                                                        const std::vector<int64_t>& widths);

/// Late fusion of one task as a module.
class ScoreFusion {
 public:
  virtual ~ScoreFusion() = default;
  /// @param logits_BC   one per modality
  /// @param present_BM  bool, true = the modality counts; what an absent one holds has no influence
  /// @return (B, C); a learned constant (uniform at first) where nothing is present
  virtual at::Tensor fuse(const std::vector<at::Tensor>& logits_BC, const at::Tensor& present_BM) = 0;
  /// (B, M), rows sum to 1; 0 where absent, all 0 where nothing is present.
  virtual at::Tensor weights_BM(const at::Tensor& present_BM) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
std::shared_ptr<ScoreFusion> build_score_fusion(const ScoreFusionConfig& config, int64_t num_modalities,
                                                int64_t num_classes);

}  // namespace limbic::nn
