#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "contrastive/feature_queue.h"
#include "limbic/nn/state.h"
#include "limbic/objectives/contrastive_losses.h"
#include "support/paths.h"
#include "tiny_training.h"

namespace limbic::objectives {
namespace {

LossTerms loss_of(TinyTraining& training, const std::string& yaml) {
  core::seed_torch(60);
  const auto objective = build_objective(read_objectives({yaml}).front(), training.context);
  const auto output = training.model->forward(training.batch);
  return objective->compute(training.step(output));
}
double total_of(TinyTraining& training, const std::string& yaml) {
  return loss_of(training, yaml).total.item<double>();
}

TEST(InfoNce, ComparesTheEmbeddingsOfTheTwoViews) {
  TinyTraining training;
  const auto own = training.model->forward(training.batch);
  const auto view = training.model->forward(training.batch.with_view(0));
  const double audio =
      nt_xent_loss(own.embedding_BD.at("audio"), view.embedding_BD.at("audio"), {}, 0.2).item<double>();
  const double eda =
      nt_xent_loss(own.embedding_BD.at("eda"), view.embedding_BD.at("eda"), {}, 0.2).item<double>();
  const double fused = nt_xent_loss(own.fused_BD, view.fused_BD, {}, 0.2).item<double>();
  const std::string rest = ", temperature: 0.2, projection: {layers: 0}}";
  EXPECT_NEAR(total_of(training, "{type: info_nce, modality: audio" + rest), audio, 1e-5);
  EXPECT_NEAR(total_of(training, "{type: info_nce, modality: each" + rest), audio + eda, 1e-5);
  EXPECT_NEAR(total_of(training, "{type: info_nce, weight: 0.5" + rest), fused / 2, 1e-5);
}

TEST(InfoNce, ASampleThatOneViewLacksHasNoPart) {
  TinyTraining training;
  const std::string yaml = "{type: info_nce, modality: audio}";
  training.batch.streams.at("audio").present_B[3] = false;
  training.batch.views[0].at("audio").present_B[7] = false;
  const double before = total_of(training, yaml);
  training.batch.views[0].at("audio").x[3].fill_(50.0);
  training.batch.streams.at("audio").x[7].fill_(50.0);
  EXPECT_NEAR(total_of(training, yaml), before, 1e-5);
  training.batch.streams.at("audio").x[5].fill_(50.0);
  EXPECT_GT(std::abs(total_of(training, yaml) - before), 1e-4);
}

TEST(InfoNce, MocosKeysFollowTheModelSlowlyAndLearnNothingThemselves) {
  TinyTraining training;
  TinyLearner learner(training,
                      read_objectives({"{type: info_nce, queue: 30, momentum: 0.9, modality: audio}"}));
  const auto module = learner.objectives().as_module();
  const auto key_of = [&] {
    return module->named_parameters()["0.key.model.encoders.audio.recurrent.gru.weight_ih_l0"];
  };
  const auto own_of = [&] {
    return training.model->as_module()->named_parameters()["encoders.audio.recurrent.gru.weight_ih_l0"];
  };
  for (const auto& item : module->named_parameters()) {
    EXPECT_EQ(item.value().requires_grad(), item.key().find(".key.") == std::string::npos) << item.key();
  }
  const auto key = key_of().clone();
  EXPECT_TRUE(key.equal(own_of()));
  learner.step();
  EXPECT_FALSE(key.equal(own_of()));
  EXPECT_TRUE(at::allclose(key_of(), 0.9 * key + 0.1 * own_of(), 1e-5, 1e-7));
}

TEST(InfoNce, MomentumNeedsAQueueAndLateFusionHasNothingFused) {
  EXPECT_NE(test::error_of([] { read_objectives({"{type: info_nce, momentum: 0.9}"}); }, ErrorCode::kConfig)
                .find("must be positive with momentum"),
            std::string::npos);
  TinyTraining late(1, "{type: score}");
  EXPECT_EQ(test::error_of([&] { total_of(late, "{type: info_nce}"); }, ErrorCode::kConfig),
            "info_nce: late fusion has no fused vector; name a modality, or each");
  EXPECT_EQ(test::error_of([&] { total_of(late, "{type: info_nce, modality: audoi}"); }, ErrorCode::kConfig),
            "info_nce: the model has no modality 'audoi', only each, audio, eda; did you mean 'audio'?");
}

TEST(FeatureQueue, KeepsTheLastInOrderAndOfLengthOne) {
  core::seed_torch(61);
  FeatureQueue queue(4, 2);
  EXPECT_TRUE(at::allclose(queue.vector_KD().norm(2, 1), at::ones({4})));
  const auto numbered = [](int64_t from, int64_t to) {
    const auto angle = at::arange(from, to, at::kFloat) / 10.0;
    return at::stack({angle.cos(), angle.sin()}, 1);
  };
  const auto held = [&] { return std::get<0>((queue.vector_KD().select(1, 1).asin() * 10.0).sort()); };
  queue.push(3.0 * numbered(0, 3));
  queue.push(numbered(3, 6));
  EXPECT_TRUE(at::allclose(held(), at::tensor({2.0, 3.0, 4.0, 5.0}, at::kFloat), 1e-4, 1e-4));
  queue.push(numbered(6, 12));
  EXPECT_TRUE(at::allclose(held(), at::tensor({8.0, 9.0, 10.0, 11.0}, at::kFloat), 1e-4, 1e-4));
  queue.push(numbered(0, 0));
  EXPECT_TRUE(at::allclose(held(), at::tensor({8.0, 9.0, 10.0, 11.0}, at::kFloat), 1e-4, 1e-4));
}

TEST(CrossModal, ComparesPairsOfModalitiesOverSamplesThatHaveBoth) {
  TinyTraining training(1);
  training.batch.streams.at("eda").present_B[2] = false;
  training.batch.streams.at("audio").present_B[4] = false;
  const std::string yaml = "{type: cross_modal, temperature: 0.5}";
  const auto before = loss_of(training, yaml);
  ASSERT_EQ(before.terms.size(), 1u);
  EXPECT_EQ(before.terms.begin()->first, "cross_modal.audio_eda");
  training.batch.streams.at("audio").x[2].fill_(50.0);
  EXPECT_NEAR(total_of(training, yaml), before.total.item<double>(), 1e-5);
  training.batch.streams.at("audio").x[3].fill_(50.0);
  EXPECT_GT(std::abs(total_of(training, yaml) - before.total.item<double>()), 1e-4);
}

TEST(CrossModal, LearnsItsTemperatureWhereItMay) {
  for (const bool learns : {true, false}) {
    TinyTraining training;
    TinyLearner learner(training, read_objectives({std::string("{type: cross_modal, learn_temperature: ") +
                                                   (learns ? "true}" : "false}")}));
    const auto scale = [&] {
      return nn::state_of(*learner.objectives().as_module()).at("0.log_scale").item<float>();
    };
    const float before = scale();
    EXPECT_NEAR(before, std::log(1.0 / 0.07), 1e-5);
    learner.step();
    EXPECT_EQ(scale() != before, learns);
  }
}

TEST(CrossModal, SaysWhatItCannotCompare) {
  TinyTraining training;
  EXPECT_NE(test::error_of([&] { total_of(training, "{type: cross_modal, projection: {layers: 0}}"); },
                           ErrorCode::kConfig)
                .find("embeddings of different widths"),
            std::string::npos);
  EXPECT_EQ(
      test::error_of([&] { total_of(training, "{type: cross_modal, anchor: text}"); }, ErrorCode::kConfig),
      "cross_modal: anchor 'text' is none of the modalities audio, eda");
  EXPECT_NE(test::error_of([&] { total_of(training, "{type: cross_modal, modalities: [audio, text]}"); },
                           ErrorCode::kConfig)
                .find("no modality 'text'"),
            std::string::npos);
}

TEST(LabelContrasts, UnknownLabelsHaveNoPart) {
  for (const std::string type : {"supervised_contrastive", "adaptive_margin_triplet"}) {
    const std::string yaml = "{type: " + type + ", task: emotion, projection: {layers: 0}}";
    TinyTraining training;
    training.emotion().mask_B[0] = false;
    const double before = total_of(training, yaml);
    training.emotion().y_B[0] = 2;
    training.batch.streams.at("audio").x[0].fill_(50.0);
    EXPECT_NEAR(total_of(training, yaml), before, 1e-5) << type;
    training.emotion().level_B = at::full({TinyTraining::kRows}, 2, at::kLong);
    training.emotion().level_B[1] = 1;
    EXPECT_NEAR(total_of(training, yaml.substr(0, yaml.size() - 1) + ", level: any}"), before, 1e-5) << type;
    EXPECT_NE(total_of(training, yaml.substr(0, yaml.size() - 1) + ", level: full}"), before) << type;
  }
}

TEST(LabelContrasts, AreForTasksOfClasses) {
  TinyTraining training;
  training.context.tasks[0].traits.kind = affect::TaskKind::kContinuous;
  EXPECT_EQ(test::error_of([&] { total_of(training, "{type: supervised_contrastive, task: emotion}"); },
                           ErrorCode::kConfig),
            "supervised_contrastive: task 'emotion' has no classes");
}

TEST(AdaptiveMarginTriplet, WithAConstantMarginClassesComeApart) {
  TinyTraining training;
  TinyLearner learner(
      training,
      read_objectives(
          {"{type: adaptive_margin_triplet, task: emotion, modality: audio, projection: {layers: 0}}"}));
  const auto ratio = [&] {
    at::NoGradGuard no_grad;
    const auto x = training.model->forward(training.batch).embedding_BD.at("audio");
    const auto z = x / x.norm(2, 1, true);
    const auto distance = (2.0 - 2.0 * z.mm(z.t())).clamp_min(0.0).sqrt();
    const auto& y = training.emotion().y_B;
    const auto same = (y.unsqueeze(1) == y.unsqueeze(0)).to(at::kFloat);
    const auto within = (distance * same).sum() / (same.sum() - same.size(0));
    const auto between = (distance * (1.0 - same)).sum() / (1.0 - same).sum();
    return (within / between).item<double>();
  };
  const double before = ratio();
  for (int i = 0; i < 40; ++i) learner.step();
  EXPECT_LT(ratio(), 0.7 * before) << before;
}

TEST(Vicreg, ComparesTwoViewsOrTwoModalities) {
  TinyTraining training;
  const auto views = loss_of(training, "{type: vicreg, modality: audio}");
  EXPECT_EQ(views.terms.count("vicreg.audio.invariance"), 1u);
  const auto& terms = views.terms;
  EXPECT_NEAR(views.total.item<double>(),
              25.0 * terms.at("vicreg.audio.invariance").item<double>() +
                  25.0 * terms.at("vicreg.audio.variance").item<double>() +
                  terms.at("vicreg.audio.covariance").item<double>(),
              1e-3);
  training.batch.views.clear();
  EXPECT_GT(total_of(training, "{type: vicreg, modality: audio, against: eda}"), 0.0);
  EXPECT_NE(test::error_of([] { read_objectives({"{type: vicreg, modality: each, against: eda}"}); },
                           ErrorCode::kConfig)
                .find("must be another one than modality"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::objectives
