#include "limbic/objectives/gradient_blending.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/objectives/cross_entropy.h"
#include "named_task.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

const std::string kFusedHead = "fused";

bool is_held_out(const std::string& id, double share) {
  return core::crc32(id.data(), id.size()) < share * 4294967296.0;
}

/// What a resumed run needs. H heads: the fused one, then the modalities'.
struct BlendingState final : torch::nn::Module {
  explicit BlendingState(int64_t heads)
      : weight_H(register_buffer("weight", at::full({heads}, 1.0 / static_cast<double>(heads), at::kDouble))),
        sum_2H(register_buffer("sum", at::zeros({2, heads}, at::kDouble))),
        count_2H(register_buffer("count", at::zeros({2, heads}, at::kDouble))),
        before_2H(register_buffer("before", at::zeros({2, heads}, at::kDouble))),
        num_steps(register_buffer("num_steps", at::zeros({}, at::kLong))),
        num_windows(register_buffer("num_windows", at::zeros({}, at::kLong))) {}
  at::Tensor weight_H;
  at::Tensor sum_2H;     ///< of losses in this window: training, held out
  at::Tensor count_2H;   ///< rows
  at::Tensor before_2H;  ///< means of the window before
  at::Tensor num_steps;
  at::Tensor num_windows;
};

std::vector<double> values_of(const at::Tensor& x) {
  const auto flat = x.to(at::kCPU, at::kDouble).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

class GradientBlendingObjective final : public Objective {
 public:
  GradientBlendingObjective(GradientBlendingConfig config, std::vector<std::string> heads)
      : config_(std::move(config)),
        heads_(std::move(heads)),
        state_(std::make_shared<BlendingState>(static_cast<int64_t>(heads_.size()))) {}

  /// Nobody learns from the labels of held-out samples; here they are kept.
  affect::Batch prepare(affect::Batch batch) override {
    held_out_ = {};
    const auto found = batch.targets.find(config_.task);
    if (found == batch.targets.end()) return batch;
    std::vector<uint8_t> held;
    for (const auto& id : batch.ids) held.push_back(is_held_out(id, config_.holdout) ? 1 : 0);
    const auto& mask_B = found->second.mask_B;
    const auto held_B = at::from_blob(held.data(), {static_cast<int64_t>(held.size())}, at::kByte)
                            .to(mask_B.device(), at::kBool);
    held_out_ = known_where(found->second, held_B);
    found->second = known_where(found->second, held_B.logical_not());
    return batch;
  }

  LossTerms compute(const TrainStep& step) override {
    const auto weights = values_of(state_->weight_H);
    const auto found = step.batch.targets.find(config_.task);
    LossTerms loss;
    for (size_t h = 0; h < heads_.size(); ++h) {
      const auto& logits_BC = logits_of(step.output, heads_[h]);
      auto term = empty_loss(logits_BC);
      if (found != step.batch.targets.end()) {
        term = measure(step, heads_[h], found->second, 0, h);
        if (held_out_.mask_B.defined()) {
          at::NoGradGuard no_grad;
          measure(step, heads_[h], held_out_, 1, h);
        }
        loss.terms[config_.task + "." + heads_[h]] = term.detach();
      }
      loss.terms[std::string(GradientBlendingConfig::kType) + "." + heads_[h]] =
          at::scalar_tensor(weights[h]);
      const auto part = term * (config_.weight * weights[h]);
      loss.total = loss.total.defined() ? loss.total + part : part;
    }
    return loss;
  }

  void after_step(model::MultimodalModel& /*model*/) override {
    at::NoGradGuard no_grad;
    state_->num_steps.add_(1);
    if (state_->num_steps.item<int64_t>() % config_.every_steps != 0) return;
    // A window without a held-out or a training label for some head says nothing; the next one goes on with
    // it.
    if ((state_->count_2H == 0).any().item<bool>()) return;
    const auto mean_2H = state_->sum_2H / state_->count_2H;
    if (state_->num_windows.item<int64_t>() > 0) {
      const auto losses = [](const at::Tensor& x_2H) {
        return BlendingLosses{values_of(x_2H[0]), values_of(x_2H[1])};
      };
      const auto blended =
          blending_weights(losses(state_->before_2H), losses(mean_2H), values_of(state_->weight_H));
      state_->weight_H.copy_(at::tensor(blended, at::kDouble));
    }
    state_->before_2H.copy_(mean_2H);
    state_->sum_2H.zero_();
    state_->count_2H.zero_();
    state_->num_windows.add_(1);
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return state_; }

 private:
  const at::Tensor& logits_of(const affect::ModelOutput& output, const std::string& head) const {
    if (head == kFusedHead) return output.logits_BC.at(config_.task);
    const auto of_task = output.modality_logits_BC.find(config_.task);
    require(of_task != output.modality_logits_BC.end(), ErrorCode::kConfig,
            "gradient_blending: the model has no scores of single modalities for '" + config_.task +
                "'; give it heads of their own (model.modality_heads) or late fusion");
    return of_task->second.at(head);
  }

  /// Mean cross-entropy of a head over known rows that it saw, counted into the window.
  at::Tensor measure(const TrainStep& step, const std::string& head, const affect::Targets& targets,
                     int64_t part, size_t h) {
    const auto& logits_BC = logits_of(step.output, head);
    const auto known = head == kFusedHead ? targets : known_where(targets, step.output.used_B.at(head));
    const auto ones_C = at::ones({logits_BC.size(1)}, logits_BC.options().requires_grad(false));
    const auto loss = cross_entropy({}, logits_BC, known, ones_C);
    const auto count = row_weights(known, known.mask_B, at::kDouble).sum().item<double>();
    const auto column = static_cast<int64_t>(h);
    state_->sum_2H[part][column].add_(loss.item<double>() * count);
    state_->count_2H[part][column].add_(count);
    return loss;
  }

  GradientBlendingConfig config_;
  std::vector<std::string> heads_;
  std::shared_ptr<BlendingState> state_;
  affect::Targets held_out_;  ///< of this step's batch; undefined without the task
};

}  // namespace

std::vector<double> blending_weights(const BlendingLosses& first, const BlendingLosses& second,
                                     const std::vector<double>& before) {
  constexpr double kLeastOverfitting = 1e-3;
  std::vector<double> weights(before.size(), 0.0);
  double sum = 0.0;
  for (size_t h = 0; h < before.size(); ++h) {
    const double gain = std::max(first.held_out[h] - second.held_out[h], 0.0);
    const double overfit = (second.held_out[h] - second.train[h]) - (first.held_out[h] - first.train[h]);
    const double size = std::max(std::abs(overfit), kLeastOverfitting);
    weights[h] = gain / (size * size);
    sum += weights[h];
  }
  if (sum <= 0) return before;
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::unique_ptr<Objective> build(const GradientBlendingConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_class_task(config.task, context, GradientBlendingConfig::kType);
  require(context.model != nullptr, ErrorCode::kInternal,
          "gradient_blending needs the model when it is built");
  std::vector<std::string> heads{kFusedHead};
  for (const auto& modality : context.model->modalities()) heads.push_back(modality);
  require(heads.size() >= 3, ErrorCode::kConfig, "gradient_blending: the model has one modality only");
  return std::make_unique<GradientBlendingObjective>(named, heads);
}

}  // namespace limbic::objectives
