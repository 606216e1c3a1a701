#include "limbic/model/multimodal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <limits>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::model {
namespace {

const float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kRows = 4;

const std::vector<affect::LabelSpace> kTasks = {{"emotion", {"angry", "happy", "sad"}},
                                                {"valence", {"low", "high"}}};
const std::map<std::string, StreamShape> kInputs = {
    {"audio", {{8}}}, {"eda", {{1}}}, {"face", {{1, 12, 12}}}};

ModelConfig tiny_config(const nn::FusionConfig& fusion) {
  ModelConfig config;
  nn::ResNetFaceConfig face;
  face.stem_channels = 4;
  face.stages = {{6, 1, 2}};
  nn::ConvRecurrentConfig audio;
  audio.layers = {{4, 3, 1, false, 2, 2, 0.0}};
  audio.projection = 6;
  audio.hidden = 4;
  audio.attention_hidden = 3;
  nn::GruConfig eda;
  eda.hidden = 3;
  eda.projection = 4;
  config.encoders = {{"audio", audio}, {"eda", eda}, {"face", face}};
  config.fusion = fusion;
  return config;
}

affect::Batch full_batch(at::ScalarType dtype = at::kFloat) {
  affect::Batch batch;
  const auto all = at::ones({kRows}, at::kBool);
  batch.streams["audio"] = {at::randn({kRows, 20, 8}, dtype), at::ones({kRows, 20}, at::kBool), all.clone()};
  batch.streams["eda"] = {at::randn({kRows, 6, 1}, dtype), at::ones({kRows, 6}, at::kBool), all.clone()};
  batch.streams["face"] = {at::randint(256, {kRows, 2, 1, 12, 12}, at::kByte),
                           at::ones({kRows, 2}, at::kBool), all.clone()};
  for (int64_t i = 0; i < kRows; ++i) batch.ids.push_back("clip" + std::to_string(i));
  return batch;
}

class MultimodalTest : public testing::TestWithParam<nn::FusionConfig> {
 protected:
  void SetUp() override {
    core::seed_torch(31);
    model_ = build_model(tiny_config(GetParam()), kTasks, kInputs);
  }
  void eval() { model_->as_module()->eval(); }
  bool is_late() const { return std::holds_alternative<nn::ScoreFusionConfig>(GetParam()); }
  std::shared_ptr<MultimodalModel> model_;
};

TEST_P(MultimodalTest, FillsTheOutputForEveryTaskAndModality) {
  const auto out = model_->forward(full_batch());
  EXPECT_EQ(out.logits_BC.at("emotion").sizes(), (at::IntArrayRef{kRows, 3}));
  EXPECT_EQ(out.logits_BC.at("valence").sizes(), (at::IntArrayRef{kRows, 2}));
  EXPECT_EQ(out.embedding_BD.size(), 3u);
  EXPECT_EQ(out.tokens_BTD.at("audio").sizes(), (at::IntArrayRef{kRows, 10, 8}));
  EXPECT_EQ(out.fused_BD.defined(), !is_late());
  EXPECT_EQ(out.modality_logits_BC.count("emotion"), is_late() ? 1u : 0u);
}

TEST_P(MultimodalTest, AnAbsentModalityHasNoInfluenceInEvaluationAndInTraining) {
  for (const bool is_training : {false, true}) {
    model_->as_module()->train(is_training);
    auto batch = full_batch();
    batch.streams["audio"].present_B[1] = false;
    batch.streams["face"].mask_BT[2].fill_(false);
    core::seed_torch(5);
    const auto before = model_->forward(batch).logits_BC.at("emotion");
    batch.streams["audio"].x[1].fill_(kNaN);
    batch.streams["face"].x[2].fill_(255);
    core::seed_torch(5);
    const auto out = model_->forward(batch);
    EXPECT_TRUE(at::equal(out.logits_BC.at("emotion"), before)) << is_training;
    EXPECT_EQ(out.embedding_BD.at("audio")[1].abs().sum().item<float>(), 0.0f);
    EXPECT_FALSE(out.used_B.at("face")[2].item<bool>());
    out.logits_BC.at("emotion").sum().backward();
    for (const auto& parameter : model_->as_module()->named_parameters()) {
      if (!parameter.value().grad().defined()) continue;
      EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
    }
  }
}

TEST_P(MultimodalTest, AModalityMissingFromTheBatchEqualsOneMarkedAbsent) {
  eval();
  auto marked = full_batch();
  auto missing = marked;
  marked.streams["eda"].present_B = at::zeros({kRows}, at::kBool);
  missing.streams.erase("eda");
  missing.streams["thermal"] = {at::full({kRows, 1, 1}, kNaN), at::ones({kRows, 1}, at::kBool),
                                at::ones({kRows}, at::kBool)};
  EXPECT_TRUE(at::equal(model_->forward(marked).logits_BC.at("emotion"),
                        model_->forward(missing).logits_BC.at("emotion")));
}

TEST_P(MultimodalTest, WithNothingPresentTheLogitsAreAFiniteConstant) {
  eval();
  auto batch = full_batch();
  for (auto& [modality, stream] : batch.streams) stream.present_B = at::zeros({kRows}, at::kBool);
  const auto logits = model_->forward(batch).logits_BC.at("emotion");
  EXPECT_TRUE(logits.isfinite().all().item<bool>());
  EXPECT_TRUE(at::equal(logits, logits.narrow(0, 0, 1).expand_as(logits)));
  batch.streams.clear();
  EXPECT_TRUE(at::equal(model_->forward(batch).logits_BC.at("emotion"), logits));
}

TEST_P(MultimodalTest, RowsAreIndependentInEvaluation) {
  eval();
  auto batch = full_batch();
  batch.streams["audio"].present_B[0] = false;
  const auto together = model_->forward(batch).logits_BC.at("emotion");
  affect::Batch alone;
  alone.ids = {"clip3"};
  for (const auto& [modality, s] : batch.streams) {
    alone.streams[modality] = {s.x.narrow(0, 3, 1), s.mask_BT.narrow(0, 3, 1), s.present_B.narrow(0, 3, 1)};
  }
  EXPECT_TRUE(at::allclose(model_->forward(alone).logits_BC.at("emotion")[0], together[3], 1e-4, 1e-5));
}

TEST_P(MultimodalTest, ModalityDropoutHidesTheRightShareButNeverAll) {
  auto config = tiny_config(GetParam());
  config.modality_dropout = 0.4;
  model_ = build_model(config, kTasks, kInputs);
  auto batch = full_batch();
  batch.streams["audio"].present_B[0] = false;
  batch.streams["eda"].present_B[0] = false;  // row 0 has a face only: it must stay
  double num_hidden = 0.0;
  constexpr int kRounds = 300;
  for (int i = 0; i < kRounds; ++i) {
    const auto used = model_->forward(batch).used_B;
    const auto used_BM = at::stack({used.at("audio"), used.at("eda"), used.at("face")}, 1);
    ASSERT_TRUE(used_BM.any(1).all().item<bool>());
    ASSERT_TRUE(used_BM[0].equal(torch::tensor({false, false, true})));
    num_hidden += static_cast<double>(9 - used_BM.narrow(0, 1, 3).sum().item<int64_t>());
  }
  // Expected share: p minus the cases where one of three is put back, p^3 / 3; five standard errors of 2700
  // draws.
  EXPECT_NEAR(num_hidden / (9 * kRounds), 0.4 - 0.064 / 3, 0.048);
  eval();
  EXPECT_TRUE(model_->forward(batch).used_B.at("audio")[1].item<bool>());
  EXPECT_TRUE(at::equal(model_->forward(batch).logits_BC.at("emotion"),
                        model_->forward(batch).logits_BC.at("emotion")));
}

TEST_P(MultimodalTest, CopyIsEqualAndIndependent) {
  const auto batch = full_batch();
  model_->forward(batch);
  eval();
  const auto copy = model_->copy();
  EXPECT_FALSE(copy->as_module()->is_training());
  const auto cloned = std::dynamic_pointer_cast<MultimodalModel>(model_->as_module()->clone());
  ASSERT_NE(cloned, nullptr);
  const auto before = model_->forward(batch).logits_BC.at("emotion").detach();
  EXPECT_TRUE(at::equal(copy->forward(batch).logits_BC.at("emotion"), before));
  EXPECT_TRUE(at::equal(cloned->forward(batch).logits_BC.at("emotion"), before));
  {
    at::NoGradGuard no_grad;
    for (auto& parameter : model_->as_module()->parameters()) parameter.add_(0.1);
  }
  EXPECT_TRUE(at::equal(copy->forward(batch).logits_BC.at("emotion"), before));
  EXPECT_FALSE(at::equal(model_->forward(batch).logits_BC.at("emotion"), before));
}

TEST_P(MultimodalTest, StateMakesTheRoundTrip) {
  const auto batch = full_batch();
  model_->forward(batch);
  const auto other = build_model(tiny_config(GetParam()), kTasks, kInputs);
  nn::load_state(*other->as_module(), nn::state_of(*model_->as_module()));
  eval();
  other->as_module()->eval();
  EXPECT_TRUE(at::equal(other->forward(batch).logits_BC.at("valence"),
                        model_->forward(batch).logits_BC.at("valence")));
}

TEST_P(MultimodalTest, GradientsAgreeWithCentralDifferences) {
  eval();
  model_->as_module()->to(at::kDouble);
  auto batch = full_batch(at::kDouble);
  batch.streams["audio"].present_B[1] = false;
  batch.streams["eda"].mask_BT[3].fill_(false);
  const auto weight = at::randn({kRows, 3}, at::kDouble);
  const auto loss = [&] { return (model_->forward(batch).logits_BC.at("emotion") * weight).sum(); };
  EXPECT_LT(test::gradient_error(loss, model_->as_module()->parameters(), 1e-6, 3), 2e-4);
}

TEST_P(MultimodalTest, SummaryCountsEveryParameterOnce) {
  const auto parts = model_summary(*model_);
  int64_t sum = 0;
  for (size_t i = 0; i + 1 < parts.size(); ++i) sum += parts[i].num_parameters;
  EXPECT_EQ(parts.front().name, "encoders.audio");
  EXPECT_EQ(parts.back().name, "total");
  EXPECT_EQ(parts.back().num_parameters, sum);
  EXPECT_EQ(sum, nn::num_parameters(*model_->as_module()));
  EXPECT_NE(summary_text(parts).find("heads.emotion"), std::string::npos);
}

nn::ScoreFusionConfig learned_scores() {
  nn::ScoreFusionConfig config;
  config.weights = nn::ScoreWeights::kLearned;
  return config;
}
nn::ConcatFusionConfig concat_with_layer() {
  nn::ConcatFusionConfig config;
  config.hidden = {7};
  return config;
}
/// Everything a model can have around its fusion.
ModelConfig contextual_config() {
  auto config = tiny_config(concat_with_layer());
  config.temporal["audio"] = {nn::GruTemporalConfig{3, 1, true, 0.0}, nn::FramePooling::kMean, 4};
  config.modality_context = nn::SequenceContextConfig{nn::GruTemporalConfig{2, 1, true, 0.0}};
  config.context = nn::SequenceContextConfig{nn::GruTemporalConfig{5, 1, true, 0.0}};
  config.modality_heads = true;
  return config;
}

/// Rows 2, 0 and 3 are one conversation, in this order; row 1 is another.
affect::DialogueRows two_dialogues() {
  return {torch::tensor({7, 4, 7, 7}), torch::tensor({5, 0, 1, 9}), torch::tensor({1, 0, 2, 1})};
}

class ContextualModelTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(17);
    model_ = build_model(contextual_config(), kTasks, kInputs);
    model_->as_module()->eval();
    batch_ = full_batch();
    batch_.dialogues = two_dialogues();
  }
  at::Tensor logits() { return model_->forward(batch_).logits_BC.at("emotion").detach(); }
  std::shared_ptr<MultimodalModel> model_;
  affect::Batch batch_;
};

