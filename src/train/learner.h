#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "limbic/affect/batch.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/loss_balance.h"
#include "limbic/objectives/objective_sum.h"
#include "limbic/train/checkpoint.h"
#include "limbic/train/ema.h"
#include "limbic/train/experiment.h"
#include "limbic/train/optimizer.h"

namespace limbic::train {

/// What one optimizer step did.
struct StepResult {
  double loss = 0.0;                    ///< plain sum of the objectives
  double grad_norm = 0.0;               ///< before clipping
  bool is_applied = false;              ///< false: loss or gradient were not finite, no weight has changed
  std::map<std::string, double> terms;  ///< by name, before weights
};

/// All that an optimizer step changes: the model, what objectives and their balance own, the optimizer, the
/// averaged weights.
class Learner {
 public:
  /// @param context  without model and model_config
  Learner(const ExperimentConfig& config, std::shared_ptr<model::MultimodalModel> model,
          objectives::ObjectiveContext context);

  /// @param progress  share of the training that is done; @param lr_scale  of the configured learning rate
  StepResult step(const affect::Batch& batch, double progress, double lr_scale);
  /// The averaged weights change places with the live ones; again, and they are back.
  void swap_averaged() { ema_->swap(); }
  int64_t num_views() const { return objectives_->num_views(); }
  int64_t num_steps() const { return num_steps_; }
  double lr() const { return optimizer_->lr(); }

  /// Weights, optimizer and own tensors of objectives.
  void save(Checkpoint& checkpoint) const;
  /// @throws Error(kModel)
  void restore(const Checkpoint& checkpoint);

 private:
  ExperimentConfig config_;
  std::shared_ptr<model::MultimodalModel> model_;
  std::unique_ptr<objectives::ObjectiveSum> objectives_;
  std::unique_ptr<objectives::LossBalance> balance_;
  Optimizer::NamedTensors parameters_;  ///< of model and objectives
  Optimizer::NamedTensors trained_;     ///< and of the balance
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  int64_t num_steps_ = 0;
};

}  // namespace limbic::train
