#pragma once
#include <string>
#include <vector>

#include "limbic/eval/degrade.h"
#include "limbic/eval/metrics.h"
#include "limbic/train/ablate_run.h"
#include "opened_run.h"

namespace limbic::train {

inline constexpr const char* kAllModalities = "(all)";

/// A metric over the level of one degradation of one modality, or of all at once.
struct DegradationCurve {
  eval::DegradationKind kind = eval::DegradationKind::kNoise;
  std::string name;                   ///< the modality, or "(all)"
  std::vector<double> level;          ///< ascending, from 0
  std::vector<eval::Interval> value;  ///< of the metric at each
};

/// The curves that the options ask for. Standard deviations are of the run's training part. Ids of tokens
/// take no noise: such a modality has no curve of it.
/// @param clean  what the model says of the inputs as they are, of `options.task`
std::vector<DegradationCurve> degradation_curves(const std::string& run, const OpenedRun& opened,
                                                 const AblateOptions& options,
                                                 const eval::TaskPredictions& clean);

}  // namespace limbic::train
