#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "limbic/nn/state.h"
#include "limbic/objectives/gradient_blending.h"
#include "support/paths.h"
#include "tiny_training.h"

namespace limbic::objectives {
namespace {

class OgmGeTest : public testing::Test {
 protected:
  /// Gradients of the model after after_backward, all 1 before it.
  std::map<std::string, at::Tensor> gradients(const std::string& yaml, double progress = 0.0) {
    const auto objective = build_objective(read_objectives({yaml}).front(), training_.context);
    auto output = training_.model->forward(training_.batch);
    // Probabilities of the right class: 0.8 and 0.2.
    const auto label = at::one_hot(training_.emotion().y_B, 3).to(at::kFloat);
    auto& scores = output.modality_logits_BC.at("emotion");
    scores["audio"] = (label * 0.8 + (1.0 - label) * 0.1).log();
    scores["eda"] = (label * 0.2 + (1.0 - label) * 0.4).log();
    const TrainStep step{training_.batch, output, training_.model.get(), progress};
    loss_ = objective->compute(step);
    for (const auto& item : training_.model->as_module()->named_parameters())
      at::Tensor(item.value()).mutable_grad() = at::ones_like(item.value());
    objective->after_backward(step);
    std::map<std::string, at::Tensor> result;
    for (const auto& item : training_.model->as_module()->named_parameters())
      result[item.key()] = item.value().grad().clone();
    return result;
  }
  static bool is_of(const std::string& name, const std::string& modality) {
    return name.rfind("encoders." + modality + ".", 0) == 0;
  }
  TinyTraining training_;
  LossTerms loss_;
};

TEST_F(OgmGeTest, ScalesTheLeadingModalitysEncoderByItsFormula) {
  const double factor = 1.0 - std::tanh(0.3 * 0.8 / 0.2);
  for (const auto& [name, gradient] : gradients("{type: ogm_ge, task: emotion, alpha: 0.3, noise: false}")) {
    const auto want = at::full_like(gradient, is_of(name, "audio") ? factor : 1.0);
    EXPECT_TRUE(at::allclose(gradient, want, 1e-4, 1e-5)) << name;
  }
  EXPECT_EQ(loss_.total.item<double>(), 0.0);
  EXPECT_NEAR(loss_.terms.at("ogm_ge.audio").item<double>(), factor, 1e-5);
  EXPECT_EQ(loss_.terms.at("ogm_ge.eda").item<double>(), 1.0);
}

TEST_F(OgmGeTest, WorksInItsShareOfTheTrainingAndWhereLabelsAreKnown) {
  const std::string yaml = "{type: ogm_ge, task: emotion, start: 0.2, end: 0.6, noise: false}";
  const auto changes = [&](double progress) {
    for (const auto& [name, gradient] : gradients(yaml, progress)) {
      if (!gradient.equal(at::ones_like(gradient))) return true;
    }
    return false;
  };
  EXPECT_FALSE(changes(0.1));
  EXPECT_TRUE(changes(0.2));
  EXPECT_FALSE(changes(0.6));
  training_.emotion().mask_B.fill_(false);
  EXPECT_FALSE(changes(0.3));
}

TEST_F(OgmGeTest, TheNoiseIsOfTheGradientsSize) {
  core::seed_torch(81);
  const auto objective =
      build_objective(read_objectives({"{type: ogm_ge, task: emotion}"}).front(), training_.context);
  const auto output = training_.model->forward(training_.batch);
  objective->compute(training_.step(output));
  double sum = 0.0;
  int64_t count = 0;
  // Over many draws: what is added to a gradient of deviation 2 has deviation 2.
  auto weight = training_.model->as_module()->named_parameters()["encoders.eda.recurrent.gru.weight_hh_l0"];
  const auto term = objective->compute(training_.step(output)).terms.at("ogm_ge.eda").item<double>();
  const auto own = at::randn_like(weight);
  const auto gradient = (own - own.mean()) / own.std() * 2.0;
  for (int round = 0; round < 50; ++round) {
    weight.mutable_grad() = gradient.clone();
    objective->after_backward(training_.step(output));
    const auto noise = weight.grad() - gradient * term;
    sum += noise.square().sum().item<double>();
    count += noise.numel();
  }
  EXPECT_NEAR(std::sqrt(sum / static_cast<double>(count)), 2.0, 0.15);
}

TEST(OgmGe, NeedsScoresOfSingleModalities) {
  TinyTraining training;
  auto output = training.model->forward(training.batch);
  output.modality_logits_BC.clear();
  const auto objective =
      build_objective(read_objectives({"{type: ogm_ge, task: emotion}"}).front(), training.context);
  EXPECT_NE(test::error_of([&] { objective->compute(training.step(output)); }, ErrorCode::kConfig)
                .find("model.modality_heads"),
            std::string::npos);
}

TEST(BlendingWeights, AreGainByOverfittingSquared) {
  // Head 0: gain 0.4, overfitting 0.2; head 1: gain 0.2, overfitting 0.4; head 2 got worse.
  const BlendingLosses first{{1.0, 1.0, 1.0}, {1.1, 1.1, 1.1}};
  const BlendingLosses second{{0.4, 0.4, 0.8}, {0.7, 0.9, 1.3}};
  const double a = 0.4 / (0.2 * 0.2);
  const double b = 0.2 / (0.4 * 0.4);
  const auto weights = blending_weights(first, second, {0.2, 0.3, 0.5});
  EXPECT_NEAR(weights[0], a / (a + b), 1e-9);
  EXPECT_NEAR(weights[1], b / (a + b), 1e-9);
  EXPECT_EQ(weights[2], 0.0);
  EXPECT_EQ(blending_weights(first, first, {0.2, 0.3, 0.5}), (std::vector<double>{0.2, 0.3, 0.5}));
}

class GradientBlendingTest : public testing::Test {
 protected:
  at::Tensor tensor(TinyLearner& learner, const std::string& name) const {
    return nn::state_of(*learner.objectives().as_module()).at("0." + name);
  }
  TinyTraining training_;
};

TEST_F(GradientBlendingTest, NobodyLearnsFromHeldOutLabels) {
  const std::string yaml = "{type: gradient_blending, task: emotion, holdout: 0.4}";
  const auto objective = build_objective(read_objectives({yaml}).front(), training_.context);
  const auto prepared = objective->prepare(training_.batch);
  const auto& mask_B = prepared.targets.at("emotion").mask_B;
  const int64_t num_held = TinyTraining::kRows - mask_B.sum().item<int64_t>();
  ASSERT_GT(num_held, 0);
  ASSERT_LT(num_held, TinyTraining::kRows);
  EXPECT_TRUE(prepared.targets.at("sentiment").mask_B.all().item<bool>());
  // The same samples every time.
  EXPECT_TRUE(objective->prepare(training_.batch).targets.at("emotion").mask_B.equal(mask_B));
  const auto total = [&] {
    const auto batch = objective->prepare(training_.batch);
    const auto output = training_.model->forward(batch);
    return objective->compute({batch, output, training_.model.get(), 0.0}).total.item<double>();
  };
  const double before = total();
  training_.emotion().y_B =
      at::where(mask_B, training_.emotion().y_B, (training_.emotion().y_B + 1).remainder(3));
  EXPECT_EQ(total(), before);
}

TEST_F(GradientBlendingTest, WeighsHeadsAnewAfterEveryWindowButTheFirst) {
  TinyLearner learner(
      training_, read_objectives({"{type: gradient_blending, task: emotion, holdout: 0.4, every_steps: 5}"}));
  const auto weights = [&] { return tensor(learner, "weight").clone(); };
  const auto equal = at::full({3}, 1.0 / 3.0, at::kDouble);
  for (int i = 0; i < 9; ++i) {
    learner.step();
    EXPECT_TRUE(at::allclose(weights(), equal)) << i;
    EXPECT_NEAR(learner.terms.at("gradient_blending.eda").item<double>(), 1.0 / 3.0, 1e-6);
  }
  learner.step();
  const auto blended = weights();
  EXPECT_FALSE(at::allclose(blended, equal));
  EXPECT_NEAR(blended.sum().item<double>(), 1.0, 1e-9);
  learner.step();
  EXPECT_NEAR(learner.terms.at("gradient_blending.fused").item<double>(), blended[0].item<double>(), 1e-6);
}

TEST_F(GradientBlendingTest, WantsTwoModalities) {
  TinyTraining training;
  model::ModelConfig one = training.context.model_config;
  one.encoders.erase("eda");
  const auto model = model::build_model(one, training.context.tasks, training.context.inputs);
  training.context.model = model.get();
  EXPECT_EQ(test::error_of(
                [&] {
                  build_objective(read_objectives({"{type: gradient_blending, task: emotion}"}).front(),
                                  training.context);
                },
                ErrorCode::kConfig),
            "gradient_blending: the model has one modality only");
}

}  // namespace
}  // namespace limbic::objectives
