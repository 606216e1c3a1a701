#pragma once
#include <array>
#include <string>
#include <utility>

#include "limbic/config/bounds.h"
#include "limbic/objectives/projection_config.h"
#include "limbic/objectives/supervised_config.h"

namespace limbic::objectives {

/// Which triplets of a batch count.
enum class TripletMining {
  kAll,   ///< every anchor, positive and negative
  kHard,  ///< an anchor's farthest positive and nearest negative (Hermans et al. 2017)
};
constexpr auto enum_names(TripletMining) {
  return std::array<std::pair<TripletMining, const char*>, 2>{
      {{TripletMining::kAll, "all"}, {TripletMining::kHard, "hard"}}};
}

/// What M2FNet (Chudasama et al. 2022) trains its extractors with: 20 * adaptive-margin triplet loss + 5 *
/// covariance + 1 * variance of the embeddings.
struct AdaptiveMarginTripletConfig {
  static constexpr const char* kType = "adaptive_margin_triplet";
  static constexpr const char* kDoc = "M2FNet's loss of extractors: triplets, covariance, variance";
  std::string task;  ///< empty = the only task there is
  std::string modality = "fused";
  double weight = 1.0;
  LabelLevel level = LabelLevel::kAny;
  double triplet = 20.0;
  double covariance = 5.0;
  double variance = 1.0;
  TripletMining mining = TripletMining::kAll;
  bool margin_gradient = false;
  ProjectionConfig projection{1, 0, 300, true};

  template <class Visitor>
  void visit(Visitor& v) {
    v("task", task, "task whose classes count; empty = the only one");
    v("modality", modality, "whose embeddings: a modality, fused, or each (every modality by itself)");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("level", level, "which labels: any, full (somebody's) or weak (made by rules and sensors)");
    v("triplet", triplet, "factor of the triplet loss", config::at_least(0));
    v("covariance", covariance, "factor of the covariances between dimensions", config::at_least(0));
    v("variance", variance, "factor of the hinge on each dimension's standard deviation",
      config::at_least(0));
    v("mining", mining, "triplets of a batch: all, or hard");
    v("margin_gradient", margin_gradient, "differentiate the margin, too; see triplet_loss.h");
    v("projection", projection, "M2FNet: one linear layer to 300");
  }
};

}  // namespace limbic::objectives