TEST_F(ContextualModelTest, RowsInfluenceEachOtherAlongTheirDialogueOnly) {
  const auto before = logits();
  batch_.streams["audio"].x[3].add_(1.0);
  const auto changed_B = (logits() - before).abs().amax(1) > 1e-7;
  EXPECT_TRUE(changed_B.equal(torch::tensor({true, false, true, true})));
}

TEST_F(ContextualModelTest, TheOrderOfTheRowsDoesNotMatter) {
  const auto before = logits();
  const auto order_B = torch::tensor({3, 1, 0, 2});
  for (auto& [modality, stream] : batch_.streams) {
    stream.x = stream.x.index_select(0, order_B);
    stream.mask_BT = stream.mask_BT.index_select(0, order_B);
    stream.present_B = stream.present_B.index_select(0, order_B);
  }
  auto& rows = batch_.dialogues;
  rows = {rows.dialogue_B.index_select(0, order_B), rows.turn_B.index_select(0, order_B),
          rows.speaker_B.index_select(0, order_B)};
  EXPECT_TRUE(at::allclose(logits(), before.index_select(0, order_B), 1e-4, 1e-6));
}

TEST_F(ContextualModelTest, WithoutDialoguesEveryRowStandsAlone) {
  batch_.dialogues = {};
  const auto before = logits();
  batch_.streams["audio"].x[3].add_(1.0);
  EXPECT_TRUE(((logits() - before).abs().amax(1) > 1e-7).equal(torch::tensor({false, false, false, true})));
}

