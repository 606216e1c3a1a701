#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/train/evaluate_run.h"

namespace limbic::train {

struct AblateOptions {
  EvaluateOptions part;       ///< its ontology and coarser scores are not used
  std::string task;           ///< empty = the first
  std::string metric;         ///< empty = the one that chose the epoch
  double tolerance = 0.02;    ///< loss of the metric that a smaller subset may cost
  std::vector<double> noise;  ///< levels of noise, in standard deviations of the training part; empty = none
  std::vector<double> drop;   ///< probabilities to lose a frame; empty = none
  int64_t num_resamples = 2000;  ///< of the bootstrap
  bool by_subject = true;        ///< subjects are drawn, where they are known; else samples
  uint64_t seed = 0;
};

/// Evaluates one run with every subset of its modalities, all the way to none, on one part of a store:
/// Shapley values, the smallest subset within the tolerance, and how the metric falls when each modality, and
/// all of them, get worse. Writes into RUN/eval/<part>/:
/// - subsets.json: [{modalities, num_samples, <task>: {<metric>: value}}], every task and metric, the whole
///   set first
/// - ablation.json, ablation.csv (kind, name, level, metric, value, low, high), ablation.svg and .png
///
/// Samples that lack a modality lack it in every subset. Train with model.modality_dropout for a model that
/// copes.
/// @throws Error(kModel, kData, kConfig), for more than 10 modalities too
EvaluateReport ablate_run(const std::string& run, const AblateOptions& options);

}  // namespace limbic::train
