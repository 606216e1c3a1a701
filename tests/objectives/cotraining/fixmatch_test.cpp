#include "limbic/objectives/fixmatch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "limbic/config/config.h"
#include "limbic/nn/state.h"
#include "limbic/objectives/supervised_config.h"
#include "little_truth.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

class FixMatchTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(91);
    y_B_ = test::classes_in_turn(12);
    x_ = {{"face", test::around_classes(y_B_, 2.0, 4, 1.0)}};
    batch_ = test::batch_of(x_, y_B_, test::first_rows(12, 4));
    batch_.views = {test::streams_of({{"face", x_.at("face") + at::randn({12, 4})}})};
    config_.labels.threshold = 0.4;
  }
  test::TinyLearner learner() const {
    test::LearnerCase chosen{x_};
    chosen.batch_norm = batch_norm_;
    return {chosen, {config_}, 92};
  }
  affect::Batch batch_;
  at::Tensor y_B_;
  test::Vectors x_;
  FixMatchConfig config_;
  bool batch_norm_ = false;
};

TEST_F(FixMatchTest, SurePredictionsOfTheBatchLabelItsView) {
  auto own = learner();
  const auto got = own.loss(batch_);
  const auto weak_BC = own.model().forward(batch_).logits_BC.at("emotion").softmax(1);
  const auto strong_BC = own.model().forward(batch_.with_view(0)).logits_BC.at("emotion").log_softmax(1);
  double sum = 0.0;
  int64_t num_accepted = 0;
  for (int64_t b = 4; b < 12; ++b) {
    const auto best = weak_BC[b].argmax().item<int64_t>();
    if (weak_BC[b][best].item<double>() < 0.4) continue;
    ++num_accepted;
    sum -= strong_BC[b][best].item<double>();
  }
  ASSERT_GT(num_accepted, 0);
  ASSERT_LT(num_accepted, 8);
  EXPECT_NEAR(got.total().item<double>(), sum / 8, 1e-6);
  EXPECT_NEAR(got.terms.at("fixmatch.accepted").item<double>(), static_cast<double>(num_accepted) / 8, 1e-7);
}

TEST_F(FixMatchTest, TheWeakViewTeachesAndHasNoGradient) {
  auto own = learner();
  own.model().as_module()->train();
  auto output = own.model().forward(batch_);
  auto& weak_BC = output.logits_BC.at("emotion");
  weak_BC = weak_BC.detach().set_requires_grad(true);
  ObjectiveContext context;
  context.counts["emotion"] = {1, 1, 1};
  const auto objective = build_objective(config_, context);
  EXPECT_EQ(objective->num_views(), 1);
  objective->compute({batch_, output, &own.model(), 1.0}).total.backward();
  EXPECT_FALSE(weak_BC.grad().defined());
}

