#pragma once
#include <cstdint>
#include <vector>

namespace limbic::eval {

/// How far clusters and known classes are the same partition, as sklearn.metrics has it. Only `ami` and `ari`
/// are corrected for chance: compare these between classes of different number, such as emotions and actors.
struct ClusterAgreement {
  double nmi = 0.0;           ///< mutual information / mean of the entropies: normalized_mutual_info_score
  double ami = 0.0;           ///< the same less what chance gives (Vinh et al. 2010)
  double ari = 0.0;           ///< adjusted Rand index (Hubert & Arabie 1985)
  double purity = 0.0;        ///< share of points in the most frequent class of their cluster
  double homogeneity = 0.0;   ///< 1 = every cluster has one class (Rosenberg & Hirschberg 2007)
  double completeness = 0.0;  ///< 1 = every class lies in one cluster
  double v_measure = 0.0;     ///< harmonic mean of the two
  int64_t num_points = 0;     ///< with a known class
  int64_t num_classes = 0;
  int64_t num_clusters = 0;
};

/// @param truth  classes, any numbers from 0; -1 = unknown, left out
/// @param label  clusters, any numbers from 0; -1 left out too
/// @throws Error(kInternal) when the lengths differ
ClusterAgreement cluster_agreement(const std::vector<int64_t>& truth, const std::vector<int64_t>& label);

}  // namespace limbic::eval
