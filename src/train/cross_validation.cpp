#include "limbic/train/cross_validation.h"

#include <fmt/format.h>

#include <algorithm>
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

constexpr const char* kClean = "/eval/test";
constexpr const char* kOracle = "/eval/oracle";

/// The label spaces that a fold's metrics.json is about.
std::vector<affect::LabelSpace> tasks_of(const std::string& results) {
  const std::string path = results + "/metrics.json";
  require(std::filesystem::exists(path), ErrorCode::kData,
          path + ": missing; expected the test results of every fold, so finish the cross-validation first");
  std::vector<affect::LabelSpace> tasks;
  const auto metrics = formats::read_json(path);
  for (const auto& [name, task] : metrics.at("tasks").items()) {
    tasks.push_back(eval::labels_from_json(task));
  }
  return tasks;
}

bool all_have(const std::vector<std::string>& runs, const char* results) {
  return std::all_of(runs.begin(), runs.end(), [&](const std::string& run) {
    return std::filesystem::exists(run + results + "/metrics.json");
  });
}

/// What the runs say of their splits, added up.
eval::ResultNotes notes_of(const std::vector<std::string>& runs, const char* results) {
  eval::ResultNotes all;
  for (const auto& run : runs) {
    const auto notes = eval::read_notes(run + results + "/metrics.json");
    all.selection = notes.selection;
    for (const auto& [kind, count] : notes.leaks) all.leaks[kind] += count;
  }
  return all;
}

void write_folds(const std::string& path, const std::vector<std::string>& runs) {
  std::vector<std::string> names;  // of all tasks; one that a task lacks is empty
  for (const auto& task : tasks_of(runs.front() + kClean)) {
    for (const auto& name : eval::task_metric_names(task)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<std::string> columns{"fold", "selection", "task", "num_samples"};
  columns.insert(columns.end(), names.begin(), names.end());
  formats::CsvWriter csv(path, columns);
  for (const char* results : {kClean, kOracle}) {
    if (!all_have(runs, results)) continue;
    for (size_t fold = 0; fold < runs.size(); ++fold) {
      const auto metrics = formats::read_json(runs[fold] + results + "/metrics.json");
      for (const auto& [name, task] : metrics.at("tasks").items()) {
        csv.add(static_cast<int64_t>(fold)).add(results == kClean ? "clean" : "oracle").add(name);
        csv.add(task.at("num_samples").get<int64_t>());
        for (const auto& metric : names) {
          const auto& metrics_of_task = task.at("metrics");
          const auto found = metrics_of_task.find(metric);
          const bool is_empty = found == metrics_of_task.end() || found->at("value").is_null();
          is_empty ? csv.add_empty() : csv.add(found->at("value").get<double>());
        }
        csv.end_row();
      }
    }
  }
  csv.finish();
}

/// One task's predictions of every run, in the order of the runs.
std::vector<eval::TaskPredictions> read_runs(const std::vector<std::string>& runs, const char* results,
                                             const affect::LabelSpace& task, bool is_only_task) {
  std::vector<eval::TaskPredictions> of_runs;
  for (const auto& run : runs)
    of_runs.push_back(
        eval::read_task_predictions(eval::predictions_path(run + results, task.task, is_only_task), task));
  return of_runs;
}

std::vector<double>& scores_of(eval::Prediction& prediction) {
  return prediction.probabilities;
}
std::vector<double>& scores_of(eval::ValuePrediction& prediction) {
  return prediction.prediction;
}

/// The mean of the scores that all runs give each sample; everything else is the first run's.
template <class Sample>
std::vector<Sample> mean_scores(std::vector<std::vector<Sample>> of_runs,
                                const std::vector<std::string>& runs) {
  std::vector<Sample> mean = of_runs.front();
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < mean.size(); ++i) place[mean[i].id] = i;
  for (size_t r = 1; r < of_runs.size(); ++r) {
    require(of_runs[r].size() == mean.size(), ErrorCode::kData,
            fmt::format("{}: {} tested samples, {} has {}; inner models of one fold test the same ones",
                        runs[r], of_runs[r].size(), runs[0], mean.size()));
    for (auto& prediction : of_runs[r]) {
      const auto at = place.find(prediction.id);
      require(at != place.end(), ErrorCode::kData,
              runs[r] + ": tested sample '" + prediction.id + "', " + runs[0] + " did not");
      auto& sum = scores_of(mean[at->second]);
      const auto& scores = scores_of(prediction);
      require(scores.size() == sum.size(), ErrorCode::kData,
              runs[r] + ": sample '" + prediction.id + "' has another number of scores than in " + runs[0]);
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += scores[c];
    }
  }
  for (auto& prediction : mean) {
    for (double& value : scores_of(prediction)) value /= static_cast<double>(of_runs.size());
  }
  return mean;
}

/// The mean of what all runs say of each sample. A variance would not be that of the mean: it is left out.
eval::TaskPredictions mean_predictions(const std::vector<eval::TaskPredictions>& of_runs,
                                       const std::vector<std::string>& runs) {
  eval::TaskPredictions mean = of_runs.front();
  std::vector<std::vector<eval::Prediction>> classes;
  std::vector<std::vector<eval::ValuePrediction>> values;
  for (const auto& run : of_runs) {
    classes.push_back(run.predictions);
    values.push_back(run.values);
  }
  mean.predictions = mean_scores(std::move(classes), runs);
  for (auto& p : mean.predictions)
    p = eval::make_prediction(p.id, p.subject, p.truth, std::move(p.probabilities));
  mean.values = mean_scores(std::move(values), runs);
  for (auto& p : mean.values) p.variance.clear();
  return mean;
}

/// Pools one kind of results of all folds into DIRECTORY/eval/...
std::vector<eval::TaskReport> pool(const std::string& directory, const std::vector<std::string>& runs,
                                   const char* results) {
  const auto tasks = tasks_of(runs.front() + results);
  std::map<std::string, eval::TaskPredictions> pooled;
  for (const auto& task : tasks) {
    eval::TaskPredictions& all = pooled[task.task];
    all.labels = task;
    std::set<std::string> ids;
    auto of_runs = read_runs(runs, results, task, tasks.size() == 1);
    for (size_t r = 0; r < runs.size(); ++r) {
      const auto take = [&](auto& from, auto& into) {
        for (auto& prediction : from) {
          require(ids.insert(prediction.id).second, ErrorCode::kData,
                  runs[r] + results + ": sample '" + prediction.id + "' is in the test part of two folds");
          into.push_back(std::move(prediction));
        }
      };
      take(of_runs[r].predictions, all.predictions);
      take(of_runs[r].values, all.values);
    }
  }
  return eval::write_results(directory + results, pooled, notes_of(runs, results));
}

}  // namespace