TEST_F(ContextualModelTest, AnAbsentModalityHasNoInfluenceOnAnyTurn) {
  batch_.streams["audio"].present_B[0] = false;
  const auto before = logits();
  batch_.streams["audio"].x[0].fill_(kNaN);
  EXPECT_TRUE(at::equal(logits(), before));
  const auto out = model_->forward(batch_);
  EXPECT_EQ(out.embedding_BD.at("audio")[0].abs().sum().item<float>(), 0.0f);
  EXPECT_EQ(out.embedding_BD.at("audio").size(1), 4);
  EXPECT_EQ(out.tokens_BTD.at("audio").size(2), 6);
}

TEST_F(ContextualModelTest, ACrfTurnsScoresIntoPosteriorsAlongTheDialogueInEvaluation) {
  auto config = tiny_config(concat_with_layer());
  config.heads["emotion"].crf = true;
  model_ = build_model(config, kTasks, kInputs);
  {
    at::NoGradGuard no_grad;
    nn::state_of(*model_->as_module()).at("crf.emotion.table").normal_();
  }
  const auto training = model_->forward(batch_);
  EXPECT_TRUE(at::equal(training.logits_BC.at("emotion"), training.crf.at("emotion").emission_BC));
  EXPECT_EQ(training.crf.count("valence"), 0u);
  model_ = model_->copy();
  model_->as_module()->eval();
  const auto before = logits();
  EXPECT_TRUE(at::allclose(before.exp().sum(1), at::ones({kRows})));
  batch_.streams["audio"].x[3].add_(1.0);
  EXPECT_TRUE(((logits() - before).abs().amax(1) > 1e-7).equal(torch::tensor({true, false, true, true})));
}

