#include "limbic/train/supervision.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/affect/batch.h"
#include "limbic/config/config.h"
#include "limbic/data/protocol.h"
#include "limbic/formats/jsonl.h"
#include "limbic/train/evaluate_run.h"
#include "limbic/train/trainer.h"
#include "support/level_store.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

/// A store of three levels that a noisy number tells, too.
class SupervisedTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    test::write_level_store(dir_ / "store", 1, {{"emotion", {"low", "middle", "high"}}}, /*has_values=*/true);
  }

  ExperimentConfig experiment(const std::string& supervision, int64_t epochs = 8) const {
    return config::load_text<ExperimentConfig>(test::level_recipe(dir_ / "store", epochs), "levels.yaml",
                                               {"data.supervision=" + supervision});
  }

  test::TempDir dir_;
};

constexpr const char* kWeak =
    "{emotion: {budget: {share: 0.2}, weak: {sources: {level: {type: value, value: level, cuts: [0.5, "
    "1.5]}}, "
    "model: {num_resamples: 5}}}}";

TEST_F(SupervisedTraining, WeakLabelsTeachWhereTheBudgetLeavesNone) {
  const auto config = experiment(kWeak, 12);
  auto run = RunFolder::create(dir_ / "run", config.name, config.seed);
  core::write_file(dir_ / "run/config.yaml", config::dump(config));
  Trainer trainer(config, run);
  EXPECT_NE(trainer.data_summary().find("(of 8 labelled, 32 weakly labelled samples)"), std::string::npos)
      << trainer.data_summary();
  const auto result = trainer.fit();
  EXPECT_GT(result.best_value, 0.9);
  trainer.write_bundle();
  const auto report = formats::read_json(dir_ / "run/weak/emotion.json");
  EXPECT_EQ(report.at("num_known"), 8);
  EXPECT_EQ(report.at("num_given"), 32);
  EXPECT_EQ(report.at("audit").at("precision").at("value"), 1.0);
  // Validation and test keep all their labels.
  EXPECT_EQ(
      evaluate_run(dir_ / "run", {"", "val", "best", 1}).metrics->at("tasks").at("emotion").at("num_samples"),
      10);
  // And results can be told apart by what a sample has.
  EvaluateOptions options{"", "test", "best", 1};
  options.by = "level";
  const auto by = evaluate_run(dir_ / "run", options);
  const auto groups = formats::read_json(by.directory + "/metrics.json").at("by").at("groups");
  EXPECT_EQ(groups.size(), 3u);
  int64_t total = 0;
  for (const auto& group : groups) total += group.at("tasks").at("emotion").at("num_samples").get<int64_t>();
  EXPECT_EQ(total, 10);
  EXPECT_NE(by.text.find("by level"), std::string::npos);
  options.by = "levle";
  EXPECT_NE(test::error_of([&] { evaluate_run(dir_ / "run", options); }, ErrorCode::kConfig)
                .find("did you mean 'level'"),
            std::string::npos);
}

TEST_F(SupervisedTraining, IsDrawnByTheRecipesSeedUnlessItHasOne) {
  const auto levels_of = [&](const ExperimentConfig& config) {
    const auto store = open_store(config.data);
    const auto split = data::make_split(*store, config.data.split);
    return supervise(config, store, task_spaces(config.data, *store), split.train)
        .by_task.at("emotion")
        ->levels;
  };
  auto config = experiment("{emotion: {budget: {share: 0.3}}}");
  const auto first = levels_of(config);
  config.seed = 2;
  EXPECT_NE(levels_of(config), first);
  config.data.supervision.at("emotion").seed = 1;
  EXPECT_EQ(levels_of(config), first);
}

TEST_F(SupervisedTraining, TheCommandWritesWhatEverySampleIsTaughtWith) {
  const auto run = run_weak(experiment(kWeak), dir_ / "weak.jsonl");
  EXPECT_NE(run.text.find("40 training samples, 8 labelled, 32 weakly"), std::string::npos) << run.text;
  formats::JsonlReader lines(dir_ / "weak.jsonl");
  int64_t num_weak = 0;
  int64_t num_lines = 0;
  for (nlohmann::json line; lines.next(line); ++num_lines) {
    if (line.at("level") != "weak") {
      EXPECT_EQ(line.at("weight"), 1.0);
      EXPECT_TRUE(line.at("withheld").is_null());
      continue;
    }
    ++num_weak;
    EXPECT_EQ(line.at("class"), line.at("withheld"));
    EXPECT_EQ(line.at("probabilities").size(), 3u);
  }
  EXPECT_EQ(num_lines, 40);
  EXPECT_EQ(num_weak, 32);
  EXPECT_NE(
      test::error_of([&] { run_weak(experiment("{}"), ""); }, ErrorCode::kConfig).find("no data.supervision"),
      std::string::npos);
}

TEST_F(SupervisedTraining, RefusesSupervisionOfATaskThatIsNotThere) {
  const auto text =
      test::error_of([&] { experiment("{emotoin: {budget: {share: 0.5}}}"); }, ErrorCode::kConfig);
  EXPECT_NE(text.find("supervision.emotoin is no task of data.tasks"), std::string::npos) << text;
}

}  // namespace
}  // namespace limbic::train
