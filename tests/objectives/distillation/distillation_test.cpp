#include "limbic/objectives/distillation.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cmath>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"
#include "limbic/objectives/objective.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

using testing::HasSubstr;

/// A teacher sees face and EDA, a student the face; in a bundle on disk.
class DistillationTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(8);
    context_.counts = {{"emotion", {4, 4, 4}}};
    context_.tasks = {{"emotion", {"happy", "neutral", "sad"}}};
    context_.inputs = {{"eda", {{3}}}, {"face", {{5}}}};
    context_.features = config::load_text<Features>(kFeatures, "features.yaml").features;
    context_.model_config = model_of("[face]");
    student_ = model::build_model(context_.model_config, context_.tasks, context_.inputs);
    context_.model = student_.get();
    const auto teacher_config = model_of("[face, eda]");
    teacher_ = model::build_model(teacher_config, context_.tasks, context_.inputs);
    model::BundleInfo info;
    info.name = "teacher";
    info.tasks = context_.tasks;
    info.inputs = context_.inputs;
    info.features = context_.features;
    info.model = teacher_config;
    model::write_bundle(info, nn::state_of(*teacher_->as_module()), dir_ / "teacher");
    for (const auto& [modality, shape] : context_.inputs) {
      auto& stream = batch_.streams[modality];
      stream.x = at::randn({6, 2, shape.frame.front()});
      stream.mask_BT = at::ones({6, 2}, at::kBool);
      stream.present_B = at::ones({6}, at::kBool);
    }
    batch_.targets["emotion"] = {at::tensor({0, 1, 2, 0, 1, 2}, at::kLong),
                                 torch::tensor({true, true, true, true, false, false})};
    batch_.ids = {"a", "b", "c", "d", "e", "f"};
  }

  struct Features {
    features::FeatureConfig features;
    template <class Visitor>
    void visit(Visitor& v) {
      v("features", features, "");
    }
  };
  static constexpr const char* kFeatures = "features: {face: {type: values}, eda: {type: values}}";

  static model::ModelConfig model_of(const std::string& modalities) {
    std::string encoders;
    for (const char* name : {"face", "eda"}) {
      if (modalities.find(name) != std::string::npos)
        encoders += std::string(encoders.empty() ? "" : ", ") + name +
                    ": {type: mlp, normalize: none, hidden: [8], dropout: 0, input_dropout: 0}";
    }
    return config::load_text<model::ModelConfig>(
        "{encoders: {" + encoders +
            "}, fusion: {type: concat, hidden: [7], dropout: 0}, heads: {emotion: {dropout: 0}}}",
        "model.yaml");
  }

  std::unique_ptr<Objective> built(const std::string& keys) const {
    const auto teachers = keys.find("teachers") == std::string::npos
                              ? ", teachers: [{type: run, path: " + (dir_ / "teacher") + "}]"
                              : std::string();
    return build_objective(config::load_text<DistillationConfig>("{" + keys + teachers + "}", "recipe.yaml"),
                           context_);
  }
  LossTerms loss_of(const std::string& keys) {
    return built(keys)->compute({batch_, student_->forward(batch_), student_.get(), 0.0});
  }

  test::TempDir dir_;
  ObjectiveContext context_;
  std::shared_ptr<model::MultimodalModel> student_, teacher_;
  affect::Batch batch_;
};

TEST_F(DistillationTest, TheStudentLearnsTheScoresOfATeacherThatSeesMore) {
  teacher_->as_module()->eval();
  const auto want =
      distillation_loss(student_->forward(batch_).logits_BC.at("emotion"),
                        teacher_->forward(batch_).logits_BC.at("emotion"), at::ones({6}, at::kBool), 3.0);
  const auto loss = loss_of("temperature: 3, weight: 0.5");
  EXPECT_NEAR(loss.total.item<double>(), 0.5 * 9.0 * want.item<double>(), 1e-5);
  loss.total.backward();
  EXPECT_GT(student_->as_module()->parameters().front().grad().abs().sum().item<double>(), 0.0);
}

TEST_F(DistillationTest, EveryTermReachesTheStudent) {
  for (const char* term : {"features", "relations", "transport", "attention"}) {
    const auto loss = loss_of(std::string("logits: 0, ") + term + ": 1");
    EXPECT_GT(loss.total.item<double>(), 0.0) << term;
    student_->as_module()->zero_grad();
    loss.total.backward();
    EXPECT_GT(student_->as_module()->parameters().front().grad().abs().sum().item<double>(), 0.0) << term;
  }
}

TEST_F(DistillationTest, ASampleThatTheTeacherCannotSeeTeachesNothing) {
  for (auto& [modality, stream] : batch_.streams) {
    stream.present_B = at::zeros({6}, at::kBool);
    stream.mask_BT = at::zeros({6, 2}, at::kBool);
  }
  EXPECT_EQ(loss_of("temperature: 2").total.item<double>(), 0.0);
}

TEST_F(DistillationTest, SmoothingHasTheStrengthOfTheTeacher) {
  teacher_->as_module()->eval();
  const auto teacher_BC = (teacher_->forward(batch_).logits_BC.at("emotion") / 2.0).softmax(1).slice(0, 0, 4);
  const auto label_B = batch_.targets.at("emotion").y_B.slice(0, 0, 4);
  const double on_label =
      std::max(1.0 / 3.0, teacher_BC.gather(1, label_B.unsqueeze(1)).mean().item<double>());
  auto target_BC = at::full({4, 3}, (1.0 - on_label) / 2.0);
  target_BC.scatter_(1, label_B.unsqueeze(1), on_label);
  const auto student_BC =
      (student_->forward(batch_).logits_BC.at("emotion") / 2.0).log_softmax(1).slice(0, 0, 4);
  const double want = (target_BC * (target_BC.log() - student_BC)).sum().item<double>() / 4.0 * 4.0;
  EXPECT_NEAR(loss_of("signal: equal_smoothing, temperature: 2").total.item<double>(), want, 1e-5);
}

