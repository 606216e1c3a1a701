#include <ATen/ATen.h>

#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/nn/crf.h"
#include "limbic/nn/dialogue_grid.h"
#include "named_task.h"

namespace limbic::objectives {
namespace {

class CrfObjective final : public Objective {
 public:
  explicit CrfObjective(CrfConfig config) : config_(std::move(config)) {}

  LossTerms compute(const TrainStep& step) override {
    const auto& batch = step.batch;
    const auto& output = step.output;
    const auto scores = output.crf.find(config_.task);
    require(scores != output.crf.end(), ErrorCode::kConfig,
            "objective 'crf': the head of task '" + config_.task + "' has no CRF; set model.heads." +
                config_.task + ".crf: true");
    const auto& emission_BC = scores->second.emission_BC;
    const auto found = batch.targets.find(config_.task);
    LossTerms loss;
    if (found == batch.targets.end()) {
      loss.total = emission_BC.sum() * 0.0;
      return loss;
    }
    const auto& targets = found->second;
    // A path has one class a turn: of several annotators' shares the largest counts.
    const auto y_B = targets.soft_BC.defined() ? targets.soft_BC.argmax(1) : targets.y_B;
    const auto label_B = y_B.masked_fill(targets.mask_B.logical_not(), -1);
    const auto grid = nn::make_dialogue_grid(batch.dialogues, emission_BC.size(0), emission_BC.device());
    const auto log_p_D = nn::crf_log_likelihood(grid.to_grid(emission_BC), grid.to_grid(label_B),
                                                grid.mask_DU, scores->second.table_SC);
    // Per turn, so that it is of the size of a cross-entropy whatever the dialogues' lengths.
    const auto main = -log_p_D.sum() / targets.mask_B.sum().clamp_min(1);
    loss.terms[config_.task + ".crf"] = main.detach();
    loss.total = main * config_.weight;
    return loss;
  }

 private:
  CrfConfig config_;
};

}  // namespace

std::unique_ptr<Objective> build(const CrfConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_task(config.task, context.counts);
  return std::make_unique<CrfObjective>(named);
}

}  // namespace limbic::objectives
