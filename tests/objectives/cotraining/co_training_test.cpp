#include "limbic/objectives/co_training.h"

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

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Three views of five rows; labels_[v] says what view v gives.
std::vector<PseudoLabelRows> three_views() {
  core::seed_torch(61);
  std::vector<PseudoLabelRows> views;
  const std::vector<std::vector<int64_t>> classes = {{0, 1, 2, 0, 1}, {0, 2, 2, 1, 1}, {1, 2, 0, 2, 1}};
  const std::vector<std::vector<int64_t>> accepted = {{1, 1, 0, 1, 0}, {1, 1, 1, 1, 0}, {1, 0, 0, 0, 0}};
  for (size_t v = 0; v < 3; ++v) {
    PseudoLabelRows rows;
    rows.class_B = at::tensor(classes[v], at::kLong);
    rows.confidence_B = at::rand({5}, at::kDouble);
    rows.target_BC = at::rand({5, 3}, at::kDouble).softmax(1);
    rows.accepted_B = at::tensor(accepted[v], at::kLong).to(at::kBool);
    views.push_back(rows);
  }
  return views;
}

TEST(ExchangeByConfidence, TakesTheSurestAcceptedLabelOfEveryRow) {
  const auto views = three_views();
  const auto got = exchange_by_confidence(views);
  for (int64_t b = 0; b < 5; ++b) {
    const PseudoLabelRows* best = nullptr;
    for (const auto& view : views) {
      if (!view.accepted_B[b].item<bool>()) continue;
      if (best == nullptr || view.confidence_B[b].item<double>() > best->confidence_B[b].item<double>())
        best = &view;
    }
    ASSERT_EQ(got.accepted_B[b].item<bool>(), best != nullptr);
    if (best == nullptr) continue;
    EXPECT_EQ(got.class_B[b].item<int64_t>(), best->class_B[b].item<int64_t>());
    EXPECT_EQ(got.confidence_B[b].item<double>(), best->confidence_B[b].item<double>());
    EXPECT_TRUE(at::equal(got.target_BC[b], best->target_BC[b]));
  }
}

TEST(ExchangeByAgreement, TakesTheClassThatEnoughViewsSay) {
  const auto views = three_views();
  const auto two = exchange_by_agreement(views, 2);
  // Accepted votes by row: 0 0 1 | 1 2 - | - 2 - | 0 1 - | none.
  EXPECT_TRUE(at::equal(two.accepted_B, at::tensor({1, 0, 0, 0, 0}, at::kLong).to(at::kBool)));
  EXPECT_EQ(two.class_B[0].item<int64_t>(), 0);
  const auto mean = (views[0].target_BC[0] + views[1].target_BC[0]) / 2;
  EXPECT_TRUE(at::allclose(two.target_BC[0], mean, 0, 1e-15));
  EXPECT_NEAR(two.confidence_B[0].item<double>(),
              (views[0].confidence_B[0] + views[1].confidence_B[0]).item<double>() / 2, 1e-15);
  // Classes with as many votes as another one are no agreement, even where one vote would do.
  const auto one = exchange_by_agreement(views, 1);
  EXPECT_TRUE(at::equal(one.accepted_B, at::tensor({1, 0, 1, 0, 0}, at::kLong).to(at::kBool)));
  EXPECT_EQ(one.class_B[2].item<int64_t>(), 2);
}

class CoTrainingTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(62);
    batch_.ids = {"a", "b", "c", "d"};
    auto& targets = batch_.targets["emotion"];
    targets.y_B = at::tensor({0, 0, 0, 1}, at::kLong);
    targets.mask_B = at::tensor({0, 0, 0, 1}, at::kLong).to(at::kBool);
    // Rows 0 and 1: audio is sure. Row 2: both are. Row 3 has a label.
    set("audio", {0.96, 0.02, 0.02, 0.01, 0.97, 0.02, 0.98, 0.01, 0.01, 0.98, 0.01, 0.01});
    set("face", {0.4, 0.3, 0.3, 0.3, 0.3, 0.4, 0.01, 0.97, 0.02, 0.98, 0.01, 0.01});
    output_.logits_BC["emotion"] = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    for (const auto* view : {"audio", "face"}) output_.used_B[view] = at::ones({4}, at::kBool);
    context_.counts["emotion"] = {1, 1, 1};
    context_.tasks = {{"emotion", {"angry", "happy", "sad"}}};
    config_.views = {"audio", "face"};
    config_.ramp_up.share = 0;
  }
  void set(const std::string& view, const std::vector<double>& p) {
    output_.modality_logits_BC["emotion"][view] =
        at::tensor(p, at::kDouble).view({4, 3}).log().set_requires_grad(true);
  }
  at::Tensor& scores(const std::string& view) { return output_.modality_logits_BC["emotion"][view]; }
  LossTerms loss(double progress = 1.0) const {
    return build_objective(config_, context_)->compute({batch_, output_, nullptr, progress});
  }
  std::string problem() const {
    return test::error_of([&] { loss(); }, ErrorCode::kConfig);
  }
  affect::Batch batch_;
  affect::ModelOutput output_;
  ObjectiveContext context_;
  CoTrainingConfig config_;
};

