#include "limbic/objectives/co_teaching.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "build.h"
#include "class_task.h"
#include "limbic/core/error.h"
#include "limbic/nn/state.h"
#include "limbic/objectives/pseudo_labels.h"

namespace limbic::objectives {
namespace {

/// Of the model's kind, with other initial weights; what is not drawn (statistics of the inputs, frozen and
/// pretrained weights) is the model's.
std::shared_ptr<model::MultimodalModel> build_peer(const ObjectiveContext& context) {
  auto peer = model::build_model(context.model_config, context.model->tasks(), context.inputs);
  peer->load_pretrained();
  const auto own = peer->as_module();
  const auto other = context.model->as_module();
  const auto first = other->parameters().front();
  own->to(first.device(), first.scalar_type());
  at::NoGradGuard no_grad;
  const auto from = nn::state_of(*other);
  for (const auto& buffer : own->named_buffers()) at::Tensor(buffer.value()).copy_(from.at(buffer.key()));
  for (const auto& parameter : own->named_parameters()) {
    if (!parameter.value().requires_grad()) at::Tensor(parameter.value()).copy_(from.at(parameter.key()));
  }
  return peer;
}

class CoTeachingObjective final : public Objective {
 public:
  CoTeachingObjective(CoTeachingConfig config, std::string task, std::shared_ptr<model::MultimodalModel> peer)
      : config_(std::move(config)),
        task_(std::move(task)),
        peer_(std::move(peer)),
        module_(std::make_shared<torch::nn::Module>("co_teaching")) {
    module_->register_module("peer", peer_->as_module());
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

  LossTerms compute(const TrainStep& step) override {
    const auto& logits_BC = step.output.logits_BC.at(task_);
    LossTerms loss;
    const auto found = step.batch.targets.find(task_);
    if (found == step.batch.targets.end()) {
      loss.total = logits_BC.sum() * 0.0;
      return loss;
    }
    const auto& targets = found->second;
    peer_->as_module()->train();
    const auto of_peer = peer_->forward(step.batch);
    const auto own_B = row_cross_entropy(logits_BC, targets);
    const auto peer_B = row_cross_entropy(of_peer.logits_BC.at(task_), targets);
    const double rate = config_.keep_rate(step.progress);
    const auto by_model_B = small_loss_rows(own_B.detach(), targets.mask_B, rate);
    const auto by_peer_B = small_loss_rows(peer_B.detach(), targets.mask_B, rate);
    const auto own = mean_of(own_B, by_peer_B, targets);
    const auto peer = mean_of(peer_B, by_model_B, targets);
    loss.total = (own + peer) * config_.weight;
    for (const auto& [name, term] : of_peer.losses) loss.total = loss.total + term;
    loss.terms["co_teaching"] = own.detach();
    loss.terms["co_teaching.peer"] = peer.detach();
    // "Accepted" labels are those that the model learns; they are what the corpus says, perhaps wrongly.
    const auto y_B = targets.soft_BC.defined() ? targets.soft_BC.argmax(1) : targets.y_B;
    audit_labels("co_teaching", {y_B, {}, {}, by_peer_B}, targets.mask_B, targets.withheld_B, loss.terms);
    return loss;
  }

 private:
  static at::Tensor mean_of(const at::Tensor& loss_B, const at::Tensor& taken_B,
                            const affect::Targets& targets) {
    auto weight_B = taken_B.to(loss_B.scalar_type());
    if (targets.weight_B.defined())
      weight_B = targets.weight_B.to(loss_B.scalar_type()).masked_fill(taken_B.logical_not(), 0.0);
    return (loss_B * weight_B).sum() / weight_B.sum().clamp_min(1e-12);
  }

  CoTeachingConfig config_;
  std::string task_;
  std::shared_ptr<model::MultimodalModel> peer_;
  std::shared_ptr<torch::nn::Module> module_;
};

}  // namespace

double CoTeachingConfig::keep_rate(double progress) const {
  return progress >= gradual_share ? 1.0 - forget_rate : 1.0 - forget_rate * progress / gradual_share;
}

at::Tensor row_cross_entropy(const at::Tensor& logits_BC, const affect::Targets& targets) {
  const auto skip_B = targets.mask_B.logical_not();
  const auto skip_B1 = skip_B.unsqueeze(1);
  const auto log_p_BC = logits_BC.masked_fill(skip_B1, 0.0).log_softmax(1);
  if (targets.soft_BC.defined())
    return -(targets.soft_BC.to(log_p_BC.scalar_type()).masked_fill(skip_B1, 0.0) * log_p_BC).sum(1);
  const auto y_B = targets.y_B.masked_fill(skip_B, 0);
  return -log_p_BC.gather(1, y_B.unsqueeze(1)).squeeze(1).masked_fill(skip_B, 0.0);
}

at::Tensor small_loss_rows(const at::Tensor& loss_B, const at::Tensor& known_B, double rate) {
  const auto last = std::numeric_limits<double>::infinity();
  const auto order_B =
      std::get<1>(loss_B.masked_fill(known_B.logical_not(), last).sort(/*stable=*/true, 0, false));
  const auto rank_B =
      at::empty_like(order_B).scatter_(0, order_B, at::arange(order_B.numel(), order_B.options()));
  // 0.57 * 100 is 56.99...
  const auto num_kept = (known_B.sum().to(at::kDouble) * rate + 1e-9).floor().clamp_min(1.0);
  return known_B.logical_and(rank_B < num_kept);
}

std::unique_ptr<Objective> build(const CoTeachingConfig& config, const ObjectiveContext& context) {
  const auto task = class_task(CoTeachingConfig::kType, config.task, context);
  require(context.model != nullptr, ErrorCode::kConfig, "co_teaching wants the model that is trained");
  return std::make_unique<CoTeachingObjective>(config, task.task, build_peer(context));
}

}  // namespace limbic::objectives
