#include "limbic/objectives/mean_teacher.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <limits>

#include "limbic/config/config.h"
#include "limbic/nn/state.h"
#include "limbic/objectives/supervised_config.h"
#include "little_truth.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

TEST(ConsistencyMse, IsTheMeanOverEntriesThatCount) {
  core::seed_torch(81);
  const auto student_BC = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
  auto teacher_BC = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
  const auto counts_B = at::tensor({1, 0, 1, 1}, at::kLong).to(at::kBool);
  double sum = 0.0;
  for (const int64_t b : {0, 2, 3}) {
    for (int64_t c = 0; c < 3; ++c) {
      const double gap = (student_BC[b][c] - teacher_BC[b][c]).item<double>();
      sum += gap * gap;
    }
  }
  EXPECT_NEAR(consistency_mse(student_BC, teacher_BC, counts_B).item<double>(), sum / 9, 1e-14);
  EXPECT_LT(test::gradient_error([&] { return consistency_mse(student_BC, teacher_BC, counts_B); },
                                 {student_BC}, 1e-6, 12),
            1e-6);
  EXPECT_FALSE(teacher_BC.grad().defined());
  teacher_BC = teacher_BC.detach().clone();
  teacher_BC[1].fill_(std::numeric_limits<double>::quiet_NaN());
  EXPECT_NEAR(consistency_mse(student_BC, teacher_BC, counts_B).item<double>(), sum / 9, 1e-14);
  const auto none = consistency_mse(student_BC, teacher_BC, at::zeros({4}, at::kBool));
  EXPECT_EQ(none.item<double>(), 0.0);
  EXPECT_TRUE(none.requires_grad());
}

TEST(EmaDecay, ForgetsTheFirstWeightsQuickly) {
  EXPECT_EQ(ema_decay(1, 0.99), 0.5);
  EXPECT_NEAR(ema_decay(9, 0.99), 0.9, 1e-15);
  EXPECT_EQ(ema_decay(1000, 0.99), 0.99);
}

class MeanTeacherTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(82);
    y_B_ = test::classes_in_turn(12);
    x_ = {{"face", test::around_classes(y_B_, 2.0, 4, 1.0)}};
    batch_ = test::batch_of(x_, y_B_, at::ones({12}, at::kBool));
    batch_.views = {test::streams_of({{"face", x_.at("face") + 0.3 * at::randn({12, 4})}})};
    config_.ramp_up.share = 0;
    config_.weight = 1.0;
  }
  test::TinyLearner learner() const {
    test::LearnerCase chosen{x_};
    chosen.batch_norm = batch_norm_;
    chosen.dropout = dropout_;
    return {chosen, {SupervisedConfig{}, config_}, 83};
  }
  affect::Batch batch_;
  at::Tensor y_B_;
  test::Vectors x_;
  MeanTeacherConfig config_;
  bool batch_norm_ = false;
  double dropout_ = 0.0;
};

TEST_F(MeanTeacherTest, TheTeacherIsTheMovingAverageOfTheWeights) {
  config_.decay = 0.6;
  auto own = learner();
  std::string name;
  for (const auto& [key, tensor] : nn::state_of(*own.model().as_module())) {
    if (tensor.dim() == 2) name = key;
  }
  ASSERT_FALSE(name.empty());
  const auto student = [&] { return nn::state_of(*own.model().as_module()).at(name).clone(); };
  const auto teacher = [&] { return nn::state_of(own.state()).at("1.teacher." + name).clone(); };
  EXPECT_TRUE(at::equal(student(), teacher()));
  auto want = student();
  for (const double decay : {0.5, 0.6, 0.6}) {
    own.step(batch_, 0.5, 0.01);
    want = decay * want + (1 - decay) * student();
    EXPECT_TRUE(at::allclose(teacher(), want, 0, 1e-6));
  }
}

TEST_F(MeanTeacherTest, IsTheDistanceToTheTeachersOpinionOfTheOtherView) {
  for (const auto distance : {ConsistencyDistance::kMse, ConsistencyDistance::kKl}) {
    config_.distance = distance;
    auto own = learner();
    own.step(batch_, 0.5, 0.05);
    auto teacher = own.model().copy();
    const std::string prefix = "1.teacher.";
    nn::State state;
    for (const auto& [name, tensor] : nn::state_of(own.state())) {
      if (name.rfind(prefix, 0) == 0) state[name.substr(prefix.size())] = tensor;
    }
    nn::load_state(*teacher->as_module(), state);
    const auto p_BC = own.model().forward(batch_).logits_BC.at("emotion").softmax(1);
    const auto q_BC = teacher->forward(batch_.with_view(0)).logits_BC.at("emotion").softmax(1);
    const auto want = distance == ConsistencyDistance::kMse ? (p_BC - q_BC).square().mean()
                                                            : (q_BC * (q_BC / p_BC).log()).sum(1).mean();
    EXPECT_NEAR(own.loss(batch_).terms.at("mean_teacher").item<double>(), want.item<double>(), 1e-6);
    EXPECT_GT(want.item<double>(), 1e-4);
  }
}

