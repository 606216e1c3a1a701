#include "train/init_from.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "limbic/config/config.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"
#include "limbic/train/checkpoint.h"
#include "limbic/train/trainer.h"
#include "support/level_store.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

/// A run without labels first, then one with them.
class InitFromTest : public ::testing::Test {
 protected:
  void SetUp() override { test::write_level_store(dir_ / "store", 1); }

  ExperimentConfig recipe(int64_t epochs, const config::Overrides& overrides) const {
    return config::load_text<ExperimentConfig>(test::level_recipe(dir_ / "store", epochs), "levels.yaml",
                                               overrides);
  }
  FitResult fit(const ExperimentConfig& config, const std::string& name) const {
    auto run = RunFolder::create(dir_ / name, config.name, config.seed);
    core::write_file(run / "config.yaml", config::dump(config));
    Trainer trainer(config, run);
    const auto result = trainer.fit();
    trainer.write_bundle();
    return result;
  }
  FitResult pretrain() const {
    return fit(recipe(3, {"objectives=[{type: info_nce, modality: eda}]",
                          "data.augment={eda: {type: series, noise: 0.2, scale: 0.2}}",
                          "train.early_stopping.metric=last"}),
               "pretrained");
  }
  nn::State weights(const std::string& name) const {
    return nn::state_of(*model::load_bundle(dir_ / name).model->as_module());
  }
  test::TempDir dir_;
};

TEST_F(InitFromTest, TrainingWithoutLabelsKeepsItsLastEpochAndASecondRunBeginsWithIt) {
  const auto result = pretrain();
  EXPECT_EQ(result.best_epoch, 3);
  EXPECT_NE(core::read_file(dir_ / "pretrained/metrics.jsonl").find("\"train/loss\""), std::string::npos);
  // A learning rate of almost nothing shows what the run begins with.
  auto second = recipe(1, {"train.init_from=" + (dir_ / "pretrained"), "train.optimizer.lr=1e-12", "seed=9"});
  fit(second, "second");
  const auto before = weights("pretrained");
  for (const auto& [name, tensor] : weights("second"))
    EXPECT_TRUE(at::allclose(tensor, before.at(name), 1e-4, 1e-6)) << name;
  // Without it, another seed begins elsewhere.
  second.train.init_from.clear();
  fit(second, "alone");
  EXPECT_FALSE(weights("alone")
                   .at("encoders.eda.recurrent.gru.weight_hh_l0")
                   .allclose(before.at("encoders.eda.recurrent.gru.weight_hh_l0"), 1e-2, 1e-2));
}

TEST_F(InitFromTest, TakesWhatFitsByNameAndShapeAndSaysWhatDoesNot) {
  pretrain();
  auto config = recipe(1, {});
  const std::vector<affect::LabelSpace> tasks{{"emotion", {"a", "b", "c", "d"}}, {"other", {"a", "b"}}};
  const auto model = model::build_model(config.model, tasks, {{"eda", {{1}}}});
  const auto report = init_from(*model, dir_ / "pretrained");
  const auto own = nn::state_of(*model->as_module());
  const auto given = weights("pretrained");
  int64_t num_alike = 0;
  for (const auto& [name, tensor] : own) {
    const auto found = given.find(name);
    if (found == given.end() || found->second.sizes() != tensor.sizes()) continue;
    EXPECT_TRUE(tensor.equal(found->second)) << name;
    ++num_alike;
  }
  EXPECT_EQ(report.num_taken, num_alike);
  EXPECT_EQ(report.num_own, static_cast<int64_t>(own.size()));
  ASSERT_FALSE(report.unlike.empty());
  for (const auto& name : report.unlike) EXPECT_EQ(name.rfind("heads.emotion.", 0), 0u) << name;
}

TEST_F(InitFromTest, RefusesAModelWhoseEncodersAreOthers) {
  pretrain();
  auto config = recipe(1, {"model.encoders.eda.hidden=5"});
  const auto model = model::build_model(config.model, {{"emotion", {"a", "b", "c"}}}, {{"eda", {{1}}}});
  const auto problem = test::error_of([&] { init_from(*model, dir_ / "pretrained"); }, ErrorCode::kModel);
  EXPECT_NE(problem.find("no tensor of an encoder"), std::string::npos) << problem;
  EXPECT_NE(problem.find("these differ in shape"), std::string::npos) << problem;
}

}  // namespace
}  // namespace limbic::train
