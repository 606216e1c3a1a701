#include "limbic/objectives/co_training.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "build.h"
#include "class_task.h"
#include "further_pass.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::objectives {
namespace {

const std::string kCoTraining = CoTrainingConfig::kType;

/// Labels of several views as one: (V, B) and (V, B, C).
PseudoLabelRows stacked(const std::vector<PseudoLabelRows>& of_view) {
  std::vector<at::Tensor> classes, confidences, targets, accepted;
  for (const auto& rows : of_view) {
    classes.push_back(rows.class_B);
    confidences.push_back(rows.confidence_B);
    targets.push_back(rows.target_BC);
    accepted.push_back(rows.accepted_B);
  }
  return {at::stack(classes), at::stack(confidences), at::stack(targets), at::stack(accepted)};
}

class CoTrainingObjective final : public Objective {
 public:
  CoTrainingObjective(CoTrainingConfig config, affect::LabelSpace task, const std::vector<int64_t>& counts_C)
      : config_(std::move(config)),
        task_(std::move(task)),
        module_(std::make_shared<torch::nn::Module>("co_training")) {
    for (const auto& view : config_.views) {
      labels_.emplace_back(config_.labels, counts_C);
      module_->register_module(view, labels_.back().as_module());
    }
  }

  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }

  LossTerms compute(const TrainStep& step) override {
    const auto& scores = scores_of(step.output);
    const auto unlabelled_B = rows_without_label(step.batch, task_.task, scores.begin()->second);
    const size_t num_views = config_.views.size();
    std::vector<PseudoLabelRows> given;
    std::vector<at::Tensor> can_B;
    for (size_t v = 0; v < num_views; ++v) {
      const auto& view = config_.views[v];
      can_B.push_back(unlabelled_B.logical_and(step.output.used_B.at(view)));
      given.push_back(labels_[v].label(scores.at(view).detach(), can_B[v], step.batch.ids));
    }
    Lessons lessons{step, {}, {}, {}};
    for (size_t v = 0; v < num_views; ++v) {
      const auto& view = config_.views[v];
      learn(view, scores.at(view), v, given, can_B, lessons);
    }
    if (config_.teach_fused)
      learn("fused", step.output.logits_BC.at(task_.task), num_views, given, can_B, lessons);
    return summed(lessons);
  }

 private:
  /// What the learners of one step were taught.
  struct Lessons {
    const TrainStep& step;
    LossTerms loss;
    std::vector<PseudoLabelRows> labels;   ///< by learner
    std::vector<at::Tensor> candidates_B;  ///< by learner
  };

  const std::map<std::string, at::Tensor>& scores_of(const affect::ModelOutput& output) const {
    const auto found = output.modality_logits_BC.find(task_.task);
    require(found != output.modality_logits_BC.end(), ErrorCode::kConfig,
            "co_training: the model has no scores of single modalities for '" + task_.task +
                "'; give it heads of their own (model.modality_heads: true) or late fusion");
    return found->second;
  }

  /// @param own  the learner's index among the views; their number for a learner that is none of them
  void learn(const std::string& learner, const at::Tensor& logits_BC, size_t own,
             const std::vector<PseudoLabelRows>& given, const std::vector<at::Tensor>& can_B,
             Lessons& lessons) const {
    std::vector<PseudoLabelRows> of_others;
    at::Tensor candidate_B;
    for (size_t v = 0; v < given.size(); ++v) {
      if (v == own) continue;
      of_others.push_back(given[v]);
      candidate_B = candidate_B.defined() ? candidate_B.logical_or(can_B[v]) : can_B[v];
    }
    // A row must show something to its learner, and to one of the others at least.
    if (own < given.size()) candidate_B = candidate_B.logical_and(can_B[own]);
    auto labels = config_.rule == ExchangeRule::kConfidence
                      ? exchange_by_confidence(of_others)
                      : exchange_by_agreement(of_others, num_agreeing(of_others.size()));
    labels.accepted_B = labels.accepted_B.logical_and(candidate_B);
    const auto term = pseudo_label_loss(logits_BC, labels, candidate_B);
    auto& loss = lessons.loss;
    loss.total = loss.total.defined() ? loss.total + term : term;
    const auto name = kCoTraining + "." + learner;
    loss.terms[name] = term.detach();
    audit_labels(name, labels, candidate_B, withheld_of(lessons.step.batch, task_.task), loss.terms);
    lessons.labels.push_back(std::move(labels));
    lessons.candidates_B.push_back(candidate_B);
  }