TEST_F(ContextualModelTest, HeadsPerModalityDoNotChangeTheModelsOwn) {
  const auto out = model_->forward(batch_);
  EXPECT_EQ(out.modality_logits_BC.at("valence").at("face").sizes(), (at::IntArrayRef{kRows, 2}));
  EXPECT_EQ(out.logits_BC.at("valence").sizes(), (at::IntArrayRef{kRows, 2}));
  std::set<std::string> parts;
  for (const auto& part : model_summary(*model_)) parts.insert(part.name);
  for (const char* name : {"temporal.audio", "modality_context.eda", "fusion.concat", "context",
                           "heads.emotion", "modality_heads.emotion"})
    EXPECT_EQ(parts.count(name), 1u) << name;
}

TEST_F(ContextualModelTest, CopyAndStateMakeTheRoundTrip) {
  const auto copy = model_->copy();
  EXPECT_TRUE(at::equal(copy->forward(batch_).logits_BC.at("emotion"), logits()));
}

TEST_F(ContextualModelTest, GradientsAgreeWithCentralDifferences) {
  model_->as_module()->to(at::kDouble);
  batch_ = full_batch(at::kDouble);
  batch_.dialogues = two_dialogues();
  batch_.streams["eda"].present_B[2] = false;
  const auto weight = at::randn({kRows, 3}, at::kDouble);
  const auto loss = [&] {
    const auto out = model_->forward(batch_);
    return (out.logits_BC.at("emotion") * weight).sum() +
           out.modality_logits_BC.at("emotion").at("audio").sum();
  };
  EXPECT_LT(test::gradient_error(loss, model_->as_module()->parameters(), 1e-6, 2), 2e-4);
}