TEST_F(CoTrainingTest, EveryViewLearnsWhatTheOtherIsSureOf) {
  const auto got = loss();
  // Three candidates. face learns 0, 1, 0 of audio; audio learns 1 of face in row 2 alone.
  const double face = -(std::log(0.4) + std::log(0.3) + std::log(0.01)) / 3;
  const double audio = -std::log(0.01) / 3;
  EXPECT_NEAR(got.terms.at("co_training.face").item<double>(), face, 1e-12);
  EXPECT_NEAR(got.terms.at("co_training.audio").item<double>(), audio, 1e-12);
  EXPECT_NEAR(got.total.item<double>(), face + audio, 1e-12);
  EXPECT_NEAR(got.terms.at("co_training.accepted").item<double>(), 4.0 / 6.0, 1e-6);
}

TEST_F(CoTrainingTest, WeightAndRampScaleTheSumButNotItsTerms) {
  const auto plain = loss();
  config_.weight = 0.5;
  config_.ramp_up = {0.5, RampShape::kLinear};
  const auto young = loss(0.1);
  EXPECT_NEAR(young.total.item<double>(), 0.1 * plain.total.item<double>(), 1e-12);
  EXPECT_EQ(young.terms.at("co_training").item<double>(), plain.terms.at("co_training").item<double>());
}

TEST_F(CoTrainingTest, ALabelPassesNoGradientToTheViewThatGaveIt) {
  loss().total.backward();
  EXPECT_EQ(scores("audio").grad().slice(0, 0, 2).abs().sum().item<double>(), 0.0);
  EXPECT_EQ(scores("audio").grad()[3].abs().sum().item<double>(), 0.0);
  EXPECT_GT(scores("audio").grad()[2].abs().sum().item<double>(), 0.0);
  EXPECT_GT(scores("face").grad()[0].abs().sum().item<double>(), 0.0);
}

TEST_F(CoTrainingTest, GradientsAgreeWithCentralDifferences) {
  config_.labels.threshold = 0.9;
  EXPECT_LT(test::gradient_error([&] { return loss().total; }, {scores("face"), scores("audio")}, 1e-6, 12),
            1e-6);
}

TEST_F(CoTrainingTest, AViewThatIsAbsentNeitherTeachesNorLearns) {
  output_.used_B["audio"] = at::tensor({0, 1, 1, 1}, at::kLong).to(at::kBool);
  const auto want = loss();
  {
    at::NoGradGuard no_grad;
    scores("audio")[0].fill_(kNaN);
    scores("audio")[3].fill_(kNaN);
  }
  const auto got = loss();
  EXPECT_EQ(got.total.item<double>(), want.total.item<double>());
  EXPECT_NEAR(got.terms.at("co_training.face").item<double>(), -(std::log(0.3) + std::log(0.01)) / 2, 1e-12);
  got.total.backward();
  EXPECT_EQ(scores("face").grad()[0].abs().sum().item<double>(), 0.0);
}

TEST_F(CoTrainingTest, TheFusedScoresLearnFromAllViewsWhereAsked) {
  config_.teach_fused = true;
  const auto got = loss();
  got.total.backward();
  const auto& grad = output_.logits_BC["emotion"].grad();
  EXPECT_GT(grad.slice(0, 0, 3).abs().sum(1).min().item<double>(), 0.0);
  EXPECT_EQ(grad[3].abs().sum().item<double>(), 0.0);
  EXPECT_EQ(got.terms.at("co_training.fused.accepted").item<double>(), 1.0);
}

TEST_F(CoTrainingTest, AgreementWantsAllOtherViewsUnlessTold) {
  set("voice", {0.9, 0.05, 0.05, 0.01, 0.97, 0.02, 0.98, 0.01, 0.01, 0.98, 0.01, 0.01});
  output_.used_B["voice"] = at::ones({4}, at::kBool);
  config_.views = {"audio", "face", "voice"};
  config_.rule = ExchangeRule::kAgreement;
  // face learns where audio and voice agree and both are sure: rows 1 and 2.
  EXPECT_NEAR(loss().terms.at("co_training.face.accepted").item<double>(), 2.0 / 3.0, 1e-6);
  config_.min_agreeing = 1;
  EXPECT_NEAR(loss().terms.at("co_training.face.accepted").item<double>(), 1.0, 1e-6);
  config_.min_agreeing = 3;
  EXPECT_NE(problem().find("min_agreeing is 3, but a view has only 2 others"), std::string::npos);
}

