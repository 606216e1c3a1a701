#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/objectives/contrastive_losses.h"
#include "projection.h"
#include "rows.h"
#include "two_views.h"

namespace limbic::objectives {
namespace {

constexpr double kLargestScale = 100.0;  // CLIP's: temperature 0.01

using NamePair = std::pair<std::string, std::string>;

class CrossModalObjective final : public Objective {
 public:
  CrossModalObjective(CrossModalConfig config, std::vector<NamePair> pairs,
                      const std::map<std::string, int64_t>& widths)
      : config_(std::move(config)),
        pairs_(std::move(pairs)),
        module_(std::make_shared<torch::nn::Module>("cross_modal")) {
    projections_ = make_projections(config_.projection, widths, *module_);
    const auto log_scale = at::full({}, std::log(1.0 / config_.temperature));
    log_scale_ = config_.learn_temperature ? module_->register_parameter("log_scale", log_scale)
                                           : module_->register_buffer("log_scale", log_scale);
  }

  LossTerms compute(const TrainStep& step) override {
    const auto scale = log_scale_.clamp_max(std::log(kLargestScale)).exp();
    const double weight = config_.weight / static_cast<double>(pairs_.size());
    LossTerms loss;
    loss.total = empty_loss(step.output);
    for (const auto& [a, b] : pairs_) {
      const auto rows = paired_rows(embedding_of(step.output, a), embedding_of(step.output, b));
      if (rows.a_ND.size(0) < kMinRows) continue;
      const auto term = symmetric_info_nce_loss(projections_.at(a)->forward(rows.a_ND),
                                                projections_.at(b)->forward(rows.b_ND), scale);
      loss.terms[std::string(CrossModalConfig::kType) + "." + a + "_" + b] = term.detach();
      loss.total = loss.total + term * weight;
    }
    return loss;
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

 private:
  CrossModalConfig config_;
  std::vector<NamePair> pairs_;
  std::shared_ptr<torch::nn::Module> module_;
  Projections projections_;
  at::Tensor log_scale_;  ///< log(1 / temperature)
};

std::vector<NamePair> pairs_of(const std::vector<std::string>& names, const std::string& anchor) {
  std::vector<NamePair> pairs;
  for (size_t a = 0; a < names.size(); ++a) {
    for (size_t b = a + 1; b < names.size(); ++b) {
      if (anchor.empty() || names[a] == anchor || names[b] == anchor) pairs.emplace_back(names[a], names[b]);
    }
  }
  return pairs;
}

}  // namespace

std::unique_ptr<Objective> build(const CrossModalConfig& config, const ObjectiveContext& context) {
  const auto known = wanted_embeddings(context, kEach, CrossModalConfig::kType);
  std::vector<std::string> all;
  for (const auto& [name, width] : known) all.push_back(name);
  const auto names = config.modalities.empty() ? all : config.modalities;
  std::map<std::string, int64_t> widths;
  for (const auto& name : names) {
    require(known.count(name) != 0, ErrorCode::kConfig,
            "cross_modal: the model has no modality '" + name + "', only " + core::join(all) +
                core::did_you_mean(name, all));
    require(widths.emplace(name, known.at(name)).second, ErrorCode::kConfig,
            "cross_modal: modality '" + name + "' is named twice");
    require(config.projection.layers > 0 || known.at(name) == widths.begin()->second, ErrorCode::kConfig,
            "cross_modal: embeddings of different widths cannot be compared without a projection "
            "(projection.layers: 0)");
  }
  require(config.anchor.empty() || widths.count(config.anchor) != 0, ErrorCode::kConfig,
          "cross_modal: anchor '" + config.anchor + "' is none of the modalities " + core::join(names));
  auto pairs = pairs_of(names, config.anchor);
  require(!pairs.empty(), ErrorCode::kConfig,
          "cross_modal needs two modalities or more, the model has " + core::join(all));
  return std::make_unique<CrossModalObjective>(config, std::move(pairs), widths);
}

}  // namespace limbic::objectives
