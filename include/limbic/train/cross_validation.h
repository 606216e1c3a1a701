#pragma once
#include <string>
#include <vector>

#include "limbic/train/evaluate_run.h"
#include "limbic/train/experiment.h"

namespace limbic::train {

/// The recipe of every fold of a group_kfold split: the same but for the fold that tests.
/// @throws Error(kConfig) for another kind of split
std::vector<ExperimentConfig> experiments_of_folds(const ExperimentConfig& experiment);

/// Pools what every fold predicted for its own test part, each by a model that has not seen it. Writes
/// DIRECTORY/folds.csv (metrics by fold) and DIRECTORY/eval/test/{metrics.json, predictions.jsonl,
/// confusion.csv}, DIRECTORY/report.html.
/// @param runs  folders of finished folds, evaluated on their test part
/// @throws Error(kData) a fold without predictions, a sample that two folds tested
EvaluateReport pool_folds(const std::string& directory, const std::vector<std::string>& runs);

}  // namespace limbic::train
