#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "limbic/model/cost.h"
#include "limbic/train/experiment.h"
#include "limbic/train/run_folder.h"

namespace limbic::train {

/// How a call of fit() ended.
struct FitResult {
  enum class End { kFinished, kStoppedEarly, kPaused, kSignal };
  End end = End::kFinished;
  int signal = 0;  ///< for kSignal
  int64_t epochs_done = 0;
  int64_t best_epoch = 0;   ///< 1-based
  double best_value = 0.0;  ///< of early_stopping.metric on the validation part
};

/// Fits one model in one run folder: the loop, validation, checkpoints, events. It knows nothing about what
/// the objectives do. A trainer made on a folder with checkpoints goes on from the newest good one, bit for
/// bit (same binary, machine type and thread count).
class Trainer {
 public:
  /// @param run  owned by the caller, outlives the trainer
  Trainer(const ExperimentConfig& config, RunFolder& run);
  ~Trainer();

  /// What is trained on, and the parameters of the model's parts.
  std::string summary() const;
  /// Runs one training and one validation batch and writes nothing. @return what the training batch costs
  model::CostReport dry_run();
  /// The first half of summary(): parts of the data, tasks, classes.
  std::string data_summary() const;
  /// Trains to the configured end. @param max_epochs  epochs of this call, 0 = no limit; a later call goes on
  /// @throws Error(kDiverged) after 10 steps in a row without a finite loss, Error(kData, kStorage, kModel)
  FitResult fit(int64_t max_epochs = 0);
  /// What manifest.json says about the data: store, hashes, counts.
  nlohmann::json data_manifest() const;
  bool has_test_part() const;
  /// Writes RUN/bundle: the best weights with everything that inference needs.
  void write_bundle() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::train
