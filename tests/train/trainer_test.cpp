#include "limbic/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/config/config.h"
#include "limbic/eval/report.h"
#include "limbic/model/bundle.h"
#include "limbic/train/cross_validation.h"
#include "limbic/train/evaluate_run.h"
#include "support/level_store.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override { test::write_level_store(dir_ / "store", 1); }

  ExperimentConfig experiment(int64_t epochs, bool has_ema = true) const {
    return config::load_text<ExperimentConfig>(
        test::level_recipe(dir_ / "store", epochs, has_ema ? 0.9 : 0.0), "levels.yaml");
  }

  data::SampleTable samples() const { return data::Store::open(dir_ / "store")->samples(); }

  FitResult fit(const ExperimentConfig& config, const std::string& name, int64_t max_epochs = 0) const {
    const std::string path = dir_ / name;
    const bool is_new = !std::filesystem::exists(path + "/config.yaml");
    auto run = is_new ? RunFolder::create(path, config.name, config.seed) : RunFolder::open(path);
    if (is_new) core::write_file(path + "/config.yaml", config::dump(config));
    Trainer trainer(config, run);
    const auto result = trainer.fit(max_epochs);
    if (result.end != FitResult::End::kPaused) trainer.write_bundle();
    return result;
  }

  test::TempDir dir_;
};

TEST_F(TrainerTest, LearnsAndLeavesARunFolderThatEvaluates) {
  const auto result = fit(experiment(12), "run");
  EXPECT_EQ(result.end, FitResult::End::kFinished);
  EXPECT_GT(result.best_value, 0.9);
  for (const char* name : {"config.yaml", "metrics.jsonl", "results.csv", "ckpt/last/model.safetensors",
                           "ckpt/best/optim.safetensors", "ckpt/best/state.json", "bundle/bundle.yaml"}) {
    EXPECT_TRUE(std::filesystem::exists(dir_ / "run/" + name)) << name;
  }
  const auto report = evaluate_run(dir_ / "run", {"", "test", "best", 1});
  EXPECT_TRUE(std::filesystem::exists(dir_ / "run/eval/test/predictions.jsonl"));
  EXPECT_EQ(core::read_file(dir_ / "run/eval/test/report.html"), core::read_file(dir_ / "run/report.html"));
  evaluate_run(dir_ / "run", {"", "val", "best", 1});
  EXPECT_NE(core::read_file(dir_ / "run/eval/val/report.html"), core::read_file(dir_ / "run/report.html"));
  EXPECT_NE(report.text.find("uar"), std::string::npos);
  const auto bundle = model::load_bundle(dir_ / "run");
  EXPECT_DOUBLE_EQ(bundle.info.window_s.at("eda"), 2.0);
}

TEST_F(TrainerTest, TasksThatMustAgreeAreTrainedAndEvaluatedTogether) {
  test::write_level_store(
      dir_ / "two", 1,
      {{"emotion", {"sad", "neutral", "happy"}}, {"sentiment", {"negative", "neutral", "positive"}}});
  auto config = experiment(8);
  config.data.store = dir_ / "two";
  config.data.tasks = {"emotion", "sentiment"};
  objectives::SupervisedConfig emotion;
  emotion.task = "emotion";
  objectives::SupervisedConfig sentiment;
  sentiment.task = "sentiment";
  objectives::ConsistencyConfig consistency;
  consistency.weight = 0.5;
  config.objectives = {emotion, sentiment, consistency};
  fit(config, "both");
  EXPECT_NE(core::read_file(dir_ / "both/metrics.jsonl").find("consistency"), std::string::npos);

  EvaluateOptions options;
  options.num_threads = 1;
  options.ontology = "builtin";
  options.coarse = {"valence", "sentiment3"};
  const auto report = evaluate_run(dir_ / "both", options);
  EXPECT_EQ(report.directory, dir_ / "both/eval/test.consistent");
  EXPECT_NE(report.text.find("samples whose classes contradicted each other: "), std::string::npos);
  const auto& metrics = report.metrics->at("tasks").at("emotion").at("metrics");
  EXPECT_GE(metrics.at("hierarchical_f1").at("value"), metrics.at("accuracy").at("value"));
  const auto& coarse = report.metrics->at("coarse").at("valence").at("tasks").at("emotion");
  EXPECT_EQ(coarse.at("classes"), nlohmann::json({"negative", "neutral_valence", "positive"}));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "both/eval/test.consistent/coarse_sentiment3/metrics.json"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "both/eval/test/metrics.json"));
  options.coarse = {"valance"};
  EXPECT_NE(test::error_of([&] { evaluate_run(dir_ / "both", options); }, ErrorCode::kConfig)
                .find("no task or level 'valance'; did you mean 'valence'?"),
            std::string::npos);
}

