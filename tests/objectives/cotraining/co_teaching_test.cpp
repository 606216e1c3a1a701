#include "limbic/objectives/co_teaching.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "limbic/config/config.h"
#include "limbic/nn/state.h"
#include "little_truth.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::objectives {
namespace {

TEST(SmallLossRows, AreTheSmallestOfTheKnownOnes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto loss_B = at::tensor({0.5, 0.1, nan, 0.9, 0.1, 0.3}, at::kDouble);
  const auto known_B = at::tensor({1, 1, 0, 1, 1, 1}, at::kLong).to(at::kBool);
  const auto taken = [&](double rate) { return small_loss_rows(loss_B, known_B, rate).to(at::kLong); };
  EXPECT_TRUE(at::equal(taken(1.0), at::tensor({1, 1, 0, 1, 1, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(taken(0.6), at::tensor({0, 1, 0, 0, 1, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(taken(0.79), at::tensor({0, 1, 0, 0, 1, 1}, at::kLong)));
  // At least one; of equals the first.
  EXPECT_TRUE(at::equal(taken(0.1), at::tensor({0, 1, 0, 0, 0, 0}, at::kLong)));
  EXPECT_FALSE(small_loss_rows(loss_B, at::zeros({6}, at::kBool), 0.5).any().item<bool>());
  const auto hundred = at::arange(100, at::kDouble);
  EXPECT_EQ(small_loss_rows(hundred, at::ones({100}, at::kBool), 0.57).sum().item<int64_t>(), 57);
}

TEST(CoTeachingConfig, TheKeepRateFallsAndStays) {
  CoTeachingConfig config;
  config.forget_rate = 0.4;
  config.gradual_share = 0.1;
  EXPECT_EQ(config.keep_rate(0.0), 1.0);
  EXPECT_NEAR(config.keep_rate(0.05), 0.8, 1e-15);
  EXPECT_NEAR(config.keep_rate(0.1), 0.6, 1e-15);
  EXPECT_NEAR(config.keep_rate(0.9), 0.6, 1e-15);
  config.gradual_share = 0;
  EXPECT_NEAR(config.keep_rate(0.0), 0.6, 1e-15);
}

TEST(RowCrossEntropy, IsMinusTheLogarithmOfTheProbability) {
  core::seed_torch(71);
  const auto logits_BC = at::randn({3, 3}, at::kDouble).set_requires_grad(true);
  affect::Targets targets;
  targets.y_B = at::tensor({2, -1, 0}, at::kLong);
  targets.mask_B = at::tensor({1, 0, 1}, at::kLong).to(at::kBool);
  const auto p_BC = logits_BC.detach().softmax(1);
  const auto loss_B = row_cross_entropy(logits_BC, targets);
  EXPECT_NEAR(loss_B[0].item<double>(), -std::log(p_BC[0][2].item<double>()), 1e-14);
  EXPECT_EQ(loss_B[1].item<double>(), 0.0);
  EXPECT_NEAR(loss_B[2].item<double>(), -std::log(p_BC[2][0].item<double>()), 1e-14);
  targets.soft_BC = at::tensor({0.0, 0.2, 0.8, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0}, at::kDouble).view({3, 3});
  EXPECT_NEAR(row_cross_entropy(logits_BC, targets)[0].item<double>(),
              -(0.2 * std::log(p_BC[0][1].item<double>()) + 0.8 * std::log(p_BC[0][2].item<double>())),
              1e-14);
  EXPECT_LT(
      test::gradient_error([&] { return row_cross_entropy(logits_BC, targets).sum(); }, {logits_BC}, 1e-6, 9),
      1e-6);
}

class CoTeachingTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(72);
    y_B_ = test::classes_in_turn(12);
    x_ = {{"face", test::around_classes(y_B_, 2.0, 4, 1.0)}};
    batch_ = test::batch_of(x_, y_B_, at::ones({12}, at::kBool));
    config_.gradual_share = 0;
  }
  test::TinyLearner learner() const { return {{x_}, {config_}, 73}; }
  at::Tensor y_B_;
  test::Vectors x_;
  affect::Batch batch_;
  CoTeachingConfig config_;
};

TEST_F(CoTeachingTest, EachLearnsTheRowsThatAreEasyForTheOther) {
  config_.forget_rate = 0.5;
  config_.weight = 0.25;
  auto own = learner();
  const auto loss = own.loss(batch_).parts.front();
  // The peer by hand: its weights in another model.
  auto other = own.model().copy();
  nn::State state;
  for (const auto& [name, tensor] : nn::state_of(own.state()))
    state[name.substr(std::string("0.peer.").size())] = tensor;
  nn::load_state(*other->as_module(), state);
  const auto& targets = batch_.targets.at("emotion");
  const auto rows_of = [&](model::MultimodalModel& model) {
    return row_cross_entropy(model.forward(batch_).logits_BC.at("emotion"), targets).detach();
  };
  const auto own_B = rows_of(own.model());
  const auto other_B = rows_of(*other);
  EXPECT_FALSE(at::allclose(own_B, other_B));
  // Six of twelve.
  const auto mean_over_easy = [](const at::Tensor& loss_B, const at::Tensor& judge_B) {
    return loss_B.index_select(0, judge_B.argsort().slice(0, 0, 6)).mean().item<double>();
  };
  EXPECT_NEAR(loss.terms.at("co_teaching").item<double>(), mean_over_easy(own_B, other_B), 1e-6);
  EXPECT_NEAR(loss.terms.at("co_teaching.peer").item<double>(), mean_over_easy(other_B, own_B), 1e-6);
  EXPECT_NEAR(loss.total.item<double>(),
              0.25 * (mean_over_easy(own_B, other_B) + mean_over_easy(other_B, own_B)), 1e-6);
  EXPECT_EQ(loss.terms.at("co_teaching.accepted").item<double>(), 0.5);
}

TEST_F(CoTeachingTest, BothModelsLearn) {
  auto both = learner();
  both.loss(batch_).total().backward();
  for (auto* module : {&both.state(), both.model().as_module().get()}) {
    double sum = 0.0;
    for (const auto& parameter : module->parameters()) {
      EXPECT_TRUE(parameter.requires_grad());
      sum += parameter.grad().abs().sum().item<double>();
    }
    EXPECT_GT(sum, 0.0);
  }
}

TEST_F(CoTeachingTest, SureLabelsWeighMoreAndUnknownOnesNothing) {
  config_.forget_rate = 0;
  auto& targets = batch_.targets["emotion"];
  targets.weight_B = at::ones({12});
  targets.weight_B[0] = 0.25;
  targets.mask_B[1] = false;
  auto own = learner();
  const double got = own.loss(batch_).parts.front().terms.at("co_teaching").item<double>();
  const auto loss_B =
      row_cross_entropy(own.model().forward(batch_).logits_BC.at("emotion"), targets).detach();
  const double want = (loss_B.sum() - 0.75 * loss_B[0]).item<double>() / 10.25;
  EXPECT_NEAR(got, want, 1e-6);
  targets.weight_B[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(own.loss(batch_).parts.front().terms.at("co_teaching").item<double>(), got);
  targets.mask_B.fill_(false);
  const auto none = own.loss(batch_).total();
  EXPECT_EQ(none.item<double>(), 0.0);
  none.backward();
  batch_.targets.clear();
  EXPECT_EQ(own.loss(batch_).total().item<double>(), 0.0);
}

TEST_F(CoTeachingTest, WithheldTruthJudgesTheChosenLabelsAndHasNoInfluence) {
  auto own = learner();
  const auto blind = own.loss(batch_);
  EXPECT_EQ(blind.terms.count("co_teaching.precision"), 0u);
  auto truth_B = y_B_.clone();
  truth_B[0] = 1;
  truth_B[3] = 1;
  batch_.targets["emotion"].withheld_B = truth_B;
  config_.forget_rate = 0;
  auto all = learner();
  EXPECT_NEAR(all.loss(batch_).terms.at("co_teaching.precision").item<double>(), 10.0 / 12.0, 1e-6);
  EXPECT_EQ(own.loss(batch_).total().item<double>(), blind.total().item<double>());
}

TEST_F(CoTeachingTest, ThePeerSurvivesSavingAndLoading) {
  auto before = learner();
  before.train([&] { return batch_; }, 3, 0.01);
  auto after = learner();
  nn::load_state(after.state(), nn::state_of(before.state()));
  nn::load_state(*after.model().as_module(), nn::state_of(*before.model().as_module()));
  EXPECT_EQ(after.loss(batch_, 1.0).total().item<double>(), before.loss(batch_, 1.0).total().item<double>());
}

TEST_F(CoTeachingTest, OverfitsOneBatch) {
  config_.forget_rate = 0.01;  // 11 of 12 rows
  auto own = learner();
  own.train([&] { return batch_; }, 120, 0.02);
  EXPECT_LT(own.loss(batch_, 1.0).terms.at("co_teaching").item<double>(), 0.02);
}

TEST_F(CoTeachingTest, WantsClassesAndAModel) {
  ObjectiveContext context;
  context.counts["emotion"] = {1, 1, 1};
  EXPECT_NE(
      test::error_of([&] { build_objective(config_, context); }, ErrorCode::kConfig).find("wants the model"),
      std::string::npos);
  context.tasks = {{"emotion", {"a", "b", "c"}, {affect::TaskKind::kMultiLabel}}};
  EXPECT_NE(
      test::error_of([&] { build_objective(config_, context); }, ErrorCode::kConfig).find("has no classes"),
      std::string::npos);
}

TEST(CoTeaching, LearnsLessOfWrongLabels) {
  core::seed_torch(74);
  const auto true_B = test::classes_in_turn(300);
  const test::Vectors x = {{"face", test::around_classes(true_B, 2.0, 12, 1.0)}};
  const auto is_wrong_B = at::rand({300}) < 0.4;
  const auto y_B = at::where(is_wrong_B, (true_B + at::randint(1, 3, {300}, at::kLong)).remainder(3), true_B);
  auto batch = test::batch_of(x, y_B, at::ones({300}, at::kBool));
  batch.targets["emotion"].withheld_B = true_B;
  const auto test_y_B = test::classes_in_turn(600);
  const test::Vectors test_x = {{"face", test::around_classes(test_y_B, 2.0, 12, 1.0)}};
  const auto accuracy = [&](const ObjectiveConfig& objective, double* precision) {
    test::TinyLearner learner({x}, {objective}, 75);
    learner.train([&] { return batch; }, 200, 0.01);
    if (precision != nullptr)
      *precision = learner.loss(batch, 1.0).terms.at("co_teaching.precision").item<double>();
    return learner.accuracy(test_x, test_y_B);
  };
  CoTeachingConfig config;
  config.forget_rate = 0.4;
  double precision = 0.0;
  const double alone = accuracy(SupervisedConfig{}, nullptr);
  const double taught = accuracy(config, &precision);
  EXPECT_GT(taught, alone + 0.05) << alone;
  EXPECT_GT(precision, 0.75);  // of all labels 0.6 are right
}

}  // namespace
}  // namespace limbic::objectives
