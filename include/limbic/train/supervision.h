#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "limbic/data/supervision.h"
#include "limbic/train/experiment.h"

namespace limbic::train {

/// What the training part is taught with, and where weak labels come from.
struct TrainingSupervision {
  data::Supervisions by_task;
  std::map<std::string, std::shared_ptr<const nlohmann::json>> weak_reports;  ///< weak::WeakLabels::report
};

/// data.supervision of a recipe over its training samples. Nothing is read of other samples, and of withheld
/// labels only what reports audit.
/// @throws Error(kConfig, kData)
TrainingSupervision supervise(const ExperimentConfig& config, const std::shared_ptr<const data::Store>& store,
                              const std::vector<affect::LabelSpace>& tasks,
                              const std::vector<int64_t>& train);

/// What `limbic weak` prints and writes: the weak labels of a recipe's training part, without training.
struct WeakRun {
  std::string text;
  std::map<std::string, std::shared_ptr<const nlohmann::json>> reports;  ///< by task
};
/// @param out  empty, or a JSON Lines file: {id, task, level, class, probabilities, weight, withheld} of
/// every
///             training sample and task with supervision; `withheld` is the hidden truth, for audits alone
/// @throws Error(kConfig) when no task of the recipe has data.supervision
WeakRun run_weak(const ExperimentConfig& config, const std::string& out);

}  // namespace limbic::train