TEST_F(MeanTeacherTest, OnlyTheStudentHasAGradient) {
  auto own = learner();
  own.loss(batch_).parts[1].total.backward();
  for (const auto& parameter : own.state().parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
  double sum = 0.0;
  for (const auto& parameter : own.model().as_module()->parameters())
    sum += parameter.grad().abs().sum().item<double>();
  EXPECT_GT(sum, 0.0);
}

TEST_F(MeanTeacherTest, UnlabelledRowsCountAsTheOthersDo) {
  auto own = learner();
  own.step(batch_, 0.5, 0.05);
  const double labelled = own.loss(batch_).terms.at("mean_teacher").item<double>();
  batch_.targets["emotion"].mask_B.fill_(false);
  EXPECT_EQ(own.loss(batch_).terms.at("mean_teacher").item<double>(), labelled);
}

TEST_F(MeanTeacherTest, WithoutAViewDropoutAloneDiffers) {
  config_.input = TeacherInput::kBatch;
  batch_.views.clear();
  auto still = learner();
  EXPECT_EQ(still.loss(batch_).terms.at("mean_teacher").item<double>(), 0.0);
  dropout_ = 0.5;
  auto moving = learner();
  EXPECT_GT(moving.loss(batch_).terms.at("mean_teacher").item<double>(), 0.0);
  config_.input = TeacherInput::kView;
  auto lost = learner();
  EXPECT_NE(test::error_of([&] { lost.loss(batch_); }, ErrorCode::kConfig).find("no further view"),
            std::string::npos);
}

TEST_F(MeanTeacherTest, TheTeacherSurvivesSavingAndLoading) {
  batch_norm_ = true;
  auto before = learner();
  before.train([&] { return batch_; }, 3, 0.02);
  auto after = learner();
  nn::load_state(after.state(), nn::state_of(before.state()));
  nn::load_state(*after.model().as_module(), nn::state_of(*before.model().as_module()));
  EXPECT_EQ(after.loss(batch_).total().item<double>(), before.loss(batch_).total().item<double>());
  EXPECT_EQ(nn::state_of(after.state()).at("1.num_updates").item<int64_t>(), 3);
}

TEST_F(MeanTeacherTest, ValuesAndLabelsAgreeToo) {
  for (const auto kind : {affect::TaskKind::kContinuous, affect::TaskKind::kMultiLabel}) {
    test::LearnerCase chosen{x_};
    chosen.kind = kind;
    test::TinyLearner own(chosen, {config_}, 84);
    const auto loss = own.loss(batch_);
    const auto output = own.model().forward(batch_);
    const auto other = own.model().forward(batch_.with_view(0));
    const auto want =
        kind == affect::TaskKind::kContinuous
            ? output.value_BC.at("emotion") - other.value_BC.at("emotion")
            : output.label_logits_BC.at("emotion").sigmoid() - other.label_logits_BC.at("emotion").sigmoid();
    EXPECT_NEAR(loss.terms.at("mean_teacher").item<double>(), want.square().mean().item<double>(), 1e-7);
    config_.distance = ConsistencyDistance::kKl;
    EXPECT_NE(test::error_of([&] { test::TinyLearner(chosen, {config_}, 84); }, ErrorCode::kConfig)
                  .find("kl is for classes"),
              std::string::npos);
    config_.distance = ConsistencyDistance::kMse;
  }
}

TEST_F(MeanTeacherTest, ValuesOverTimeAgreeFrameByFrame) {
  test::LearnerCase chosen{x_};
  chosen.kind = affect::TaskKind::kContinuous;
  chosen.rate_hz = 1.0;
  test::TinyLearner own(chosen, {config_}, 84);
  const auto loss = own.loss(batch_);
  const auto gap_BTC = own.model().forward(batch_).value_BTC.at("emotion") -
                       own.model().forward(batch_.with_view(0)).value_BTC.at("emotion");
  EXPECT_NEAR(loss.terms.at("mean_teacher").item<double>(), gap_BTC.square().mean().item<double>(), 1e-7);
  EXPECT_GT(loss.total().item<double>(), 0.0);
}

TEST(MeanTeacher, ViewsOfUnlabelledSamplesHelpWhereLabelsAreFew) {
  core::seed_torch(85);
  const auto y_B = test::classes_in_turn(240);
  const test::Vectors x = {{"face", test::around_classes(y_B, 1.5, 14, 2.0)}};
  auto batch = test::batch_of(x, y_B, test::first_rows(240, 12));
  // What a further view changes at random, as augmentation would: all but the first two numbers.
  const auto with_view = [&] {
    const auto& own = x.at("face");
    const auto rest = 2.0 * at::randn({240, 12});
    batch.views = {test::streams_of({{"face", at::cat({own.slice(1, 0, 2), rest}, 1)}})};
    return batch;
  };
  const auto test_y_B = test::classes_in_turn(600);
  const test::Vectors test_x = {{"face", test::around_classes(test_y_B, 1.5, 14, 2.0)}};
  const auto accuracy = [&](const std::vector<ObjectiveConfig>& objectives) {
    test::TinyLearner learner({x}, objectives, 86);
    learner.train(with_view, 200, 0.01);
    return learner.accuracy(test_x, test_y_B);
  };
  MeanTeacherConfig config;
  config.weight = 20.0;
  config.decay = 0.97;
  const double alone = accuracy({SupervisedConfig{}});
  const double taught = accuracy({SupervisedConfig{}, config});
  EXPECT_GT(taught, alone + 0.05) << alone;
}

}  // namespace
}  // namespace limbic::objectives