  /// All learners' labels together, and the weight.
  LossTerms summed(Lessons& lessons) const {
    auto& loss = lessons.loss;
    loss.terms[kCoTraining] = loss.total.detach();
    std::vector<at::Tensor> classes, accepted;
    for (const auto& rows : lessons.labels) {
      classes.push_back(rows.class_B);
      accepted.push_back(rows.accepted_B);
    }
    const PseudoLabelRows all{at::cat(classes), {}, {}, at::cat(accepted)};
    auto withheld = withheld_of(lessons.step.batch, task_.task);
    if (withheld.defined()) withheld = withheld.repeat({static_cast<int64_t>(lessons.labels.size())});
    audit_labels(kCoTraining, all, at::cat(lessons.candidates_B), withheld, loss.terms);
    if (config_.audit_classes) audit_classes(kCoTraining, all, withheld, task_.classes, loss.terms);
    loss.total = loss.total * (config_.weight * config_.ramp_up.factor(lessons.step.progress));
    return std::move(loss);
  }

  int64_t num_agreeing(size_t num_others) const {
    return config_.min_agreeing > 0 ? config_.min_agreeing : static_cast<int64_t>(num_others);
  }

  CoTrainingConfig config_;
  affect::LabelSpace task_;
  std::vector<PseudoLabels> labels_;  ///< by view
  std::shared_ptr<torch::nn::Module> module_;
};

/// The modalities that take part.
std::vector<std::string> views_of(const CoTrainingConfig& config, const ObjectiveContext& context) {
  std::vector<std::string> known;
  for (const auto& [modality, encoder] : context.model_config.encoders) known.push_back(modality);
  if (config.views.empty()) return known;
  for (const auto& view : config.views) {
    require(std::count(config.views.begin(), config.views.end(), view) == 1, ErrorCode::kConfig,
            "co_training: view '" + view + "' is named twice");
    require(known.empty() || std::find(known.begin(), known.end(), view) != known.end(), ErrorCode::kConfig,
            "co_training: the model has no modality '" + view + "', only " + core::join(known) +
                core::did_you_mean(view, known));
  }
  return config.views;
}

}  // namespace

PseudoLabelRows exchange_by_confidence(const std::vector<PseudoLabelRows>& of_view) {
  const auto all = stacked(of_view);
  const auto [best_1B, from_1B] =
      all.confidence_B.masked_fill(all.accepted_B.logical_not(), -1.0).max(0, /*keepdim=*/true);
  PseudoLabelRows labels;
  labels.class_B = all.class_B.gather(0, from_1B).squeeze(0);
  labels.confidence_B = all.confidence_B.gather(0, from_1B).squeeze(0);
  labels.accepted_B = all.accepted_B.any(0);
  const auto from_1BC = from_1B.unsqueeze(2).expand({1, -1, all.target_BC.size(2)});
  labels.target_BC = all.target_BC.gather(0, from_1BC).squeeze(0);
  return labels;
}

PseudoLabelRows exchange_by_agreement(const std::vector<PseudoLabelRows>& of_view, int64_t min_agreeing) {
  const auto all = stacked(of_view);
  const int64_t num_classes = all.target_BC.size(2);
  const auto vote_VBC = at::one_hot(all.class_B, num_classes).mul(all.accepted_B.to(at::kLong).unsqueeze(2));
  const auto votes_BC = vote_VBC.sum(0);
  PseudoLabelRows labels;
  at::Tensor most_B;
  std::tie(most_B, labels.class_B) = votes_BC.max(1);
  const auto is_alone_B = (votes_BC == most_B.unsqueeze(1)).sum(1) == 1;
  labels.accepted_B = (most_B >= min_agreeing).logical_and(is_alone_B);
  const auto is_for_VB = all.accepted_B.logical_and(all.class_B == labels.class_B);
  const auto share_VB =
      is_for_VB.to(all.confidence_B.scalar_type()) / most_B.clamp_min(1).to(all.confidence_B.scalar_type());
  labels.confidence_B = (all.confidence_B * share_VB).sum(0);
  labels.target_BC = (all.target_BC * share_VB.unsqueeze(2)).sum(0);
  return labels;
}

std::unique_ptr<Objective> build(const CoTrainingConfig& config, const ObjectiveContext& context) {
  auto task = class_task(CoTrainingConfig::kType, config.task, context);
  auto named = config;
  named.views = views_of(config, context);
  const auto num_views = static_cast<int64_t>(named.views.size());
  require(num_views >= 2, ErrorCode::kConfig,
          "co_training wants two views or more, here: " +
              (named.views.empty() ? std::string("none") : core::join(named.views)) +
              "; views are modalities of the model");
  require(named.min_agreeing < num_views, ErrorCode::kConfig,
          "co_training: min_agreeing is " + std::to_string(named.min_agreeing) + ", but a view has only " +
              std::to_string(num_views - 1) + " others");
  const auto& counts_C = context.counts.at(task.task);
  return std::make_unique<CoTrainingObjective>(std::move(named), std::move(task), counts_C);
}

}  // namespace limbic::objectives
