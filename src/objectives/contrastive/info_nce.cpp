#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <utility>

#include "build.h"
#include "feature_queue.h"
#include "limbic/core/error.h"
#include "limbic/objectives/contrastive_losses.h"
#include "projection.h"
#include "rows.h"
#include "two_views.h"

namespace limbic::objectives {
namespace {

/// MoCo's second network: the model and its projections, averaged over steps.
class KeyNetwork final : public torch::nn::Module {
 public:
  KeyNetwork(model::MultimodalModel& model, const ProjectionConfig& config,
             const std::map<std::string, int64_t>& widths, const torch::nn::Module& projections)
      : model_(model.copy()) {
    register_module("model", model_->as_module());
    projections_ = make_projections(config, widths, *this);
    for (const auto& parameter : model.as_module()->parameters()) followed_.push_back(parameter);
    for (const auto& parameter : projections.parameters()) followed_.push_back(parameter);
    at::NoGradGuard no_grad;
    const auto own = parameters();
    for (size_t i = 0; i < own.size(); ++i) {
      at::Tensor(own[i]).copy_(followed_[i]);
      at::Tensor(own[i]).requires_grad_(false);
    }
  }

  model::MultimodalModel& model() { return *model_; }
  Projection& projection(const std::string& name) { return projections_.at(name); }

  void follow(double momentum) {
    at::NoGradGuard no_grad;
    const auto own = parameters();
    for (size_t i = 0; i < own.size(); ++i)
      at::Tensor(own[i]).mul_(momentum).add_(followed_[i], 1.0 - momentum);
  }

 private:
  std::shared_ptr<model::MultimodalModel> model_;
  Projections projections_;
  std::vector<at::Tensor> followed_;  ///< of the trained model and projections, in the order of parameters()
};

class InfoNceObjective final : public Objective {
 public:
  InfoNceObjective(InfoNceConfig config, const std::map<std::string, int64_t>& widths,
                   model::MultimodalModel& model)
      : config_(std::move(config)), module_(std::make_shared<torch::nn::Module>("info_nce")) {
    projections_ = make_projections(config_.projection, widths, *module_);
    if (config_.momentum > 0) {
      key_ = module_->register_module(
          "key", std::make_shared<KeyNetwork>(model, config_.projection, widths, *module_));
    }
    if (config_.queue == 0) return;
    const auto queues = module_->register_module("queue", std::make_shared<torch::nn::Module>("queue"));
    for (auto& [name, projection] : projections_) {
      queues_[name] =
          queues->register_module(name, std::make_shared<FeatureQueue>(config_.queue, projection->width()));
    }
  }

  int64_t num_views() const override { return 1; }

  LossTerms compute(const TrainStep& step) override {
    require(step.model != nullptr, ErrorCode::kInternal, "info_nce: a step without the model");
    const auto view = key_ == nullptr ? see_view(step, *step.model, InfoNceConfig::kType) : see_keys(step);
    LossTerms loss;
    loss.total = empty_loss(step.output);
    for (auto& [name, projection] : projections_) {
      const auto pairs = paired_rows(embedding_of(step.output, name), embedding_of(view, name));
      if (pairs.a_ND.size(0) < kMinRows) continue;
      const auto term = compare(name, projection, pairs);
      loss.terms[std::string(InfoNceConfig::kType) + "." + name] = term.detach();
      loss.total = loss.total + term * config_.weight;
    }
    return loss;
  }

  void after_step(model::MultimodalModel& /*model*/) override {
    if (key_ != nullptr) key_->follow(config_.momentum);
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  affect::ModelOutput see_keys(const TrainStep& step) {
    at::NoGradGuard no_grad;
    return see_view(step, key_->model(), InfoNceConfig::kType);
  }

  at::Tensor compare(const std::string& name, Projection& projection, const PairedRows& pairs) {
    const auto queue = queues_.find(name);
    const auto own_ND = projection->forward(pairs.a_ND);
    at::Tensor other_ND;
    if (key_ != nullptr) {
      at::NoGradGuard no_grad;
      other_ND = key_->projection(name)->forward(pairs.b_ND);
    } else {
      other_ND = projection->forward(pairs.b_ND);
    }
    // A copy: the queue changes below, before this loss is differentiated.
    at::Tensor negatives_KD;
    if (queue != queues_.end()) negatives_KD = queue->second->vector_KD().clone();
    const auto loss = key_ != nullptr
                          ? queue_info_nce_loss(own_ND, other_ND, negatives_KD, config_.temperature)
                          : nt_xent_loss(own_ND, other_ND, negatives_KD, config_.temperature);
    if (queue != queues_.end()) queue->second->push(other_ND);
    return loss;
  }

  InfoNceConfig config_;
  std::shared_ptr<torch::nn::Module> module_;
  Projections projections_;
  std::shared_ptr<KeyNetwork> key_;  ///< null = SimCLR
  std::map<std::string, std::shared_ptr<FeatureQueue>> queues_;
};

}  // namespace

std::unique_ptr<Objective> build(const InfoNceConfig& config, const ObjectiveContext& context) {
  const auto widths = wanted_embeddings(context, config.modality, InfoNceConfig::kType);
  return std::make_unique<InfoNceObjective>(config, widths, *context.model);
}

}  // namespace limbic::objectives