TEST_F(DistillationTest, ScoresOfRareClassesWeighMoreWhereClassesAreBalanced) {
  context_.counts = {{"emotion", {8, 2, 1}}};
  teacher_->as_module()->eval();
  const auto teacher_BC = teacher_->forward(batch_).logits_BC.at("emotion");
  const auto student_BC = student_->forward(batch_).logits_BC.at("emotion");
  // 1 / n, at mean 1.
  const double sum = 1.0 / 8 + 1.0 / 2 + 1.0;
  const std::vector<double> weight_C{3.0 / 8 / sum, 3.0 / 2 / sum, 3.0 / sum};
  double total = 0;
  double weights = 0;
  for (int64_t b = 0; b < 6; ++b) {
    const auto p_C = teacher_BC[b].softmax(0);
    const auto t_C = (teacher_BC[b] / 2.0).softmax(0);
    const auto s_C = (student_BC[b] / 2.0).softmax(0);
    double kl = 0;
    double weight = 0;
    for (int64_t c = 0; c < 3; ++c) {
      const double t = t_C[c].item<double>();
      kl += t * std::log(t / s_C[c].item<double>());
      weight += p_C[c].item<double>() * weight_C[static_cast<size_t>(c)];
    }
    if (b < 4) weight = weight_C[static_cast<size_t>(b % 3)];  // labels are known
    total += weight * kl;
    weights += weight;
  }
  EXPECT_NEAR(loss_of("temperature: 2, class_balance: inverse").total.item<double>(), 4.0 * total / weights,
              1e-5);
}

TEST_F(DistillationTest, SeveralTeachersAreWeighed) {
  const auto one = [&](const std::string& weight) {
    return "{type: run, path: " + (dir_ / "teacher") + ", weight: " + weight + "}";
  };
  const double single = loss_of("temperature: 2").total.item<double>();
  EXPECT_NEAR(loss_of("temperature: 2, teachers: [" + one("1") + ", " + one("3") + "]").total.item<double>(),
              single, 1e-5);
  EXPECT_NEAR(loss_of("temperature: 2, mix: confidence, teachers: [" + one("1") + ", " + one("3") + "]")
                  .total.item<double>(),
              single, 1e-5);
}

TEST_F(DistillationTest, AJointTeacherLearnsTheLabelsAndSoFitsOneBatch) {
  const auto objective = built(
      "teachers: [{type: joint, model: {encoders: {face: {type: mlp, normalize: none, hidden: [16]}, "
      "eda: {type: mlp, normalize: none, hidden: [16]}}}}]");
  ASSERT_FALSE(objective->as_module()->parameters().empty());
  double first = 0.0;
  double last = 0.0;
  for (int step = 0; step < 150; ++step) {
    objective->as_module()->zero_grad();
    const auto loss = objective->compute({batch_, student_->forward(batch_), student_.get(), 0.0});
    (step == 0 ? first : last) = loss.terms.at("distillation.teacher.loss").item<double>();
    loss.total.backward();
    const at::NoGradGuard no_gradient;
    for (const auto& parameter : objective->as_module()->parameters()) {
      if (parameter.grad().defined()) parameter.data().add_(parameter.grad(), -0.3);
    }
  }
  EXPECT_LT(last, 0.2 * first);
}

TEST_F(DistillationTest, AnAveragedTeacherFollowsTheStudentAndSurvivesInItsState) {
  const auto objective = built("teachers: [{type: ema, decay: 0.5}]");
  const auto weights_of = [](Objective& of) { return nn::state_of(*of.as_module()); };
  {
    const at::NoGradGuard no_gradient;
    for (const auto& parameter : student_->as_module()->parameters()) parameter.data().add_(1.0);
  }
  const std::string name = "teacher0.teacher." + student_->as_module()->named_parameters().front().key();
  const auto before = weights_of(*objective).at(name).clone();
  objective->after_step(*student_);
  const auto after = weights_of(*objective);
  EXPECT_TRUE((after.at(name) - before).allclose(at::full_like(before, 0.5), 1e-5, 1e-5));
  for (const auto& parameter : objective->as_module()->parameters()) EXPECT_FALSE(parameter.requires_grad());
  const auto other = built("teachers: [{type: ema, decay: 0.5}]");
  nn::load_state(*other->as_module(), after);
  EXPECT_TRUE(weights_of(*other).at(name).equal(after.at(name)));
}

TEST_F(DistillationTest, WhatDoesNotFitIsSaid) {
  const auto said = [&](const std::string& keys) {
    return test::error_of([&] { built(keys); }, ErrorCode::kConfig);
  };
  auto all = context_.features;
  context_.features.erase("eda");
  EXPECT_THAT(said("temperature: 2"),
              HasSubstr("reads the modality 'eda', data.features has only face; add it there, "
                        "and to data.privileged"));
  context_.features =
      config::load_text<Features>("features: {face: {type: values, normalise: mean}, eda: {type: values}}",
                                  "features.yaml")
          .features;
  EXPECT_THAT(said("temperature: 2"), HasSubstr("data.features.face is not made as teacher"));
  context_.features = all;
  context_.tasks.front().classes = {"angry", "happy", "sad"};
  EXPECT_THAT(said("temperature: 2"),
              HasSubstr("has the outputs happy, neutral, sad, here they are angry, happy, sad"));
}

}  // namespace
}  // namespace limbic::objectives
