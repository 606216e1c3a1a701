#pragma once
// A small model of vectors and how it learns, for objectives that learn with few or wrong labels.
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/objective_sum.h"

namespace limbic::test {

constexpr int64_t kClasses = 3;

using Vectors = std::map<std::string, at::Tensor>;  ///< modality -> (B, F)

struct LearnerCase {
  Vectors inputs;  ///< of any batch: modalities and their widths
  bool is_late = false;
  bool batch_norm = false;
  double dropout = 0.0;
  affect::TaskKind kind = affect::TaskKind::kSingleLabel;
  double rate_hz = 0.0;  ///< of values over time; a row has one frame
};

inline affect::Streams streams_of(const Vectors& x) {
  affect::Streams streams;
  for (const auto& [modality, x_BF] : x) {
    const int64_t rows = x_BF.size(0);
    streams[modality] = {x_BF.unsqueeze(1), at::ones({rows, 1}, at::kBool), at::ones({rows}, at::kBool),
                         at::zeros({rows}, at::kDouble), at::ones({rows}, at::kDouble)};
  }
  return streams;
}

/// Of the task "emotion", known where known_B says.
inline affect::Batch batch_of(const Vectors& x, const at::Tensor& y_B, const at::Tensor& known_B) {
  affect::Batch batch;
  batch.streams = streams_of(x);
  batch.targets["emotion"].y_B = y_B.masked_fill(known_B.logical_not(), 0);
  batch.targets["emotion"].mask_B = known_B;
  for (int64_t i = 0; i < y_B.numel(); ++i) batch.ids.push_back("s" + std::to_string(i));
  return batch;
}

/// A model with objectives, and the steps of a learner.
class TinyLearner {
 public:
  TinyLearner(const LearnerCase& chosen, const std::vector<objectives::ObjectiveConfig>& configs,
              uint64_t seed) {
    core::seed_torch(seed);
    model::ModelConfig config;
    std::map<std::string, affect::StreamShape> inputs;
    for (const auto& [modality, x_BF] : chosen.inputs) {
      nn::MlpConfig encoder;
      encoder.normalize = nn::Normalization::kNone;
      encoder.clip = 0;
      encoder.hidden = {32};
      encoder.batch_norm = chosen.batch_norm;
      encoder.dropout = chosen.dropout;
      config.encoders[modality] = encoder;
      inputs[modality] = {{x_BF.size(1)}};
    }
    config.heads["emotion"].dropout = chosen.dropout;
    if (chosen.is_late) config.fusion = nn::ScoreFusionConfig{};
    const std::vector<affect::LabelSpace> tasks = {
        {"emotion", {"angry", "happy", "sad"}, {chosen.kind, {}, chosen.rate_hz}}};
    model_ = model::build_model(config, tasks, inputs);
    objectives::ObjectiveContext context;
    context.counts["emotion"] = {1, 1, 1};
    context.tasks = tasks;
    context.inputs = inputs;
    context.model_config = config;
    context.model = model_.get();
    objectives_ = std::make_unique<objectives::ObjectiveSum>(configs, context);
  }

  objectives::StepLoss loss(const affect::Batch& batch, double progress = 0.0) {
    model_->as_module()->train();
    const auto output = model_->forward(batch);
    return objectives_->compute({batch, output, model_.get(), progress});
  }
  void step(const affect::Batch& batch, double progress, double lr) {
    if (optimizer_ == nullptr) {
      auto parameters = model_->as_module()->parameters();
      for (const auto& own : objectives_->as_module()->parameters()) {
        if (own.requires_grad()) parameters.push_back(own);
      }
      optimizer_ = std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(lr));
    }
    optimizer_->zero_grad();
    loss(batch, progress).total().backward();
    optimizer_->step();
    objectives_->after_step(*model_);
  }
  /// `steps` steps on what `batch` gives.
  void train(const std::function<affect::Batch()>& batch, int64_t steps, double lr) {
    for (int64_t i = 0; i < steps; ++i)
      step(batch(), static_cast<double>(i) / static_cast<double>(steps), lr);
  }
  double accuracy(const Vectors& x, const at::Tensor& y_B) {
    at::NoGradGuard no_grad;
    model_->as_module()->eval();
    const auto output = model_->forward(batch_of(x, y_B, at::zeros_like(y_B).to(at::kBool)));
    return (output.logits_BC.at("emotion").argmax(1) == y_B).to(at::kDouble).mean().item<double>();
  }

  model::MultimodalModel& model() { return *model_; }
  torch::nn::Module& state() { return *objectives_->as_module(); }

 private:
  std::shared_ptr<model::MultimodalModel> model_;
  std::unique_ptr<objectives::ObjectiveSum> objectives_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
};

/// Rows around one of three points on a circle of `radius`, in the first two of `width` numbers; the noise of
/// the others has the deviation `nuisance`.
inline at::Tensor around_classes(const at::Tensor& y_B, double radius, int64_t width, double nuisance) {
  const auto angle_B = y_B.to(at::kFloat) * (2.0 * M_PI / kClasses);
  const auto rest = at::randn({y_B.numel(), width - 2}) * nuisance;
  const auto signal =
      at::stack({angle_B.cos(), angle_B.sin()}, 1) * radius + 0.5 * at::randn({y_B.numel(), 2});
  return at::cat({signal, rest}, 1);
}

/// Classes in turn, so that the first n rows are balanced.
inline at::Tensor classes_in_turn(int64_t rows) {
  return at::arange(rows, at::kLong).remainder(kClasses);
}
inline at::Tensor first_rows(int64_t rows, int64_t first) {
  return at::arange(rows, at::kLong) < first;
}

}  // namespace limbic::test
