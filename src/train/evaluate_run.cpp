#include "limbic/train/evaluate_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/threads.h"
#include "limbic/eval/predict.h"
#include "limbic/eval/report.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"
#include "limbic/train/checkpoint.h"
#include "limbic/train/experiment.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

std::vector<int64_t> samples_of(const data::Store& store, const ExperimentConfig& config, const EvaluateOptions& options) {
  if (options.split == "all") {
    std::vector<int64_t> all(static_cast<size_t>(store.size()));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  auto indices = data::make_split(store.samples(), config.data.split).part(options.split);
  require(!indices.empty(), ErrorCode::kData, store.path() + ": the " + options.split + " part of the run's split is empty");
  return indices;
}

void write_confusion(const std::string& path, const eval::TaskReport& report) {
  std::vector<std::string> columns{"truth"};
  columns.insert(columns.end(), report.labels.classes.begin(), report.labels.classes.end());
  formats::CsvWriter csv(path, columns);
  for (int64_t truth = 0; truth < report.labels.num_classes(); ++truth) {
    csv.add(report.labels.classes[static_cast<size_t>(truth)]);
    for (int64_t c = 0; c < report.labels.num_classes(); ++c) csv.add(report.confusion.at(truth, c));
    csv.end_row();
  }
  csv.finish();
}

}  // namespace

EvaluateReport evaluate_run(const std::string& run, const EvaluateOptions& options) {
  require(fs::exists(run + "/config.yaml"), ErrorCode::kModel, run + ": not a run folder: config.yaml is missing");
  core::set_num_threads(options.num_threads);
  auto config = config::load_file<ExperimentConfig>(run + "/config.yaml");
  auto bundle = model::load_bundle(run);
  if (options.checkpoint != "best") {
    nn::load_state(*bundle.model->as_module(), CheckpointStore(run + "/ckpt").load(options.checkpoint).model);
  }
  const bool is_elsewhere = !options.store.empty() && options.store != config.data.store;
  if (is_elsewhere) config.data.store = options.store;
  const auto store = data::Store::open(config.data.store);

  data::LoaderInput input;
  input.store = store;
  input.indices = samples_of(*store, config, options);
  input.tasks = bundle.info.tasks;
  input.features = bundle.info.features;
  data::Loader loader(std::move(input), config.data.loader);
  const auto predictions = eval::predict(*bundle.model, loader);

  EvaluateReport report;
  report.directory = run + "/eval/" + options.split;
  if (is_elsewhere) report.directory += "@" + store->info().name;
  if (options.checkpoint != "best") report.directory += "." + options.checkpoint;
  report.text = fmt::format("{} on {} ({}), {} checkpoint\n", run, config.data.store, options.split, options.checkpoint);
  std::vector<eval::TaskReport> reports;
  for (const auto& [name, task] : predictions) {
    reports.push_back(eval::evaluate(task.labels, task.predictions));
    const std::string suffix = predictions.size() == 1 ? "" : "_" + name;
    eval::write_predictions(report.directory + "/predictions" + suffix + ".jsonl", task.labels, task.predictions);
    write_confusion(report.directory + "/confusion" + suffix + ".csv", reports.back());
    report.text += "\n" + eval::metrics_table(reports.back()) + "\n" +
                   eval::confusion_table(reports.back().confusion, task.labels.classes);
  }
  eval::write_metrics_json(report.directory + "/metrics.json", reports);
  report.metrics = std::make_shared<nlohmann::json>(formats::read_json(report.directory + "/metrics.json"));
  report.text += "\nwritten to " + report.directory + "\n";
  return report;
}

}  // namespace limbic::train
