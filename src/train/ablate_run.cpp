#include "limbic/train/ablate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/jsonl.h"
#include "opened_run.h"

namespace limbic::train {
namespace {

constexpr size_t kMostModalities = 10;

/// All subsets of `names`, larger ones first, in the order of the names among equals.
std::vector<std::vector<std::string>> subsets_of(const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> subsets;
  for (size_t bits = 0; bits < (size_t{1} << names.size()); ++bits) {
    std::vector<std::string> subset;
    for (size_t m = 0; m < names.size(); ++m) {
      if ((bits >> m & 1) == 0) subset.push_back(names[m]);
    }
    subsets.push_back(std::move(subset));
  }
  std::stable_sort(subsets.begin(), subsets.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return subsets;
}

std::string number_text(double value) {
  return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-";
}

}  // namespace

EvaluateReport ablate_run(const std::string& run, const EvaluateOptions& options) {
  const OpenedRun opened = open_run(run, options);
  const auto& modalities = opened.bundle.model->modalities();
  require(modalities.size() <= kMostModalities, ErrorCode::kConfig,
          fmt::format("{}: {} modalities have too many subsets; at most {}", run, modalities.size(),
                      kMostModalities));
  EvaluateReport report;
  report.directory = results_folder(run, opened, options);
  report.text = fmt::format("{} on {} ({}), {} checkpoint\n", run, opened.config.data.shown_stores(),
                            options.split, options.checkpoint);
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& subset : subsets_of(modalities)) {
    std::set<std::string> hidden(modalities.begin(), modalities.end());
    for (const auto& modality : subset) hidden.erase(modality);
    nlohmann::json row = {{"modalities", subset}};
    std::string shown = subset.empty() ? "(none)" : core::join(subset);
    for (const auto& [name, task] :
         eval::predict(*opened.bundle.model, *opened.loader, opened.temperature, hidden)) {
      row["num_samples"][name] = task.size();
      shown += "\n   ";
      for (const auto& metric : eval::task_metric_names(task.labels)) {
        const double value = task.value(metric);
        row[name][metric] = std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
        shown += fmt::format(" {} {}", metric, number_text(value));
      }
    }
    report.text += shown + "\n";
    rows.push_back(std::move(row));
  }
  std::filesystem::create_directories(report.directory);
  const std::string path = report.directory + "/subsets.json";
  formats::write_json(path, rows);
  report.metrics = std::make_shared<nlohmann::json>(std::move(rows));
  report.text += "\nwritten to " + path + "\n";
  return report;
}

}  // namespace limbic::train