namespace {

/// {fold} in a text of the recipe (the path of a teacher) becomes the fold's name.
void name_fold(const std::string& fold, ExperimentConfig& experiment) {
  constexpr std::string_view kMark = "{fold}";
  std::string text = config::dump(experiment);
  if (text.find(kMark) == std::string::npos) return;
  for (size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + fold.size()))
    text.replace(at, kMark.size(), fold);
  experiment = config::load_text<ExperimentConfig>(text, "the recipe of " + fold, {});
}

}  // namespace

std::vector<FoldRun> experiments_of_folds(const ExperimentConfig& experiment,
                                          const data::SampleTable& samples) {
  const auto count = data::num_folds(samples, experiment.data.split);
  require(
      count.outer > 0, ErrorCode::kConfig,
      "cross-validation: data.split has another type; expected {type: group_kfold, k: 5}, leave_one_out or "
      "time_blocks");
  std::vector<FoldRun> runs;
  for (int64_t outer = 0; outer < count.outer; ++outer) {
    for (int64_t inner = 0; inner < count.inner; ++inner) {
      const std::string fold = fmt::format("fold_{:02}", outer);
      runs.push_back({count.inner > 1 ? fmt::format("{}/inner_{:02}", fold, inner) : fold, fold, experiment});
      runs.back().experiment.data.split = data::at_fold(experiment.data.split, outer, inner);
      name_fold(fold, runs.back().experiment);
    }
  }
  return runs;
}

void average_inner(const std::string& fold, const std::vector<std::string>& runs) {
  require(!runs.empty(), ErrorCode::kInternal, "average_inner: no runs");
  for (const char* results : {kClean, kOracle}) {
    if (results == kOracle && !all_have(runs, results)) continue;
    const auto tasks = tasks_of(runs.front() + results);
    std::map<std::string, eval::TaskPredictions> means;
    for (const auto& task : tasks) {
      means[task.task] = mean_predictions(read_runs(runs, results, task, tasks.size() == 1), runs);
    }
    // Leaks of one outer fold are those of its inner ones: the most of them, not their sum.
    eval::ResultNotes notes;
    for (const auto& run : runs) {
      const auto of_run = eval::read_notes(run + results + "/metrics.json");
      notes.selection = of_run.selection;
      for (const auto& [kind, num] : of_run.leaks) notes.leaks[kind] = std::max(notes.leaks[kind], num);
    }
    eval::write_results(fold + results, means, notes);
  }
}

EvaluateReport pool_folds(const std::string& directory, const std::vector<std::string>& runs) {
  require(!runs.empty(), ErrorCode::kInternal, "pool_folds: no runs");
  auto reports = pool(directory, runs, kClean);
  const auto notes = notes_of(runs, kClean);
  EvaluateReport report;
  report.directory = directory + kClean;
  write_folds(directory + "/folds.csv", runs);
  report.metrics = std::make_shared<nlohmann::json>(formats::read_json(report.directory + "/metrics.json"));
  report.text = fmt::format("{}: test parts of {} folds pooled\n", directory, runs.size());
  eval::ReportInput page;
  if (!notes.leaks.empty()) {
    page.warnings.push_back(eval::leaks_text(notes.leaks));
    report.text += page.warnings.back() + "\n";
  }
  report.text += eval::results_text(reports);
  if (all_have(runs, kOracle)) {
    auto oracle = pool(directory, runs, kOracle);
    report.text += "\n" + eval::selections_text(reports, oracle);
    page.selections = eval::clean_and_oracle(reports, std::move(oracle));
  }
  report.text += "\nwritten to " + report.directory + "\n";
  page.title = std::filesystem::path(directory).filename().string();
  page.subtitle = fmt::format("test parts of {} folds pooled", runs.size());
  page.tasks = std::move(reports);
  core::write_file(directory + "/report.html", eval::html_report(page));
  return report;
}

}  // namespace limbic::train
