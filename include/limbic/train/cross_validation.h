#pragma once
#include <string>
#include <vector>

#include "limbic/data/sample_table.h"
#include "limbic/train/evaluate_run.h"
#include "limbic/train/experiment.h"

namespace limbic::train {

/// One model of a cross-validation.
struct FoldRun {
  std::string
      folder;  ///< below the folder of the cross-validation: "fold_03", or "fold_03/inner_01" of a nested one
  std::string fold;  ///< "fold_03"
  ExperimentConfig
      experiment;  ///< the recipe, but for the fold that tests (and the inner one that validates)
};

/// The models of a group_kfold, leave_one_out or time_blocks split, inner folds of an outer one side by side.
/// @throws Error(kConfig) for another kind of split
std::vector<FoldRun> experiments_of_folds(const ExperimentConfig& experiment,
                                          const data::SampleTable& samples);

/// Nested cross-validation: what the inner models of one outer fold say together. Each saw other training
/// samples and was selected on other validation samples, none saw the outer fold; the mean of their
/// probabilities is the fold's prediction. Writes FOLD/eval/test, and FOLD/eval/oracle where every run has
/// one.
/// @throws Error(kData) runs that tested different samples
void average_inner(const std::string& fold, const std::vector<std::string>& runs);

/// Pools what every fold predicted for its own test part, each by a model that has not seen it. Writes
/// DIRECTORY/folds.csv (metrics by fold and selection) and DIRECTORY/eval/test/{metrics.json,
/// predictions.jsonl, confusion.csv}, DIRECTORY/report.html; DIRECTORY/eval/oracle where every fold has an
/// oracle record.
/// @param runs  folders of finished folds, evaluated on their test part
/// @throws Error(kData) a fold without predictions, a sample that two folds tested
EvaluateReport pool_folds(const std::string& directory, const std::vector<std::string>& runs);

}  // namespace limbic::train
