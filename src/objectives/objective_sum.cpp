#include "limbic/objectives/objective_sum.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <utility>

namespace limbic::objectives {

at::Tensor StepLoss::total() const {
  at::Tensor sum;
  for (const auto& part : parts) sum = sum.defined() ? sum + part.total : part.total;
  return sum;
}

ObjectiveSum::ObjectiveSum(const std::vector<ObjectiveConfig>& configs, const ObjectiveContext& context)
    : parts_(build_objectives(configs, context)), module_(std::make_shared<torch::nn::Module>("objectives")) {
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (auto own = parts_[i]->as_module()) module_->register_module(std::to_string(i), std::move(own));
  }
}

ObjectiveSum::~ObjectiveSum() = default;

int64_t ObjectiveSum::num_views() const {
  int64_t most = 0;
  for (const auto& part : parts_) most = std::max(most, part->num_views());
  return most;
}

affect::Batch ObjectiveSum::prepare(affect::Batch batch) {
  for (const auto& part : parts_) batch = part->prepare(std::move(batch));
  return batch;
}

StepLoss ObjectiveSum::compute(const TrainStep& step) {
  StepLoss loss;
  for (const auto& part : parts_) loss.parts.push_back(part->compute(step));
  if (!step.output.losses.empty()) {
    LossTerms of_model;
    for (const auto& [name, term] : step.output.losses) {
      of_model.total = of_model.total.defined() ? of_model.total + term : term;
      of_model.terms[name] = term.detach();
    }
    loss.parts.push_back(std::move(of_model));
  }
  for (size_t i = 0; i < loss.parts.size(); ++i) {
    for (const auto& [name, term] : loss.parts[i].terms) {
      const bool is_new = loss.terms.count(name) == 0;
      loss.terms[is_new ? name : name + "#" + std::to_string(i)] = term;
    }
  }
  return loss;
}

void ObjectiveSum::after_backward(const TrainStep& step) {
  for (const auto& part : parts_) part->after_backward(step);
}

void ObjectiveSum::after_step(model::MultimodalModel& model) {
  for (const auto& part : parts_) part->after_step(model);
}

}  // namespace limbic::objectives
