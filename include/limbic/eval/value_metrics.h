#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/eval/metrics.h"

namespace limbic::eval {

/// One sample's outcome for a task of numbers: several labels at once, or continuous dimensions.
struct ValuePrediction {
  std::string id;
  std::string subject;
  /// Rows (1, or one a frame) of C values, row by row; NaN = unknown. Multi label: 1 = holds, 0 = not.
  std::vector<double> truth;
  std::vector<double> prediction;  ///< as many; multi label: probabilities
  std::vector<double> variance{};  ///< as many, or none
};

/// What is measured of a task of numbers, in the order of reports.
///
/// Continuous, over all known rows of all samples: `ccc` (Lin 1989, variances with 1 / n), `ccc_unbiased`
/// (covariance and variances with 1 / (n - 1), the difference of the means as it is), `pearson`, `mae`,
/// `mse`, `rmse`; over time also `ccc_per_sequence`, the mean of each sequence's own ccc. With several
/// dimensions a name alone is the mean over them, `ccc_valence` one of them.
///
/// One dimension with the range [-3, 3] is sentiment as in CMU-MOSI and gets its conventions: `acc2_has0`
/// and `f1_has0` (negative against the rest), `acc2_non0` and `f1_non0` (samples of truth 0 left out,
/// positive against the rest), F1 weighted by true support; `acc7`, `acc5`, `acc3`: clipped to +-3, +-2, +-1
/// and rounded half to even, as numpy does, on both sides. mae and pearson are of unclipped values.
///
/// Multi label, each label over the samples where it is known: `macro_f1`, `micro_f1` (threshold 0.5, as
/// sklearn with zero_division=0), `label_accuracy`, `exact_match` (of samples where all labels are known),
/// `auc` (mean over labels that occur on both sides), `ece`, and f1 and auc of each label.
std::vector<std::string> value_metric_names(const affect::LabelSpace& task);

/// @throws Error(kConfig) for an unknown name
double value_metric(const affect::LabelSpace& task, const std::vector<ValuePrediction>& predictions,
                    const std::string& name);
/// All of them with intervals, as bootstrap_interval().
std::map<std::string, Interval> value_intervals(const affect::LabelSpace& task,
                                                const std::vector<ValuePrediction>& predictions,
                                                const BootstrapOptions& options = {});

/// True where a smaller value is the better one: loss, ece, mae, mse, rmse (and of single dimensions).
bool is_lower_better(const std::string& metric_name);

}  // namespace limbic::eval
