#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/objectives/vicreg_loss.h"
#include "projection.h"
#include "rows.h"
#include "two_views.h"

namespace limbic::objectives {
namespace {

class VicregObjective final : public Objective {
 public:
  /// @param widths  of what `modality` names, and of `against` where that is another modality
  VicregObjective(VicregConfig config, std::vector<std::string> names,
                  const std::map<std::string, int64_t>& widths)
      : config_(std::move(config)),
        names_(std::move(names)),
        module_(std::make_shared<torch::nn::Module>("vicreg")) {
    projections_ = make_projections(config_.projection, widths, *module_);
  }

  int64_t num_views() const override { return config_.against.empty() ? 1 : 0; }

  LossTerms compute(const TrainStep& step) override {
    affect::ModelOutput view;
    if (config_.against.empty()) {
      require(step.model != nullptr, ErrorCode::kInternal, "vicreg: a step without the model");
      view = see_view(step, *step.model, VicregConfig::kType);
    }
    LossTerms loss;
    loss.total = empty_loss(step.output);
    for (const auto& name : names_) {
      const bool is_view = config_.against.empty();
      const auto& other = is_view ? name : config_.against;
      const auto rows =
          paired_rows(embedding_of(step.output, name), embedding_of(is_view ? view : step.output, other));
      const auto prefix = std::string(VicregConfig::kType) + "." + name;
      if (rows.a_ND.size(0) < kMinRows) continue;
      const auto parts =
          vicreg_parts(projections_.at(name)->forward(rows.a_ND), projections_.at(other)->forward(rows.b_ND));
      loss.terms[prefix + ".invariance"] = parts.invariance.detach();
      loss.terms[prefix + ".variance"] = parts.variance.detach();
      loss.terms[prefix + ".covariance"] = parts.covariance.detach();
      const auto sum = parts.invariance * config_.invariance + parts.variance * config_.variance +
                       parts.covariance * config_.covariance;
      loss.total = loss.total + sum * config_.weight;
    }
    return loss;
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  VicregConfig config_;
  std::vector<std::string> names_;
  std::shared_ptr<torch::nn::Module> module_;
  Projections projections_;
};

}  // namespace

std::unique_ptr<Objective> build(const VicregConfig& config, const ObjectiveContext& context) {
  auto widths = wanted_embeddings(context, config.modality, VicregConfig::kType);
  std::vector<std::string> names;
  for (const auto& [name, width] : widths) names.push_back(name);
  if (!config.against.empty()) {
    require(config.against != kEach, ErrorCode::kConfig, "vicreg: against must name one modality, or fused");
    widths.merge(wanted_embeddings(context, config.against, VicregConfig::kType));
    require(config.projection.layers > 0 || widths.begin()->second == widths.rbegin()->second,
            ErrorCode::kConfig,
            "vicreg: embeddings of different widths cannot be compared without a projection "
            "(projection.layers: 0)");
  }
  return std::make_unique<VicregObjective>(config, std::move(names), widths);
}

}  // namespace limbic::objectives
