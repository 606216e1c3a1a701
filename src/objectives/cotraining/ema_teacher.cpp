#include "ema_teacher.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>

#include "further_pass.h"
#include "limbic/objectives/mean_teacher.h"

namespace limbic::objectives {

double ema_decay(int64_t num_updates, double decay) {
  return std::min(1.0 - 1.0 / (static_cast<double>(num_updates) + 1.0), decay);
}

struct EmaTeacher::Impl final : torch::nn::Module {
  at::Tensor num_updates = register_buffer("num_updates", at::zeros({}, at::kLong));
};

EmaTeacher::EmaTeacher(const model::MultimodalModel& student, double decay)
    : impl_(std::make_shared<Impl>()), model_(student.copy()), decay_(decay) {
  for (auto& parameter : model_->as_module()->parameters()) parameter.set_requires_grad(false);
  impl_->register_module("teacher", model_->as_module());
}

affect::ModelOutput EmaTeacher::forward(const affect::Batch& batch, bool is_training) {
  at::NoGradGuard no_grad;
  model_->as_module()->train(is_training);
  return further_pass(*model_, batch);
}

void EmaTeacher::follow(model::MultimodalModel& student) {
  at::NoGradGuard no_grad;
  impl_->num_updates.add_(1);
  const double decay = ema_decay(impl_->num_updates.item<int64_t>(), decay_);
  const auto from = student.as_module();
  const auto own = model_->as_module();
  // One model is the copy of the other: the same parameters and buffers in the same order.
  const auto from_parameters = from->parameters();
  auto parameters = own->parameters();
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i].lerp_(from_parameters[i], 1.0 - decay);
  const auto from_buffers = from->buffers();
  auto buffers = own->buffers();
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(from_buffers[i]);
}

std::shared_ptr<torch::nn::Module> EmaTeacher::as_module() const {
  return impl_;
}

}  // namespace limbic::objectives
