#pragma once
// A model of two modalities and two tasks, and a batch with one further view, for objectives to try.
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>

#include <memory>
#include <string>
#include <vector>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/objectives/objective_sum.h"

namespace limbic::objectives {

/// Objectives as a recipe lists them.
struct ObjectiveList {
  std::vector<ObjectiveConfig> objectives;

  template <class Visitor>
  void visit(Visitor& v) {
    v("objectives", objectives, "losses; they add up");
  }
};
/// @param yaml  the list's elements, one a line or in braces: "{type: supervised, task: emotion}"
inline std::vector<ObjectiveConfig> read_objectives(const std::vector<std::string>& yaml) {
  std::string text = "objectives:\n";
  for (const auto& one : yaml) text += "  - " + one + "\n";
  return config::load_text<ObjectiveList>(text, "recipe.yaml", {}).objectives;
}

struct TinyTraining {
  static constexpr int64_t kRows = 12;

  explicit TinyTraining(uint64_t seed = 1, const std::string& fusion = "{type: concat}") {
    core::seed_torch(seed);
    context.tasks = {{"emotion", {"sad", "neutral", "happy"}},
                     {"sentiment", {"negative", "neutral", "positive"}}};
    context.counts = {{"emotion", {4, 4, 4}}, {"sentiment", {4, 4, 4}}};
    context.inputs = {{"audio", {{3}}}, {"eda", {{2}}}};
    context.model_config = config::load_text<model::ModelConfig>(
        "encoders:\n"
        "  audio: {type: gru, projection: 0, hidden: 4, dropout: 0}\n"
        "  eda: {type: gru, projection: 0, hidden: 3, dropout: 0}\n"
        "heads: {emotion: {dropout: 0}, sentiment: {dropout: 0, crf: true}}\n"
        "modality_heads: true\n"
        "fusion: " +
            fusion + "\n",
        "model.yaml", {});
    model = model::build_model(context.model_config, context.tasks, context.inputs);
    context.model = model.get();
    model->as_module()->train();
    make_batch();
  }

  TrainStep step(const affect::ModelOutput& output) const { return {batch, output, model.get(), 0.0}; }

  affect::Targets& emotion() { return batch.targets.at("emotion"); }

  ObjectiveContext context;
  std::shared_ptr<model::MultimodalModel> model;
  affect::Batch batch;

 private:
  /// The class is the level of both modalities, seen through noise.
  void make_batch() {
    const auto y_B = at::arange(kRows, at::kLong).remainder(3);
    const auto all = [] { return at::ones({kRows}, at::kBool); };
    for (const auto& [modality, shape] : context.inputs) {
      const auto level = (y_B.to(at::kFloat) - 1.0).view({-1, 1, 1});
      const auto x = level + 0.3 * at::randn({kRows, 5, shape.frame[0]});
      batch.streams[modality] = {x, at::ones({kRows, 5}, at::kBool), all()};
    }
    batch.views.push_back(batch.streams);
    for (auto& [modality, stream] : batch.views[0]) {
      stream.x = stream.x + 0.1 * at::randn_like(stream.x);
      stream.mask_BT = stream.mask_BT.clone();
      stream.present_B = stream.present_B.clone();
    }
    for (const auto& task : context.tasks) batch.targets[task.task] = {y_B.clone(), all()};
    for (int64_t i = 0; i < kRows; ++i) batch.ids.push_back("clip" + std::to_string(i));
  }
};

/// Objectives that learn on the batch of a TinyTraining, as train::Learner does it.
class TinyLearner {
 public:
  TinyLearner(TinyTraining& training, const std::vector<ObjectiveConfig>& configs)
      : training_(training), objectives_(configs, training.context) {
    for (const auto& module : {training_.model->as_module(), objectives_.as_module()}) {
      for (const auto& parameter : module->parameters()) {
        if (parameter.requires_grad()) parameters_.push_back(parameter);
      }
    }
    optimizer_ = std::make_unique<torch::optim::Adam>(parameters_, torch::optim::AdamOptions(0.05));
  }

  /// @return the loss before the step
  double step(double progress = 0.0) {
    const auto batch = objectives_.prepare(training_.batch);
    const auto output = training_.model->forward(batch);
    const TrainStep step{batch, output, training_.model.get(), progress};
    const auto loss = objectives_.compute(step);
    const auto total = loss.total();
    optimizer_->zero_grad();
    total.backward();
    objectives_.after_backward(step);
    terms = loss.terms;
    is_finite = total.isfinite().item<bool>();
    for (const auto& parameter : parameters_) {
      if (parameter.grad().defined() && !parameter.grad().isfinite().all().item<bool>()) is_finite = false;
    }
    optimizer_->step();
    objectives_.after_step(*training_.model);
    return total.item<double>();
  }
  ObjectiveSum& objectives() { return objectives_; }

  bool is_finite = true;  ///< loss and gradients of the last step
  std::map<std::string, at::Tensor> terms;

 private:
  TinyTraining& training_;
  ObjectiveSum objectives_;
  std::vector<at::Tensor> parameters_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
};

}  // namespace limbic::objectives