TEST_F(TrainerTest, TasksOfOtherKindsAreTrainedSelectedCalibratedAndEvaluated) {
  test::write_level_store(dir_ / "rated", 1, {{"emotion", {"low", "middle", "high"}}}, /*has_values=*/true);
  auto config = experiment(14);
  config.data.store = dir_ / "rated";
  config.data.tasks = {"affect", "aus", "grade", "emotion"};
  const auto target = [](const std::string& text) {
    return config::load_text<data::TargetConfig>(text, "targets.yaml");
  };
  config.data.targets = {
      {"affect", target("{kind: continuous, values: [level, noise], range: [-1, 3]}")},
      {"aus", target("{kind: multi_label, values: [level], threshold: 0.5, classes: [au04]}")},
      {"grade", target("{kind: ordinal, label: emotion, classes: [low, middle, high]}")}};
  config.objectives.clear();
  for (const auto& task : config.data.tasks) {
    objectives::SupervisedConfig objective;
    objective.task = task;
    config.objectives.emplace_back(objective);
  }
  config.train.early_stopping.metric = "mae_level";
  config.train.calibrate = true;
  const auto result = fit(config, "run");
  EXPECT_LT(result.best_value, 0.6);  // an error: the smaller one won
  const auto report = evaluate_run(dir_ / "run", {"", "test", "best", 1});
  const auto& tasks = report.metrics->at("tasks");
  EXPECT_GT(tasks.at("affect").at("metrics").at("pearson_level").at("value").get<double>(), 0.7);
  EXPECT_GT(tasks.at("aus").at("metrics").at("auc").at("value").get<double>(), 0.8);
  EXPECT_GT(tasks.at("grade").at("metrics").at("qwk").at("value").get<double>(), 0.5);
  const auto bundle = model::load_bundle(dir_ / "run");
  EXPECT_EQ(bundle.info.tasks[0].traits.kind, affect::TaskKind::kContinuous);
  EXPECT_EQ(bundle.info.calibration.size(), 3u);
  for (const auto& [task, calibration] : bundle.info.calibration)
    EXPECT_LE(calibration.nll_after, calibration.nll_before + 1e-9) << task;
  config.train.early_stopping.metric = "uar";
  EXPECT_NE(
      test::error_of([&] { fit(config, "other"); }, ErrorCode::kConfig).find("task 'affect' has no 'uar'"),
      std::string::npos);
}

TEST_F(TrainerTest, WhatObjectivesAndTheirBalanceOwnIsResumedBitForBit) {
  auto config = experiment(4);
  config.objectives.emplace_back(config::load_text<objectives::DistillationConfig>(
      "{teachers: [{type: ema, decay: 0.9}, {type: joint, model: {encoders: {eda: {type: mlp}}}}], features: "
      "0.5}",
      "objective.yaml"));
  config.balance = objectives::GradNormBalance{};
  fit(config, "straight");
  EXPECT_EQ(fit(config, "parts", 2).end, FitResult::End::kPaused);
  EXPECT_EQ(fit(config, "parts").end, FitResult::End::kFinished);
  for (const char* name : {"/ckpt/last/model.safetensors", "/ckpt/last/optim.safetensors"})
    EXPECT_EQ(core::read_file(dir_ / ("straight" + std::string(name))),
              core::read_file(dir_ / ("parts" + std::string(name))))
        << name;
  const auto last = CheckpointStore(dir_ / "parts/ckpt").load("last");
  EXPECT_EQ(last.learning.count("balance.weight"), 1u);
  EXPECT_FALSE(tensors_below(last.learning, "objectives.1.teacher0.").empty());
  // The model itself knows nothing of them.
  EXPECT_TRUE(tensors_below(last.model, "objectives.").empty());
}

