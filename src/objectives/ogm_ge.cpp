#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "build.h"
#include "limbic/core/error.h"
#include "named_task.h"
#include "rows.h"

namespace limbic::objectives {
namespace {

class OgmGeObjective final : public Objective {
 public:
  explicit OgmGeObjective(OgmGeConfig config) : config_(std::move(config)) {}

  LossTerms compute(const TrainStep& step) override {
    const auto scores = step.output.modality_logits_BC.find(config_.task);
    require(scores != step.output.modality_logits_BC.end() && scores->second.size() >= 2, ErrorCode::kConfig,
            "ogm_ge: the model has no scores of two modalities for '" + config_.task +
                "'; give it heads of their own (model.modality_heads) or late fusion");
    factors_ = factors_of(step, scores->second);
    LossTerms loss;
    loss.total = empty_loss(scores->second.begin()->second);
    for (const auto& [modality, factor] : factors_)
      loss.terms[std::string(OgmGeConfig::kType) + "." + modality] = at::scalar_tensor(factor);
    return loss;
  }

  void after_backward(const TrainStep& step) override {
    if (step.model == nullptr || step.progress < config_.start || step.progress >= config_.end) return;
    at::NoGradGuard no_grad;
    for (const auto& item : step.model->as_module()->named_parameters()) {
      const auto factor = factors_.find(modality_of(item.key()));
      auto& gradient = item.value().mutable_grad();
      if (factor == factors_.end() || !gradient.defined()) continue;
      // The noise is of the size that the gradient had before. Biases and norms get none.
      const bool is_noisy = config_.noise && gradient.dim() >= 2 && gradient.numel() > 1;
      const auto size = is_noisy ? gradient.std() : at::Tensor();
      gradient = gradient * factor->second;
      if (is_noisy) gradient = gradient + at::randn_like(gradient) * size;
    }
  }

 private:
  /// 1 - tanh(alpha * rho) where rho > 1, else 1; rho = how sure a modality's head is of the right class, by
  /// the mean of the others (of two modalities: by the other, as published). Nothing while labels are
  /// unknown.
  std::map<std::string, double> factors_of(const TrainStep& step,
                                           const std::map<std::string, at::Tensor>& logits_BC) const {
    at::NoGradGuard no_grad;
    std::map<std::string, double> sure;
    const auto found = step.batch.targets.find(config_.task);
    if (found == step.batch.targets.end()) return {};
    for (const auto& [modality, scores_BC] : logits_BC) {
      const auto targets = known_where(found->second, step.output.used_B.at(modality));
      const auto label_BC = label_probabilities(targets, scores_BC.size(1), scores_BC.scalar_type());
      const auto count = targets.mask_B.sum().item<int64_t>();
      const auto sum = (scores_BC.softmax(1) * label_BC).masked_fill(label_BC == 0, 0.0).sum();
      if (count > 0) sure[modality] = sum.item<double>() / static_cast<double>(count);
    }
    std::map<std::string, double> factors;
    double total = 0.0;
    for (const auto& [modality, score] : sure) total += score;
    for (const auto& [modality, score] : sure) {
      const double others = (total - score) / static_cast<double>(std::max<size_t>(sure.size() - 1, 1));
      const double ratio = others > 0 ? score / others : 0.0;
      factors[modality] = ratio > 1 ? 1.0 - std::tanh(config_.alpha * ratio) : 1.0;
    }
    return factors;
  }

  /// Whose parameter it is before fusion; empty = nobody's.
  static std::string modality_of(const std::string& parameter) {
    for (const std::string part : {"encoders.", "temporal.", "modality_context."}) {
      if (parameter.rfind(part, 0) != 0) continue;
      return parameter.substr(part.size(), parameter.find('.', part.size()) - part.size());
    }
    return {};
  }

  OgmGeConfig config_;
  std::map<std::string, double> factors_;  ///< of this step
};

}  // namespace

std::unique_ptr<Objective> build(const OgmGeConfig& config, const ObjectiveContext& context) {
  auto named = config;
  named.task = named_class_task(config.task, context, OgmGeConfig::kType);
  return std::make_unique<OgmGeObjective>(named);
}

}  // namespace limbic::objectives