INSTANTIATE_TEST_SUITE_P(Fusions, MultimodalTest,
                         testing::Values(nn::FusionConfig(concat_with_layer()),
                                         nn::FusionConfig(learned_scores())),
                         [](const auto& kind) { return kind.index == 0 ? std::string("Concat") : "Score"; });

TEST(BuildModel, ASingleModalityNeedsNoFusionKey) {
  const auto config = config::load_text<ModelConfig>("encoders: {eda: {type: gru}}", "recipe.yaml", {});
  const auto model = build_model(config, {kTasks[0]}, kInputs);
  EXPECT_EQ(model->modalities(), std::vector<std::string>{"eda"});
  EXPECT_EQ(model->modalities_wanting_statistics(), std::vector<std::string>{"eda"});
  EXPECT_EQ(model->forward(full_batch()).logits_BC.at("emotion").size(1), 3);
}

TEST(BuildModel, SaysWhatDoesNotFit) {
  const auto error = [](const ModelConfig& config) {
    return test::error_of([&] { build_model(config, kTasks, kInputs); }, ErrorCode::kConfig);
  };
  auto config = tiny_config({});
  config.heads["emotoin"] = {};
  EXPECT_EQ(
      error(config),
      "model.heads.emotoin: there is no task 'emotoin', only emotion, valence; did you mean 'emotion'?");
  config = tiny_config({});
  config.encoders["fcae"] = nn::GruConfig{};
  EXPECT_EQ(
      error(config),
      "model.encoders.fcae: the data has no modality 'fcae', only audio, eda, face; did you mean 'face'?");
  EXPECT_NE(test::error_of(
                [] {
                  config::load_text<ModelConfig>(
                      "{encoders: {eda: {type: gru}}, fusion: {type: score}, context: {type: sequence}}",
                      "r.yaml", {});
                },
                ErrorCode::kConfig)
                .find("no fused vector that a context could read"),
            std::string::npos);
  config = tiny_config({});
  config.encoders["face"] = nn::GruConfig{};
  EXPECT_NE(error(config).find("encoder 'gru' takes frames of features [F]"), std::string::npos);
  const auto model = build_model(tiny_config({}), kTasks, kInputs);
  EXPECT_EQ(test::error_of([&] { model->set_input_statistics("audoi", {0.0}, {1.0}); }, ErrorCode::kModel),
            "the model has no modality 'audoi', only audio, eda, face; did you mean 'audio'?");
  EXPECT_EQ(test::error_of([&] { model->set_input_statistics("audio", {0.0}, {1.0}); }, ErrorCode::kModel),
            "modality 'audio': input statistics have 1 means and 1 deviations; expected 8 of each, one per "
            "feature");
}

}  // namespace
}  // namespace limbic::model
