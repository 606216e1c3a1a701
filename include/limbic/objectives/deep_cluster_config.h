#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::objectives {

/// Clusters of the embeddings are classes to learn, made anew now and then (DeepCluster, Caron et al. 2018).
/// Labels play no part. The embeddings of every sample as it was last seen are kept in a bank.
struct DeepClusterConfig {
  static constexpr const char* kType = "deep_cluster";
  static constexpr const char* kDoc = "clusters of the embeddings are classes (Caron et al. 2018)";
  std::string modality = "fused";
  double weight = 1.0;
  int64_t clusters = 64;
  int64_t every_steps = 200;
  int64_t bank = 16384;
  int64_t whiten = 256;
  int64_t iterations = 20;

  template <class Visitor>
  void visit(Visitor& v) {
    v("modality", modality, "whose embeddings: a modality or fused");
    v("weight", weight, "factor of this objective in the sum", config::at_least(0));
    v("clusters", clusters, "k of k-means; several times the classes one hopes for", config::at_least(2));
    v("every_steps", every_steps, "steps between two assignments; published: an epoch", config::at_least(1));
    v("bank", bank, "samples whose embeddings are kept; the oldest make room", config::at_least(2));
    v("whiten", whiten, "principal components that are kept and whitened; 0 = embeddings as they are",
      config::at_least(0));
    v("iterations", iterations, "of k-means", config::at_least(1));
  }
  void validate(config::Checks& checks) const {
    checks.expect(bank >= clusters, "bank", "must hold at least as many samples as there are clusters");
  }
};

}  // namespace limbic::objectives
