#include "limbic/train/cluster_run.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/data/store.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/npy.h"
#include "limbic/train/ablate_run.h"
#include "limbic/train/trainer.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

using ::testing::HasSubstr;

/// 72 samples of 6 subjects and three classes: "eda" has the class, "temperature" only the subject. Every
/// eighth sample lacks the temperature.
void write_pair_store(const std::string& path) {
  data::DatasetInfo info;
  info.name = "pairs";
  info.importer = "test";
  info.licence = "made up";
  info.label_spaces = {{"emotion", {"low", "middle", "high"}}};
  info.modalities["eda"] = {"series", 4.0, "microsiemens", {1}};
  info.modalities["temperature"] = {"series", 4.0, "celsius", {1}};
  data::StoreWriter writer(path, info);
  core::Rng rng(3);
  for (int64_t i = 0; i < 72; ++i) {
    data::Sample sample;
    sample.id = fmt::format("s{:03}", i);
    sample.corpus = "pairs";
    sample.subject = fmt::format("subject_{:02}", i % 6 + 1);
    sample.clip = sample.id;
    sample.duration = core::Timestamp::from_seconds(2);
    sample.labels["emotion"] = info.label_spaces[0].classes[static_cast<size_t>(i / 6 % 3)];
    sample.attributes["hand"] = i % 6 < 3 ? "left" : "right";
    std::map<std::string, data::RawStream> streams;
    for (const auto& [name, level] : {std::pair{"eda", i / 6 % 3}, std::pair{"temperature", i % 6}}) {
      if (std::string(name) == "temperature" && i % 8 == 7) continue;
      auto& stream = streams[name];
      stream.rate_hz = 4;
      stream.values = at::empty({8, 1});
      for (int64_t t = 0; t < 8; ++t)
        stream.values[t][0] = 2.0 * static_cast<double>(level) + rng.normal(0, 0.2);
    }
    writer.add(sample, streams);
  }
  writer.finish();
}

/// One trained run for all tests of the file.
class ClusterRun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new test::TempDir();
    write_pair_store(*dir_ / "store");
    core::write_file(*dir_ / "recipe.yaml", fmt::format(R"(name: pairs
data:
  store: {}
  split: {{type: groups, train: [1-4], val: ["5"], test: ["6"]}}
  features: {{eda: {{type: values}}, temperature: {{type: values}}}}
  loader: {{batch_size: 16, num_workers: 0}}
model:
  encoders: {{eda: {{type: gru, projection: 0, hidden: 8, dropout: 0}}, temperature: {{type: gru, projection: 0, hidden: 8, dropout: 0}}}}
  fusion: {{type: gated, width: 16}}
  modality_dropout: 0.3
objectives:
  - {{type: supervised, task: emotion}}
train:
  epochs: 12
  num_threads: 1
  optimizer: {{type: adamw, lr: 0.02}}
  checkpoint_minutes: 0
)",
                                                        *dir_ / "store"));
    const auto config = config::load_file<ExperimentConfig>(*dir_ / "recipe.yaml");
    auto run = RunFolder::create(*dir_ / "run", config.name, config.seed);
    core::write_file(*dir_ / "run/config.yaml", config::dump(config));
    Trainer trainer(config, run);
    trainer.fit();
    trainer.write_bundle();
  }
  static void TearDownTestSuite() {
    delete dir_;
    dir_ = nullptr;
  }
  static ClusterRunOptions all_samples() {
    ClusterRunOptions options;
    options.part.split = "all";
    options.part.num_threads = 1;
    return options;
  }
  static std::string run() { return *dir_ / "run"; }

  static test::TempDir* dir_;
};
test::TempDir* ClusterRun::dir_ = nullptr;