TEST_F(TrainerTest, AStudentLearnsFromATeacherThatSeesAPrivilegedModality) {
  test::write_level_store(dir_ / "two", 1, {{"emotion", {"low", "middle", "high"}}}, false,
                          /*has_face=*/true);
  auto teacher = experiment(10);
  teacher.data.store = dir_ / "two";
  teacher.data.features["face"] = features::ValuesFeature{};
  teacher.model.encoders["face"] = nn::MlpConfig{};
  EXPECT_GT(fit(teacher, "teacher").best_value, 0.9);

  auto student = teacher;
  student.train.epochs = 4;
  student.data.privileged = {"eda"};
  student.model.encoders.erase("eda");
  student.objectives.emplace_back(config::load_text<objectives::DistillationConfig>(
      "{teachers: [{type: run, path: " + (dir_ / "teacher") + "}], features: 1}", "objective.yaml"));
  fit(student, "student");
  EXPECT_NE(core::read_file(dir_ / "student/metrics.jsonl").find("distillation.teacher_accuracy"),
            std::string::npos);
  const auto bundle = model::load_bundle(dir_ / "student");
  EXPECT_EQ(bundle.info.features.count("eda"), 0u);
  EXPECT_EQ(bundle.info.inputs.count("eda"), 0u);
  EXPECT_EQ(bundle.model->modalities(), std::vector<std::string>{"face"});
  evaluate_run(dir_ / "student", {"", "test", "best", 1});
}

TEST_F(TrainerTest, WithoutAChoiceTheLastEpochIsTheBestOne) {
  auto config = experiment(5);
  config.train.early_stopping.metric = "last";
  EXPECT_EQ(fit(config, "run").best_epoch, 5);
  config.train.oracle = true;
  EXPECT_EQ(fit(config, "with_oracle").best_epoch, 5);
}

TEST_F(TrainerTest, ThreePlusThreeEpochsAreSixBitForBit) {
  for (const bool has_ema : {true, false}) {
    const auto config = experiment(6, has_ema);
    const std::string tag = has_ema ? "ema" : "plain";
    fit(config, "straight_" + tag);
    EXPECT_EQ(fit(config, "parts_" + tag, 3).end, FitResult::End::kPaused);
    EXPECT_EQ(fit(config, "parts_" + tag).end, FitResult::End::kFinished);
    for (const char* name : {"/ckpt/last/model.safetensors", "/ckpt/last/optim.safetensors",
                             "/ckpt/last/state.json", "/ckpt/best/model.safetensors", "/results.csv"}) {
      EXPECT_EQ(core::read_file(dir_ / ("straight_" + tag) + name),
                core::read_file(dir_ / ("parts_" + tag) + name))
          << name;
    }
  }
}

TEST_F(TrainerTest, FoldsTestEverySampleOnceAndPool) {
  auto config = experiment(25);
  EXPECT_THAT(test::error_of([&] { experiments_of_folds(config, samples()); }, ErrorCode::kConfig),
              ::testing::HasSubstr("expected {type: group_kfold"));
  data::GroupKFoldProtocol split;
  split.k = 3;
  config.data.split = split;
  const auto folds = experiments_of_folds(config, samples());
  ASSERT_EQ(folds.size(), 3u);
  std::vector<std::string> runs;
  for (size_t f = 0; f < folds.size(); ++f) {
    runs.push_back(dir_ / ("cv/fold_" + std::to_string(f)));
    fit(folds[f].experiment, "cv/fold_" + std::to_string(f));
    if (f < 2) evaluate_run(runs[f], {"", "test", "best", 1});
  }
  EXPECT_THAT(test::error_of([&] { pool_folds(dir_ / "cv", runs); }, ErrorCode::kData),
              ::testing::HasSubstr("predictions"));
  evaluate_run(runs[2], {"", "test", "best", 1});
  const auto report = pool_folds(dir_ / "cv", runs);
  const auto& task = report.metrics->at("tasks").at("emotion");
  EXPECT_EQ(task.at("num_samples").get<int>(), 60);
  EXPECT_EQ(task.at("num_subjects").get<int>(), 6);
  EXPECT_GT(task.at("metrics").at("auc").at("value").get<double>(), 0.9);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "cv/folds.csv"));
  runs[1] = runs[0];
  EXPECT_THAT(test::error_of([&] { pool_folds(dir_ / "cv", runs); }, ErrorCode::kData),
              ::testing::HasSubstr("is in the test part of two folds"));
}

