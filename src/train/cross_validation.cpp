#include "limbic/train/cross_validation.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/eval/html_report.h"
#include "limbic/eval/predict.h"
#include "limbic/eval/report.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::train {
namespace {

constexpr const char* kTestResults = "/eval/test";

/// The label spaces that a fold's metrics.json is about.
std::vector<affect::LabelSpace> tasks_of(const std::string& run) {
  const std::string path = run + kTestResults + "/metrics.json";
  require(std::filesystem::exists(path), ErrorCode::kData,
          path + ": missing; expected the test results of every fold, so finish the cross-validation first");
  std::vector<affect::LabelSpace> tasks;
  const auto metrics = formats::read_json(path);
  for (const auto& [name, task] : metrics.at("tasks").items()) {
    tasks.push_back({name, task.at("classes").get<std::vector<std::string>>()});
  }
  return tasks;
}

void write_folds(const std::string& path, const std::vector<std::string>& runs) {
  std::vector<std::string> columns{"fold", "task", "num_samples"};
  for (const auto& name : eval::metric_names()) columns.push_back(name);
  formats::CsvWriter csv(path, columns);
  for (size_t fold = 0; fold < runs.size(); ++fold) {
    const auto metrics = formats::read_json(runs[fold] + kTestResults + "/metrics.json");
    for (const auto& [name, task] : metrics.at("tasks").items()) {
      csv.add(static_cast<int64_t>(fold)).add(name).add(task.at("num_samples").get<int64_t>());
      for (const auto& metric : eval::metric_names()) {
        const auto& value = task.at("metrics").at(metric).at("value");
        value.is_null() ? csv.add_empty() : csv.add(value.get<double>());
      }
      csv.end_row();
    }
  }
  csv.finish();
}

}  // namespace

std::vector<ExperimentConfig> experiments_of_folds(const ExperimentConfig& experiment) {
  const auto* split = std::get_if<data::GroupKFoldProtocol>(&experiment.data.split);
  require(split != nullptr, ErrorCode::kConfig,
          "cross-validation: data.split has another type; expected {type: group_kfold, k: 5}");
  std::vector<ExperimentConfig> experiments;
  for (int64_t fold = 0; fold < split->k; ++fold) {
    experiments.push_back(experiment);
    std::get<data::GroupKFoldProtocol>(experiments.back().data.split).fold = fold;
  }
  return experiments;
}

EvaluateReport pool_folds(const std::string& directory, const std::vector<std::string>& runs) {
  require(!runs.empty(), ErrorCode::kInternal, "pool_folds: no runs");
  const auto tasks = tasks_of(runs.front());
  std::map<std::string, eval::TaskPredictions> pooled;
  for (const auto& task : tasks) {
    eval::TaskPredictions& all = pooled[task.task];
    all.labels = task;
    std::set<std::string> ids;
    for (const auto& run : runs) {
      const auto path = eval::predictions_path(run + kTestResults, task.task, tasks.size() == 1);
      for (auto& prediction : eval::read_predictions(path, task)) {
        require(ids.insert(prediction.id).second, ErrorCode::kData,
                path + ": sample '" + prediction.id + "' is in the test part of two folds");
        all.predictions.push_back(std::move(prediction));
      }
    }
  }

  EvaluateReport report;
  report.directory = directory + kTestResults;
  write_folds(directory + "/folds.csv", runs);
  auto reports = eval::write_results(report.directory, pooled);
  report.metrics = std::make_shared<nlohmann::json>(formats::read_json(report.directory + "/metrics.json"));
  report.text = fmt::format("{}: test parts of {} folds pooled\n", directory, runs.size()) +
                eval::results_text(reports) + "\nwritten to " + report.directory + "\n";
  eval::ReportInput page;
  page.title = std::filesystem::path(directory).filename().string();
  page.subtitle = fmt::format("test parts of {} folds pooled", runs.size());
  page.tasks = std::move(reports);
  core::write_file(directory + "/report.html", eval::html_report(page));
  return report;
}

}  // namespace limbic::train