TEST_F(ClusterRun, TellsClassesFromSubjectsInEverySpace) {
  auto options = all_samples();
  options.map = *dir_ / "map.png";
  const auto report = cluster_run(run(), options);
  const auto& spaces = report.metrics->at("spaces");
  ASSERT_EQ(spaces.size(), 3U);
  EXPECT_EQ(spaces[0].at("name"), "fused");
  const auto& eda = spaces[1];
  EXPECT_EQ(eda.at("name"), "eda");
  EXPECT_EQ(eda.at("k"), 3);
  EXPECT_EQ(eda.at("num_samples"), 72);
  EXPECT_GT(eda.at("against").at("emotion").at("nmi").get<double>(), 0.95);
  EXPECT_LT(eda.at("against").at("subject").at("ami").get<double>(), 0.1);
  EXPECT_FALSE(eda.at("against").contains("corpus"));  // there is one
  EXPECT_EQ(spaces[2].at("num_samples"), 63);
  EXPECT_THAT(report.text, HasSubstr("temperature: 63 samples"));
  for (const char* name : {"clusters.json", "assignments.csv", "embeddings.npz", "map.svg"})
    EXPECT_TRUE(std::filesystem::exists(report.directory + "/" + name)) << name;
  EXPECT_TRUE(std::filesystem::exists(*dir_ / "map.png"));
  EXPECT_THAT(core::read_file(report.directory + "/map.svg"), HasSubstr(">middle<"));

  const auto npz = formats::read_npz(report.directory + "/embeddings.npz");
  EXPECT_EQ(npz.at("ids").text.size(), 72U);
  EXPECT_EQ(npz.at("temperature").shape, (std::vector<uint64_t>{63, 8 * 2 * 2}))
      << "two directions, mean and deviation";
  formats::CsvReader csv(report.directory + "/assignments.csv");
  formats::CsvRow row;
  int64_t num_rows = 0;
  int64_t num_without = 0;
  while (csv.next(row)) {
    ++num_rows;
    num_without += row.text("cluster_temperature").empty() ? 1 : 0;
    EXPECT_FALSE(row.text("map_x").empty());
  }
  EXPECT_EQ(num_rows, 72);
  EXPECT_EQ(num_without, 9);
}

TEST_F(ClusterRun, TakesFeaturesAsABaselineAndWhatItIsAskedFor) {
  auto options = all_samples();
  options.of_features = true;
  options.spaces = {"temperature"};
  options.against = {"subject", "hand"};
  options.k = 0;
  options.clusters.method = eval::ClusterMethod::kAgglomerative;
  options.is_tsne = false;
  const auto report = cluster_run(run(), options);
  const auto& space = report.metrics->at("spaces").at(0);
  EXPECT_EQ(space.at("num_dims"), 2);  // mean and deviation
  EXPECT_EQ(space.at("tried").size(), 14U);
  EXPECT_TRUE(space.at("against").contains("hand"));
  EXPECT_EQ(report.metrics->at("map").at("method"), "pca");
  EXPECT_THAT(report.directory, HasSubstr("clusters_features"));
  // The mean is the subject; the deviation, as large once it is standardised, is noise.
  EXPECT_GT(space.at("against").at("subject").at("ami").get<double>(), 0.3);
  options.spaces = {"temprature"};
  EXPECT_THAT(test::error_of([&] { cluster_run(run(), options); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'temperature'?"));
  options.spaces = {};
  options.against = {"subjcet"};
  EXPECT_THAT(test::error_of([&] { cluster_run(run(), options); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'subject'?"));
}

TEST_F(ClusterRun, AblationFindsTheModalityThatMatters) {
  AblateOptions options;
  options.part.split = "all";
  options.part.num_threads = 1;
  options.noise = {2.0};
  options.drop = {0.5, 1.0};
  options.num_resamples = 200;
  options.tolerance = 0.1;
  const auto report = ablate_run(run(), options);
  const auto& result = *report.metrics;
  EXPECT_EQ(result.at("metric"), "uar");
  EXPECT_GT(result.at("shapley").at("eda").at("low").get<double>(), 0.3);
  EXPECT_LT(result.at("shapley").at("temperature").at("value").get<double>(), 0.1);
  EXPECT_EQ(result.at("minimal").at("exhaustive").at("modalities"), nlohmann::json({"eda"}));
  ASSERT_EQ(result.at("curves").size(), 6U);  // noise and drop of each, and of both
  for (const auto& curve : result.at("curves")) {
    const auto& points = curve.at("points");
    EXPECT_EQ(points[0].at("level"), 0.0);
    EXPECT_EQ(points[0].at("value"), result.at("subsets").at(0).at("value"));
    if (curve.at("modality") == "temperature") continue;
    EXPECT_LT(points.back().at("value").get<double>(), points[0].at("value").get<double>() - 0.05) << curve;
  }
  // A modality whose frames are all lost is a modality that is not there.
  for (const auto& curve : result.at("curves")) {
    if (curve.at("kind") != "drop" || curve.at("modality") != "eda") continue;
    EXPECT_EQ(curve.at("points").back().at("value"), result.at("subsets").at(1).at("value"));
    EXPECT_EQ(result.at("subsets").at(1).at("modalities"), nlohmann::json({"temperature"}));
  }
  for (const char* name : {"ablation.json", "ablation.csv", "ablation.svg", "ablation.png", "subsets.json"})
    EXPECT_TRUE(std::filesystem::exists(report.directory + "/" + name)) << name;
  EXPECT_THAT(report.text, HasSubstr("uar under noise"));
  options.task = "emotoin";
  EXPECT_THAT(test::error_of([&] { ablate_run(run(), options); }, ErrorCode::kConfig),
              HasSubstr("did you mean 'emotion'?"));
}

}  // namespace
}  // namespace limbic::train