TEST_F(FixMatchTest, TheViewLeavesNoTraceInBatchStatistics) {
  batch_norm_ = true;
  auto own = learner();
  auto plain = own.model().copy();
  plain->as_module()->train();
  plain->forward(batch_);
  const auto loss = own.loss(batch_);
  loss.total().backward();  // autograd must not think that a buffer it stored was changed
  const auto want = nn::state_of(*plain->as_module());
  int64_t num_statistics = 0;
  for (const auto& buffer : own.model().as_module()->named_buffers()) {
    EXPECT_TRUE(at::equal(buffer.value(), want.at(buffer.key()))) << buffer.key();
    num_statistics += buffer.key().find("running") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(num_statistics, 0);
  EXPECT_GT(loss.terms.at("fixmatch.accepted").item<double>(), 0.0);
}

TEST_F(FixMatchTest, WithheldLabelsAreAuditedAndHaveNoInfluence) {
  auto own = learner();
  const auto blind = own.loss(batch_);
  EXPECT_EQ(blind.terms.count("fixmatch.precision"), 0u);
  const auto guess_B = own.model().forward(batch_).logits_BC.at("emotion").argmax(1);
  batch_.targets["emotion"].withheld_B = guess_B;
  const auto right = own.loss(batch_);
  batch_.targets["emotion"].withheld_B = (guess_B + 1).remainder(3);
  const auto wrong = own.loss(batch_);
  EXPECT_EQ(right.terms.at("fixmatch.precision").item<double>(), 1.0);
  EXPECT_EQ(wrong.terms.at("fixmatch.precision").item<double>(), 0.0);
  EXPECT_EQ(right.total().item<double>(), blind.total().item<double>());
  EXPECT_EQ(wrong.total().item<double>(), blind.total().item<double>());
}

TEST_F(FixMatchTest, WithoutSureRowsOrUnlabelledOnesIsZeroWithGradient) {
  config_.labels.threshold = 1.0;
  auto own = learner();
  const auto unsure = own.loss(batch_);
  EXPECT_EQ(unsure.terms.at("fixmatch.accepted").item<double>(), 0.0);
  EXPECT_EQ(unsure.total().item<double>(), 0.0);
  unsure.total().backward();
  batch_.targets["emotion"].mask_B.fill_(true);
  const auto labelled = own.loss(batch_);
  EXPECT_TRUE(labelled.terms.empty());
  EXPECT_TRUE(labelled.total().requires_grad());
  batch_.targets.clear();
  EXPECT_EQ(own.loss(batch_).terms.count("fixmatch.accepted"), 1u);
}

TEST_F(FixMatchTest, TheTeacherAndTheCurriculumSurviveSavingAndLoading) {
  config_.labeller = Labeller::kTeacher;
  config_.labels.curriculum = Curriculum::kFlexMatch;
  config_.labels.align = true;
  batch_norm_ = true;
  auto before = learner();
  before.train([&] { return batch_; }, 4, 0.02);
  auto after = learner();
  nn::load_state(after.state(), nn::state_of(before.state()));
  nn::load_state(*after.model().as_module(), nn::state_of(*before.model().as_module()));
  EXPECT_EQ(after.loss(batch_).total().item<double>(), before.loss(batch_).total().item<double>());
  for (const auto& parameter : after.state().parameters()) EXPECT_FALSE(parameter.requires_grad());
}

TEST_F(FixMatchTest, WantsClassesAndViews) {
  auto own = learner();
  batch_.views.clear();
  EXPECT_NE(test::error_of([&] { own.loss(batch_); }, ErrorCode::kConfig).find("no further view"),
            std::string::npos);
  ObjectiveContext context;
  context.counts["emotion"] = {1, 1, 1};
  context.tasks = {{"emotion", {"a", "b", "c"}, {affect::TaskKind::kMultiLabel}}};
  EXPECT_NE(
      test::error_of([&] { build_objective(config_, context); }, ErrorCode::kConfig).find("has no classes"),
      std::string::npos);
  context.tasks.clear();
  config_.labeller = Labeller::kTeacher;
  EXPECT_NE(
      test::error_of([&] { build_objective(config_, context); }, ErrorCode::kConfig).find("wants the model"),
      std::string::npos);
}

TEST(FixMatch, ViewsOfUnlabelledSamplesHelpWhereLabelsAreFew) {
  core::seed_torch(93);
  const auto y_B = test::classes_in_turn(240);
  const test::Vectors x = {{"face", test::around_classes(y_B, 2.0, 14, 1.0)}};
  auto batch = test::batch_of(x, y_B, test::first_rows(240, 12));
  const auto with_view = [&] {
    const auto rest = at::randn({240, 12});
    batch.views = {test::streams_of({{"face", at::cat({x.at("face").slice(1, 0, 2), rest}, 1)}})};
    return batch;
  };
  const auto test_y_B = test::classes_in_turn(600);
  const test::Vectors test_x = {{"face", test::around_classes(test_y_B, 2.0, 14, 1.0)}};
  const auto accuracy = [&](const std::vector<ObjectiveConfig>& objectives) {
    test::TinyLearner learner({x}, objectives, 94);
    learner.train(with_view, 200, 0.01);
    return learner.accuracy(test_x, test_y_B);
  };
  const double alone = accuracy({SupervisedConfig{}});
  FixMatchConfig config;
  const double plain = accuracy({SupervisedConfig{}, config});
  EXPECT_GT(plain, alone + 0.1) << alone;
  config.labels.curriculum = Curriculum::kFlexMatch;
  EXPECT_GT(accuracy({SupervisedConfig{}, config}), alone + 0.1) << alone;
  config.labeller = Labeller::kTeacher;
  config.decay = 0.97;
  EXPECT_GT(accuracy({SupervisedConfig{}, config}), alone + 0.1) << alone;
}

}  // namespace
}  // namespace limbic::objectives