TEST_F(TrainerTest, NestedFoldsAreTestedWithTheMeanOfTheirInnerModels) {
  auto config = experiment(2);
  data::LeaveOneOutProtocol split;
  split.val = data::InnerKFoldValidation{2, 0};
  config.data.split = split;
  const auto all = experiments_of_folds(config, samples());
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[3].folder, "fold_01/inner_01");
  EXPECT_EQ(std::get<data::InnerKFoldValidation>(
                std::get<data::LeaveOneOutProtocol>(all[3].experiment.data.split).val)
                .fold,
            1);
  std::vector<std::string> folds;
  for (size_t f = 0; f < 2; ++f) {
    folds.push_back(dir_ / ("cv/" + all[2 * f].fold));
    std::vector<std::string> inner;
    for (size_t i = 0; i < 2; ++i) {
      const auto& run = all[2 * f + i];
      inner.push_back(dir_ / ("cv/" + run.folder));
      fit(run.experiment, "cv/" + run.folder);
      evaluate_run(inner.back(), {"", "test", "best", 1});
    }
    average_inner(folds.back(), inner);
    const affect::LabelSpace labels{"emotion", {"low", "middle", "high"}};
    const auto read = [&](const std::string& run) {
      return eval::read_predictions(run + "/eval/test/predictions.jsonl", labels);
    };
    const auto mean = read(folds.back());
    const auto a = read(inner[0]);
    const auto b = read(inner[1]);
    ASSERT_EQ(mean.size(), 10u);
    for (size_t k = 0; k < mean.size(); ++k) {
      for (size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(mean[k].probabilities[c], (a[k].probabilities[c] + b[k].probabilities[c]) / 2, 1e-12);
    }
    if (f == 1) {
      EXPECT_THAT(test::error_of(
                      [&] {
                        average_inner(dir_ / "x", {inner[0], dir_ / "cv/fold_00/inner_00"});
                      },
                      ErrorCode::kData),
                  ::testing::HasSubstr("did not"));
    }
  }
  const auto report = pool_folds(dir_ / "cv", folds);
  EXPECT_EQ(report.metrics->at("tasks").at("emotion").at("num_samples").get<int>(), 20);
  EXPECT_EQ(report.metrics->at("selection"), "clean");
}

TEST_F(TrainerTest, NothingOfTheTestPartReachesTheWeights) {
  // The same store but for the subject that tests: other values, other labels.
  const auto original = data::Store::open(dir_ / "store");
  data::StoreWriter writer(dir_ / "other", original->info());
  for (int64_t i = 0; i < original->size(); ++i) {
    data::Sample sample = original->samples()[i];
    sample.streams.clear();
    data::RawStream eda;
    eda.rate_hz = 4;
    eda.values = original->read(i, "eda").clone();
    if (sample.subject == "subject_06") {
      eda.values = (eda.values * 1000 + static_cast<double>(i)).contiguous();
      sample.labels["emotion"] = "low";
    }
    writer.add(sample, {{"eda", eda}});
  }
  writer.finish();
  auto config = experiment(3);
  fit(config, "run");
  config.data.store = dir_ / "other";
  fit(config, "run_other");
  for (const char* name : {"/ckpt/last/model.safetensors", "/ckpt/best/model.safetensors"})
    EXPECT_EQ(core::read_file(dir_ / (std::string("run") + name)),
              core::read_file(dir_ / (std::string("run_other") + name)))
        << name;
}

