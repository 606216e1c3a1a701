#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limbic/eval/clustering.h"
#include "limbic/train/evaluate_run.h"

namespace limbic::train {

/// What is done to the numbers before they are clustered.
enum class SpaceScale {
  kNone,      ///< as the model made them
  kStandard,  ///< every dimension to mean 0 and deviation 1
  kUnit,      ///< every point to length 1: angles count
};
constexpr auto enum_names(SpaceScale) {
  return std::array<std::pair<SpaceScale, const char*>, 3>{
      {{SpaceScale::kNone, "none"}, {SpaceScale::kStandard, "standard"}, {SpaceScale::kUnit, "unit"}}};
}

struct ClusterRunOptions {
  EvaluateOptions part;             ///< its ontology and coarser scores are not used
  std::vector<std::string> spaces;  ///< "fused" and modalities; empty = all there are
  bool of_features = false;         ///< the inputs pooled over time in place of embeddings
  std::optional<SpaceScale> scale;  ///< absent: standard of features, none of embeddings
  int64_t num_components = 50;      ///< principal components kept of spaces of more dimensions; 0 = all
  std::optional<int64_t> k;       ///< absent: as many as the first task has classes; 0: chosen, see cluster()
  eval::ClusterOptions clusters;  ///< its k is not used
  std::vector<std::string> against;  ///< tasks, subject, corpus, session, split or attributes; empty: the
                                     ///< tasks, subject and corpus
  std::string map;                   ///< .svg or .png, beside map.svg of the results; empty = none
  bool is_tsne = true;               ///< the map: t-SNE, else the first two principal components
  int64_t map_points = 1500;         ///< drawn at random where there are more
};

/// Clusters the embeddings of one part of a store, says how far the clusters are emotions and how far they
/// are people, and writes RUN/eval/<part>/clusters/ (features: clusters_features/) whole or not at all:
/// clusters.json, assignments.csv, embeddings.npz (ids, and by space the points and their rows) and map.svg
/// of the first space.
/// @throws Error(kModel, kData, kConfig, kResource)
EvaluateReport cluster_run(const std::string& run, const ClusterRunOptions& options);

}  // namespace limbic::train
