#include "limbic/train/ablate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "ablation_figure.h"
#include "degradation_curves.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/ablation.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "opened_run.h"

namespace limbic::train {
namespace {

using nlohmann::json;

/// Every metric of every task with one subset: a row of subsets.json.
json subset_row(const std::vector<std::string>& modalities,
                const std::map<std::string, eval::TaskPredictions>& predictions) {
  json row = {{"modalities", modalities}};
  for (const auto& [name, task] : predictions) {
    row["num_samples"][name] = task.size();
    for (const auto& metric : eval::task_metric_names(task.labels)) {
      const double value = task.value(metric);
      row[name][metric] = std::isfinite(value) ? json(value) : json();
    }
  }
  return row;
}

/// The task and the metric, given or of the recipe.
void settle_metric(const OpenedRun& opened, AblateOptions& options) {
  const auto& tasks = opened.bundle.info.tasks;
  std::vector<std::string> names;
  for (const auto& task : tasks) names.push_back(task.task);
  if (options.task.empty()) options.task = names.front();
  const auto found = std::find(names.begin(), names.end(), options.task);
  require(found != names.end(), ErrorCode::kConfig,
          "no task '" + options.task + "'" + core::did_you_mean(options.task, names) +
              "; tasks: " + core::join(names));
  if (!options.metric.empty()) return;
  const auto& task = tasks[static_cast<size_t>(found - names.begin())];
  auto chosen = opened.config.train.early_stopping;
  // The recipe's metric is of its first task, and a loss cannot be drawn again.
  if (found != names.begin() || chosen.metric == "loss") chosen.metric = "auto";
  options.metric = selection_metric(chosen, task);
}

json to_json(const DegradationCurve& curve) {
  json points = json::array();
  for (size_t i = 0; i < curve.level.size(); ++i) {
    auto point = eval::to_json(curve.value[i]);
    point["level"] = curve.level[i];
    points.push_back(std::move(point));
  }
  const bool is_noise = curve.kind == eval::DegradationKind::kNoise;
  return {{"kind", is_noise ? "noise" : "drop"}, {"modality", curve.name}, {"points", std::move(points)}};
}

std::string curves_text(const std::vector<DegradationCurve>& curves, const std::string& metric) {
  std::string text;
  size_t width = 8;
  for (const auto& curve : curves) width = std::max(width, curve.name.size());
  const DegradationCurve* before = nullptr;
  for (const auto& curve : curves) {
    if (before == nullptr || before->kind != curve.kind) {
      const bool is_noise = curve.kind == eval::DegradationKind::kNoise;
      text += fmt::format("\n{} {}\n  {:<{}}", metric,
                          is_noise ? "under noise, in standard deviations of the training part"
                                   : "with frames lost at random, by their share",
                          "modality", width);
      for (const double level : curve.level) text += fmt::format("  {:>7}", level);
      text += "\n";
    }
    text += fmt::format("  {:<{}}", curve.name, width);
    for (const auto& value : curve.value)
      text += std::isfinite(value.estimate) ? fmt::format("  {:>7.4f}", value.estimate)
                                            : fmt::format("  {:>7}", "-");
    text += "\n";
    before = &curve;
  }
  return text;
}

void write_csv(const std::string& path, const eval::Ablation& ablation,
               const std::vector<DegradationCurve>& curves) {
  formats::CsvWriter csv(path, {"kind", "name", "level", "metric", "value", "low", "high"});
  const auto row = [&](const std::string& kind, const std::string& name, double level,
                       const eval::Interval& value) {
    csv.add(kind)
        .add(name)
        .add(level)
        .add(ablation.metric)
        .add(value.estimate)
        .add(value.low)
        .add(value.high);
    csv.end_row();
  };
  for (const auto subset : eval::subsets_by_size(ablation.modalities.size()))
    row("subset", eval::subset_name(subset, ablation.modalities), NAN, ablation.value_of_subset[subset]);
  for (size_t m = 0; m < ablation.modalities.size(); ++m)
    row("shapley", ablation.modalities[m], NAN, ablation.shapley[m]);
  for (const auto& one : ablation.minimal) {
    if (one.search.subset)
      row("loss_" + one.search.method, eval::subset_name(*one.search.subset, ablation.modalities),
          ablation.tolerance, one.loss);
  }
  for (const auto& curve : curves) {
    for (size_t i = 0; i < curve.level.size(); ++i)
      row(curve.kind == eval::DegradationKind::kNoise ? "noise" : "drop", curve.name, curve.level[i],
          curve.value[i]);
  }
  csv.finish();
}

}  // namespace

EvaluateReport ablate_run(const std::string& run, const AblateOptions& wanted) {
  const OpenedRun opened = open_run(run, wanted.part);
  const auto& modalities = opened.bundle.model->modalities();
  require(modalities.size() <= eval::kMostPlayers, ErrorCode::kConfig,
          fmt::format("{}: {} modalities have too many subsets; at most {}", run, modalities.size(),
                      eval::kMostPlayers));
  AblateOptions options = wanted;
  settle_metric(opened, options);
  json rows = json::array();
  std::vector<eval::TaskPredictions> of_subset(size_t{1} << modalities.size());
  for (const eval::Subset subset : eval::subsets_by_size(modalities.size())) {
    std::set<std::string> hidden;
    std::vector<std::string> shown;
    for (size_t m = 0; m < modalities.size(); ++m) {
      if ((subset >> m & 1) != 0) {
        shown.push_back(modalities[m]);
      } else {
        hidden.insert(modalities[m]);
      }
    }
    auto predictions = eval::predict(*opened.bundle.model, *opened.loader, opened.temperature, hidden);
    rows.push_back(subset_row(shown, predictions));
    of_subset[subset] = std::move(predictions.at(options.task));
  }
  eval::AblationOptions how;
  how.metric = options.metric;
  how.tolerance = options.tolerance;
  how.bootstrap.num_resamples = options.num_resamples;
  how.bootstrap.by_subject = options.by_subject;
  how.bootstrap.seed = options.seed;
  const auto ablation = eval::ablate_subsets(modalities, of_subset, how);
  const auto curves = degradation_curves(run, opened, options, of_subset.back());

  EvaluateReport report;
  report.directory = results_folder(run, opened, options.part);
  report.metrics = std::make_shared<json>(eval::to_json(ablation));
  auto& result = *report.metrics;
  result["run"] = run;
  result["split"] = options.part.split;
  result["checkpoint"] = options.part.checkpoint;
  result["leaks"] = opened.notes.leaks;
  result["curves"] = json::array();
  for (const auto& curve : curves) result["curves"].push_back(to_json(curve));
  report.text = fmt::format("{} on {} ({}), {} checkpoint\n", run, opened.config.data.shown_stores(),
                            options.part.split, options.part.checkpoint) +
                eval::ablation_text(ablation) + curves_text(curves, options.metric);
  if (const auto leaks = eval::leaks_text(opened.notes.leaks); !leaks.empty())
    report.text += "\n" + leaks + "\n";
  std::filesystem::create_directories(report.directory);
  formats::write_json(report.directory + "/subsets.json", rows);
  write_csv(report.directory + "/ablation.csv", ablation, curves);
  const auto figure = ablation_figure(
      fmt::format("{}: {} on {}", opened.config.name, ablation.metric, options.part.split), ablation, curves);
  figure.write(report.directory + "/ablation.svg");
  figure.write(report.directory + "/ablation.png");
  formats::write_json(report.directory + "/ablation.json", result);
  report.text += "\nwritten to " + report.directory + "\n";
  return report;
}

}  // namespace limbic::train
