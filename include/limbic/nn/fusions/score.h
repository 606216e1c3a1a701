#pragma once
#include <array>
#include <utility>

namespace limbic::nn {

/// How late fusion weighs the modalities that are present.
enum class ScoreWeights {
  kMean,
  kLearned,  ///< one weight per modality and task, softmax over those present
  kProduct,  ///< product of experts (Hinton 2002): log-probabilities are added, not averaged
};
constexpr auto enum_names(ScoreWeights) {
  return std::array<std::pair<ScoreWeights, const char*>, 3>{{{ScoreWeights::kMean, "mean"},
                                                              {ScoreWeights::kLearned, "learned"},
                                                              {ScoreWeights::kProduct, "product"}}};
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
  static constexpr const char* kDoc = "a head per modality, their class scores combined (late fusion)";
  ScoreWeights weights = ScoreWeights::kMean;
  ScoreSpace space = ScoreSpace::kProbability;

  template <class Visitor>
  void visit(Visitor& v) {
    v("weights", weights,
      "mean, learned: a convex weight per modality and task, or product: normalised product of the "
      "probabilities (space has no effect)");
    v("space", space, "average probabilities (the fused logits are their logarithms) or logits");
  }
};

}  // namespace limbic::nn