TEST_F(TrainerTest, TheOracleIsWrittenApartAndChangesNoBit) {
  auto config = experiment(5);
  fit(config, "plain");
  config.train.oracle = true;
  fit(config, "oracle");
  fit(config, "parts", 2);
  fit(config, "parts");
  for (const char* name :
       {"/ckpt/last/model.safetensors", "/ckpt/last/optim.safetensors", "/ckpt/last/state.json",
        "/ckpt/best/model.safetensors", "/ckpt/best/state.json"}) {
    EXPECT_EQ(core::read_file(dir_ / (std::string("plain") + name)),
              core::read_file(dir_ / (std::string("oracle") + name)))
        << name;
  }
  for (const char* name : {"/eval/oracle.json", "/eval/oracle/predictions.jsonl", "/results.csv"}) {
    EXPECT_EQ(core::read_file(dir_ / (std::string("parts") + name)),
              core::read_file(dir_ / (std::string("oracle") + name)))
        << name;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "plain/eval/oracle.json"));
  const auto record = nlohmann::json::parse(core::read_file(dir_ / "oracle/eval/oracle.json"));
  ASSERT_EQ(record.at("epochs").size(), 5u);
  double best = 0;
  for (const auto& epoch : record.at("epochs"))
    best = std::max(best, epoch.at("test/emotion/uar").get<double>());
  EXPECT_EQ(record.at("best_value").get<double>(), best);
  const auto metrics = nlohmann::json::parse(core::read_file(dir_ / "oracle/eval/oracle/metrics.json"));
  EXPECT_EQ(metrics.at("selection"), "oracle");
  EXPECT_EQ(metrics.at("tasks").at("emotion").at("metrics").at("uar").at("value").get<double>(), best);

  const std::string csv = core::read_file(dir_ / "oracle/results.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 11);
  const auto report = evaluate_run(dir_ / "oracle", {"", "test", "best", 1});
  EXPECT_EQ(report.metrics->at("selection"), "clean");
  EXPECT_GE(best,
            report.metrics->at("tasks").at("emotion").at("metrics").at("uar").at("value").get<double>());
  EXPECT_THAT(report.text, ::testing::HasSubstr("oracle (by the test part: no result)"));
  const std::string page = core::read_file(dir_ / "oracle/report.html");
  EXPECT_THAT(page, ::testing::HasSubstr("How the epoch was chosen"));
  EXPECT_THAT(page, ::testing::HasSubstr("never a result"));
  EXPECT_THAT(evaluate_run(dir_ / "plain", {"", "test", "best", 1}).text,
              ::testing::Not(::testing::HasSubstr("oracle")));

  // Folds carry it on: a row of its own in folds.csv, a folder of its own for what is pooled.
  const auto pooled = pool_folds(dir_ / "cv", {dir_ / "oracle"});
  EXPECT_THAT(pooled.text, ::testing::HasSubstr("oracle (by the test part: no result)"));
  EXPECT_THAT(core::read_file(dir_ / "cv/folds.csv"), ::testing::HasSubstr("0,oracle,emotion,10"));
  EXPECT_EQ(nlohmann::json::parse(core::read_file(dir_ / "cv/eval/oracle/metrics.json")).at("selection"),
            "oracle");
}

