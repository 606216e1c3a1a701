#pragma once
#include <map>
#include <memory>
#include <string>

#include "limbic/data/loader.h"
#include "limbic/eval/report.h"
#include "limbic/model/bundle.h"
#include "limbic/train/evaluate_run.h"
#include "limbic/train/experiment.h"

namespace limbic::train {

/// A run with the weights and the samples that are asked for.
struct OpenedRun {
  ExperimentConfig config;
  model::Bundle bundle;
  std::shared_ptr<const data::Store> store;
  std::unique_ptr<data::Loader> loader;
  eval::ResultNotes notes;                    ///< what the split lets through
  std::map<std::string, double> temperature;  ///< by task
  bool is_elsewhere = false;                  ///< another store than that of training

  std::map<std::string, eval::TaskPredictions> predict() const {
    return eval::predict(*bundle.model, *loader, temperature);
  }
};

/// @throws Error(kModel, kData, kConfig)
OpenedRun open_run(const std::string& run, const EvaluateOptions& options);

/// RUN/eval/<split>[@<store>][.<checkpoint>]
std::string results_folder(const std::string& run, const OpenedRun& opened, const EvaluateOptions& options);

}  // namespace limbic::train
