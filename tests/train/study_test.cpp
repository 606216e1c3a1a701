#include "limbic/train/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/core/atomic_file.h"
#include "limbic/formats/jsonl.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StudyTest : public testing::Test {
 protected:
  StudyConfig written(const std::string& text) {
    core::write_file(dir_ / "study.yaml", text);
    return load_study(dir_ / "study.yaml");
  }
  /// As if the run were done.
  static void finish(const StudyRun& run, double uar) {
    std::filesystem::create_directories(run.folder + "/eval/test");
    const nlohmann::json metrics = {{"uar", {{"value", uar}}}, {"auc", {{"value", nullptr}}}};
    formats::write_json(run.folder + "/eval/test/metrics.json",
                        {{"tasks", {{"stress", {{"metrics", metrics}}}}}});
  }
  test::TempDir dir_;
};

TEST_F(StudyTest, EveryVariantAndSeedIsOneRun) {
  const auto study = written(
      "{recipe: ../a.yaml, seeds: [3, 4], set: [x=1], variants: [{name: teacher}, {name: taught, "
      "cross_validate: "
      "true, set: ['path={runs}/teacher/seed_{seed}']}]}");
  const auto runs = study_runs(study, "configs/studies/study.yaml", "out");
  ASSERT_EQ(runs.size(), 4u);
  EXPECT_THAT(runs[0].arguments(), ElementsAre("train", "configs/a.yaml", "--out", "out/teacher/seed_3",
                                               "--set", "seed=3", "--set", "x=1"));
  EXPECT_THAT(runs[3].arguments(),
              ElementsAre("train", "configs/a.yaml", "--out", "out/taught/seed_4", "--cross-validate",
                          "--set", "seed=4", "--set", "x=1", "--set", "path=out/teacher/seed_4"));
}

TEST_F(StudyTest, TheReportComparesSeedBySeed) {
  const auto study = written(
      "{recipe: a.yaml, seeds: [1, 2, 3], metrics: [uar], baseline: alone, ceiling: teacher, variants: "
      "[{name: "
      "teacher}, {name: alone}, {name: taught}]}");
  const auto runs = study_runs(study, "study.yaml", dir_ / "out");
  const std::vector<double> values = {0.90, 0.92, 0.94, 0.70, 0.72, 0.74, 0.80, 0.82, 0.84};
  for (size_t i = 0; i < runs.size(); ++i) finish(runs[i], values[i]);
  const auto report = report_study(study, runs, dir_ / "out");
  // t(0.975, 2) = 4.302653; 0.02 / sqrt(3) * 4.302653 = 0.0497.
  EXPECT_THAT(report,
              HasSubstr("| taught | 3 | 0.8200 [0.7703, 0.8697] | +0.1000 [0.1000, 0.1000] | yes | 50 % |"));
  EXPECT_THAT(report, HasSubstr("| alone | 3 | 0.7200 [0.6703, 0.7697] | | | 0 % |"));
  EXPECT_EQ(core::read_file(dir_ / "out/report.md"), report);
  EXPECT_THAT(core::read_file(dir_ / "out/results.csv"), HasSubstr("taught,2,0.82"));
}

TEST_F(StudyTest, RunsThatAreNotDoneAreNamed) {
  const auto study = written("{recipe: a.yaml, seeds: [1, 2], metrics: [uar], variants: [{name: only}]}");
  const auto runs = study_runs(study, "study.yaml", dir_ / "out");
  EXPECT_THAT(test::error_of([&] { report_study(study, runs, dir_ / "out"); }, ErrorCode::kData),
              HasSubstr("no run of the study is done"));
  finish(runs[0], 0.5);
  EXPECT_THAT(report_study(study, runs, dir_ / "out"), HasSubstr("Not done: " + runs[1].folder));
}

TEST_F(StudyTest, MistakesAreNamed) {
  const auto said = [&](const std::string& text) {
    return test::error_of([&] { written(text); }, ErrorCode::kConfig);
  };
  EXPECT_THAT(said("{recipe: a.yaml, variants: [{name: a}, {name: a}]}"),
              HasSubstr("two have the same name"));
  EXPECT_THAT(said("{recipe: a.yaml, baseline: aone, variants: [{name: alone}]}"),
              HasSubstr("there is no variant 'aone'; did you mean 'alone'?"));
  EXPECT_THAT(said("{recipe: a.yaml, variants: [{name: a, set: [x]}]}"), HasSubstr("'x' is not key=value"));
  const auto study = written("{recipe: a.yaml, seeds: [1], metrics: [uarr], variants: [{name: a}]}");
  const auto runs = study_runs(study, "study.yaml", dir_ / "out");
  finish(runs[0], 0.5);
  EXPECT_THAT(test::error_of([&] { report_study(study, runs, dir_ / "out"); }, ErrorCode::kConfig),
              HasSubstr("there is no metric 'uarr', only auc, uar; did you mean 'uar'?"));
}

}  // namespace
}  // namespace limbic::train