TEST_F(TrainerTest, NoResultHidesALeakThatTheRecipeAllows) {
  auto config = experiment(1);
  data::FractionProtocol split;
  split.by = data::GroupBy::kSample;
  config.data.split = split;
  EXPECT_THAT(test::error_of([&] { fit(config, "refused"); }, ErrorCode::kData),
              ::testing::HasSubstr("[subject] subject subject_0"));
  split.leaks.allow_leaks = {data::LeakKind::kSubject};
  config.data.split = split;
  const std::string path = dir_ / "run";
  auto run = RunFolder::create(path, config.name, config.seed);
  core::write_file(path + "/config.yaml", config::dump(config));
  Trainer trainer(config, run);
  const auto manifest = trainer.data_manifest();
  const int num_leaks = manifest.at("leaks").at("subject").get<int>();
  EXPECT_GT(num_leaks, 0);
  EXPECT_THAT(manifest.at("leak_examples").at(0).get<std::string>(),
              ::testing::HasSubstr("subject: subject subject_0"));
  EXPECT_EQ(manifest.at("split_hashes").at("test").get<std::string>().size(), 64u);
  trainer.fit();
  trainer.write_bundle();
  const auto report = evaluate_run(path, {"", "test", "best", 1});
  EXPECT_EQ(report.metrics->at("leaks").at("subject").get<int>(), num_leaks);
  const std::string warning =
      "LEAKS between the parts, allowed by the recipe: subject " + std::to_string(num_leaks);
  EXPECT_THAT(report.text, ::testing::HasSubstr(warning));
  EXPECT_THAT(core::read_file(path + "/report.html"), ::testing::HasSubstr(warning));
  EXPECT_THAT(core::read_file(path + "/results.csv"),
              ::testing::HasSubstr("subject:" + std::to_string(num_leaks)));
  const auto pooled = pool_folds(dir_ / "cv", {path});
  EXPECT_EQ(pooled.metrics->at("leaks").at("subject").get<int>(), num_leaks);
  EXPECT_THAT(core::read_file(dir_ / "cv/report.html"), ::testing::HasSubstr(warning));
}

TEST_F(TrainerTest, EveryProcessHasItsOwnTensorBoardFile) {
  const auto config = experiment(4);
  const auto num_files = [&] {
    const std::filesystem::directory_iterator files(dir_ / "run/tb");
    return std::distance(begin(files), end(files));
  };
  fit(config, "run", 2);
  EXPECT_EQ(num_files(), 1);
  fit(config, "run");
  EXPECT_EQ(num_files(), 2);
}

TEST_F(TrainerTest, SeedsDecideTheResult) {
  auto config = experiment(2);
  fit(config, "a");
  fit(config, "b");
  config.seed = 2;
  fit(config, "c");
  const std::string weights = "/ckpt/last/model.safetensors";
  EXPECT_EQ(core::read_file(dir_ / "a" + weights), core::read_file(dir_ / "b" + weights));
  EXPECT_NE(core::read_file(dir_ / "a" + weights), core::read_file(dir_ / "c" + weights));
}

TEST_F(TrainerTest, EarlyStoppingCountsEpochsWithoutABetterOne) {
  auto config = experiment(50);
  config.train.early_stopping.patience = 2;
  std::get<AdamWConfig>(config.train.optimizer).lr = 1e-12;
  const auto result = fit(config, "run");
  EXPECT_EQ(result.end, FitResult::End::kStoppedEarly);
  EXPECT_LT(result.epochs_done, 10);
}

TEST_F(TrainerTest, ResumingOnOtherDataIsRefused) {
  const auto config = experiment(4);
  fit(config, "run", 1);
  std::filesystem::remove_all(dir_ / "store");
  test::write_level_store(dir_ / "store", 2);
  const auto text = test::error_of([&] { fit(config, "run"); }, ErrorCode::kModel);
  EXPECT_NE(text.find("not the one that the run was trained on"), std::string::npos) << text;
}

TEST_F(TrainerTest, AnExplodingRateEndsInADivergedErrorAndKeepsWeightsFinite) {
  auto config = experiment(40, false);
  std::get<AdamWConfig>(config.train.optimizer).lr = 1e30;
  config.train.schedule.warmup_epochs = 0;
  const auto text = test::error_of([&] { fit(config, "run"); }, ErrorCode::kDiverged);
  EXPECT_NE(text.find("steps in a row"), std::string::npos) << text;
}

TEST(ExperimentConfig, FeaturesAndEncodersMustNameTheSameModalities) {
  const auto text = test::error_of(
      [] {
        config::load_text<ExperimentConfig>(
            "data: {store: s, features: {audio: {type: log_mel}}}\n"
            "model: {encoders: {eda: {type: gru}}}\n",
            "recipe.yaml");
      },
      ErrorCode::kConfig);
  EXPECT_NE(text.find("encoders.eda has no features"), std::string::npos) << text;
  EXPECT_NE(text.find("data.features.audio has no encoder"), std::string::npos) << text;
}

}  // namespace
}  // namespace limbic::train
