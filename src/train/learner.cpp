#include "learner.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cmath>
#include <utility>

#include "limbic/nn/state.h"

namespace limbic::train {
namespace {

const std::string kObjectives = "objectives.";
const std::string kBalance = "balance.";

/// Parameters only, in registration order.
void append_trainable(const torch::nn::Module& module, const std::string& prefix,
                      Optimizer::NamedTensors& parameters) {
  for (const auto& item : module.named_parameters()) {
    if (item.value().requires_grad()) parameters.emplace_back(prefix + item.key(), item.value());
  }
}

/// Live tensors of parameters and buffers by name.
Ema::State live_state(const torch::nn::Module& module) {
  Ema::State state;
  for (const auto& item : module.named_parameters()) state[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) state[item.key()] = item.value();
  return state;
}

}  // namespace

Learner::Learner(const ExperimentConfig& config, std::shared_ptr<model::MultimodalModel> model,
                 objectives::ObjectiveContext context)
    : config_(config), model_(std::move(model)) {
  context.model_config = config.model;
  context.model = model_.get();
  objectives_ = std::make_unique<objectives::ObjectiveSum>(config.objectives, context);
  balance_ = objectives::build_loss_balance(config.balance, static_cast<int64_t>(config.objectives.size()));
  append_trainable(*model_->as_module(), "", parameters_);
  append_trainable(*objectives_->as_module(), kObjectives, parameters_);
  trained_ = parameters_;
  if (const auto own = balance_->as_module()) append_trainable(*own, kBalance, trained_);
  optimizer_ = build_optimizer(config.train.optimizer, trained_);
  ema_ = std::make_unique<Ema>(config.train.ema, live_state(*model_->as_module()));
}

StepResult Learner::step(const affect::Batch& batch, double progress, double lr_scale) {
  const auto prepared = objectives_->prepare(batch);
  const auto output = model_->forward(prepared);
  const objectives::TrainStep step{prepared, output, model_.get(), progress};
  const auto loss = objectives_->compute(step);
  StepResult result;
  result.loss = balance_->backward(loss, parameters_);
  result.grad_norm = NAN;
  if (std::isfinite(result.loss)) {
    objectives_->after_backward(step);
    result.grad_norm = clip_gradients(trained_, config_.train.clip_grad_norm);
  }
  result.is_applied = std::isfinite(result.grad_norm);
  if (result.is_applied) {
    optimizer_->step(lr_scale);
    objectives_->after_step(*model_);
    for (const auto& [name, term] : loss.terms) result.terms[name] = term.item<double>();
  }
  optimizer_->zero_grad();
  ema_->update(++num_steps_);
  return result;
}

void Learner::save(Checkpoint& checkpoint) const {
  const auto module = model_->as_module();
  if (ema_->is_on()) {
    checkpoint.raw_model = nn::state_of(*module);
    checkpoint.model = ema_->weights();
  } else {
    checkpoint.model = nn::state_of(*module);
  }
  checkpoint.optimizer = optimizer_->state();
  for (const auto& [name, tensor] : nn::state_of(*objectives_->as_module()))
    checkpoint.learning[kObjectives + name] = tensor;
  if (const auto own = balance_->as_module()) {
    for (const auto& [name, tensor] : nn::state_of(*own)) checkpoint.learning[kBalance + name] = tensor;
  }
  checkpoint.step = num_steps_;
}

void Learner::restore(const Checkpoint& checkpoint) {
  const auto module = model_->as_module();
  if (ema_->is_on()) {
    nn::load_state(*module, checkpoint.raw_model);
    ema_->load(checkpoint.model);
  } else {
    nn::load_state(*module, checkpoint.model);
  }
  nn::load_state(*objectives_->as_module(), tensors_below(checkpoint.learning, kObjectives));
  if (const auto own = balance_->as_module())
    nn::load_state(*own, tensors_below(checkpoint.learning, kBalance));
  optimizer_->load_state(checkpoint.optimizer);
  num_steps_ = checkpoint.step;
}

}  // namespace limbic::train
