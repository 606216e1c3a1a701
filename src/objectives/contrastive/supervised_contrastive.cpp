#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <utility>

#include "build.h"
#include "labelled_rows.h"
#include "limbic/core/error.h"
#include "limbic/objectives/contrastive_losses.h"
#include "named_task.h"
#include "projection.h"
#include "rows.h"
#include "two_views.h"

namespace limbic::objectives {
namespace {

class SupervisedContrastiveObjective final : public Objective {
 public:
  SupervisedContrastiveObjective(SupervisedContrastiveConfig config,
                                 const std::map<std::string, int64_t>& widths)
      : config_(std::move(config)), module_(std::make_shared<torch::nn::Module>("supervised_contrastive")) {
    projections_ = make_projections(config_.projection, widths, *module_);
  }

  int64_t num_views() const override { return config_.two_views ? 1 : 0; }

  LossTerms compute(const TrainStep& step) override {
    affect::ModelOutput view;
    if (config_.two_views) {
      require(step.model != nullptr, ErrorCode::kInternal,
              "supervised_contrastive: a step without the model");
      view = see_view(step, *step.model, SupervisedContrastiveConfig::kType);
    }
    LossTerms loss;
    loss.total = empty_loss(step.output);
    for (auto& [name, projection] : projections_) {
      auto rows = labelled_rows(step.batch, config_.task, config_.level, embedding_of(step.output, name));
      if (config_.two_views) append(rows, step.batch, embedding_of(view, name));
      if (rows.z_ND.size(0) < kMinRows) continue;
      const auto term = supervised_contrastive_loss(projection->forward(rows.z_ND), rows.label_N,
                                                    rows.weight_N, config_.temperature);
      loss.terms[std::string(SupervisedContrastiveConfig::kType) + "." + name] = term.detach();
      loss.total = loss.total + term * config_.weight;
    }
    return loss;
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  void append(LabelledRows& rows, const affect::Batch& batch, const Embedding& view) const {
    const auto more = labelled_rows(batch, config_.task, config_.level, view);
    rows.z_ND = at::cat({rows.z_ND, more.z_ND});
    rows.label_N = at::cat({rows.label_N, more.label_N});
    rows.weight_N = at::cat({rows.weight_N, more.weight_N});
  }

  SupervisedContrastiveConfig config_;
  std::shared_ptr<torch::nn::Module> module_;
  Projections projections_;
};

}  // namespace

std::unique_ptr<Objective> build(const SupervisedContrastiveConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_class_task(config.task, context, SupervisedContrastiveConfig::kType);
  const auto widths = wanted_embeddings(context, config.modality, SupervisedContrastiveConfig::kType);
  return std::make_unique<SupervisedContrastiveObjective>(named, widths);
}

}  // namespace limbic::objectives