TEST_F(CoTrainingTest, WithheldLabelsAreAuditedAndHaveNoInfluence) {
  const auto blind = loss();
  EXPECT_EQ(blind.terms.count("co_training.precision"), 0u);
  batch_.targets["emotion"].withheld_B = at::tensor({0, 2, -1, 1}, at::kLong);
  config_.audit_classes = true;
  const auto seen = loss();
  EXPECT_EQ(seen.total.item<double>(), blind.total.item<double>());
  // Of known truth: face learns 0 (right) and 1 (wrong).
  EXPECT_NEAR(seen.terms.at("co_training.precision").item<double>(), 0.5, 1e-7);
  EXPECT_NEAR(seen.terms.at("co_training.face.precision").item<double>(), 0.5, 1e-7);
  EXPECT_EQ(seen.terms.count("co_training.audio.precision"), 0u);
  EXPECT_EQ(seen.terms.at("co_training.precision.angry").item<double>(), 1.0);
  EXPECT_EQ(seen.terms.at("co_training.precision.happy").item<double>(), 0.0);
}

TEST_F(CoTrainingTest, ABatchOfKnownLabelsGivesZeroWithGradient) {
  batch_.targets["emotion"].mask_B.fill_(true);
  const auto got = loss();
  EXPECT_EQ(got.total.item<double>(), 0.0);
  got.total.backward();
  EXPECT_EQ(scores("face").grad().abs().sum().item<double>(), 0.0);
  EXPECT_EQ(got.terms.count("co_training.accepted"), 0u);
}

TEST_F(CoTrainingTest, MistakesAreErrors) {
  config_.views = {"audio"};
  EXPECT_NE(problem().find("wants two views or more, here: audio"), std::string::npos);
  config_.views = {"audio", "audio"};
  EXPECT_NE(problem().find("named twice"), std::string::npos);
  config_.views = {"audio", "face"};
  output_.modality_logits_BC.clear();
  EXPECT_NE(test::error_of(
                [&] {
                  build_objective(config_, context_)->compute({batch_, output_});
                },
                ErrorCode::kConfig)
                .find("model.modality_heads"),
            std::string::npos);
  context_.tasks[0].traits.kind = affect::TaskKind::kContinuous;
  EXPECT_NE(problem().find("has no classes"), std::string::npos);
}

TEST(CoTrainingConfig, ReadsAndRefuses) {
  const auto read = [](const std::string& text) {
    return config::load_text<CoTrainingConfig>(text, "recipe.yaml", {});
  };
  const auto config = read(
      "{views: [audio, face], rule: agreement, min_agreeing: 1, labels: {threshold: 0.8, curriculum: "
      "flexmatch, "
      "form: soft}, ramp_up: {share: 0.1, shape: linear}}");
  EXPECT_EQ(config.labels.curriculum, Curriculum::kFlexMatch);
  EXPECT_EQ(config::dump(read(config::dump(config))), config::dump(config));
  EXPECT_NE(test::error_of([&] { read("{labels: {threshold: 1.5}}"); }, ErrorCode::kConfig).find("[0, 1]"),
            std::string::npos);
}

TEST(CoTraining, TwoViewsTeachEachOtherWhatFewLabelsDoNot) {
  core::seed_torch(63);
  const auto y_B = test::classes_in_turn(240);
  const auto draw = [&](const at::Tensor& classes_B) {
    return test::Vectors{{"audio", test::around_classes(classes_B, 1.5, 12, 1.0)},
                         {"face", test::around_classes(classes_B, 1.5, 12, 1.0)}};
  };
  const auto x = draw(y_B);
  const auto batch = test::batch_of(x, y_B, test::first_rows(240, 9));
  const auto test_y_B = test::classes_in_turn(600);
  const auto test_x = draw(test_y_B);
  SupervisedConfig labels;
  labels.auxiliary_weight = 1.0;
  CoTrainingConfig exchange;
  exchange.labels.threshold = 0.8;
  const auto accuracy = [&](const std::vector<ObjectiveConfig>& objectives) {
    test::TinyLearner learner({x, /*is_late=*/true}, objectives, 64);
    learner.train([&] { return batch; }, 200, 0.01);
    return learner.accuracy(test_x, test_y_B);
  };
  const double alone = accuracy({labels});
  const double together = accuracy({labels, exchange});
  EXPECT_GT(together, alone + 0.05) << alone;
}

}  // namespace
}  // namespace limbic::objectives
