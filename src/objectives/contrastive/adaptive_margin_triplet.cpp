#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <utility>

#include "build.h"
#include "labelled_rows.h"
#include "limbic/objectives/triplet_loss.h"
#include "limbic/objectives/vicreg_loss.h"
#include "named_task.h"
#include "projection.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

class AdaptiveMarginTripletObjective final : public Objective {
 public:
  AdaptiveMarginTripletObjective(AdaptiveMarginTripletConfig config,
                                 const std::map<std::string, int64_t>& widths)
      : config_(std::move(config)), module_(std::make_shared<torch::nn::Module>("adaptive_margin_triplet")) {
    projections_ = make_projections(config_.projection, widths, *module_);
  }

  LossTerms compute(const TrainStep& step) override {
    LossTerms loss;
    loss.total = empty_loss(step.output);
    for (auto& [name, projection] : projections_) {
      const auto rows =
          labelled_rows(step.batch, config_.task, config_.level, embedding_of(step.output, name));
      if (rows.z_ND.size(0) < kMinRows) continue;
      const auto z_ND = projection->forward(rows.z_ND);
      const auto triplet =
          adaptive_margin_triplet_loss(z_ND, rows.label_N, config_.mining, config_.margin_gradient);
      const auto covariance = covariance_loss(z_ND);
      const auto variance = variance_loss(z_ND);
      const auto prefix = std::string(AdaptiveMarginTripletConfig::kType) + "." + name;
      loss.terms[prefix + ".triplet"] = triplet.detach();
      loss.terms[prefix + ".covariance"] = covariance.detach();
      loss.terms[prefix + ".variance"] = variance.detach();
      const auto sum =
          triplet * config_.triplet + covariance * config_.covariance + variance * config_.variance;
      loss.total = loss.total + sum * config_.weight;
    }
    return loss;
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  AdaptiveMarginTripletConfig config_;
  std::shared_ptr<torch::nn::Module> module_;
  Projections projections_;
};

}  // namespace

std::unique_ptr<Objective> build(const AdaptiveMarginTripletConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_class_task(config.task, context, AdaptiveMarginTripletConfig::kType);
  const auto widths = wanted_embeddings(context, config.modality, AdaptiveMarginTripletConfig::kType);
  return std::make_unique<AdaptiveMarginTripletObjective>(named, widths);
}

}  // namespace limbic::objectives
