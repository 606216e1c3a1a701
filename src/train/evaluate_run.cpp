#include "limbic/train/evaluate_run.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/threads.h"
#include "limbic/eval/html_report.h"
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

std::vector<int64_t> samples_of(const data::Store& store, const ExperimentConfig& config,
                                const EvaluateOptions& options) {
  if (options.split == "all") {
    std::vector<int64_t> all(static_cast<size_t>(store.size()));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  auto indices = data::make_split(store.samples(), config.data.split).part(options.split);
  require(!indices.empty(), ErrorCode::kData,
          store.path() + ": the " + options.split + " part of the run's split is empty");
  return indices;
}

std::string shown_fact(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string words;
  for (const auto& item : value) words += (words.empty() ? "" : " ") + shown_fact(item);
  return words;
}

/// What RUN/manifest.json says that a reader of results wants to know; nothing where there is none.
std::vector<std::pair<std::string, std::string>> manifest_facts(const std::string& run) {
  static constexpr std::array<std::pair<const char*, const char*>, 16> kFacts = {
      {{"Command", "/command_line"},
       {"Seed", "/seed"},
       {"Trained on", "/data/name"},
       {"Split", "/data/split"},
       {"Hash of the data", "/data/content_hash"},
       {"Hash of the split", "/data/split_hash"},
       {"Started", "/started"},
       {"Finished", "/finished"},
       {"Epochs", "/outcome/epochs"},
       {"Best epoch", "/outcome/best_epoch"},
       {"limbic", "/environment/limbic"},
       {"Source revision", "/environment/git"},
       {"LibTorch", "/environment/libtorch"},
       {"Threads", "/num_threads"},
       {"Processor", "/environment/cpu"},
       {"System", "/environment/os"}}};
  std::vector<std::pair<std::string, std::string>> facts;
  if (!fs::exists(run + "/manifest.json")) return facts;
  const auto manifest = formats::read_json(run + "/manifest.json");
  for (const auto& [name, path] : kFacts) {
    const nlohmann::json::json_pointer pointer(path);
    if (manifest.contains(pointer)) facts.emplace_back(name, shown_fact(manifest.at(pointer)));
  }
  return facts;
}

/// report.html beside metrics.json, and as RUN/report.html when it is the run's own test result or the first
/// one.
void write_html(const std::string& run, const std::string& directory, bool is_result,
                const eval::ReportInput& input) {
  const std::string html = eval::html_report(input);
  core::write_file(directory + "/report.html", html);
  const std::string front = run + "/report.html";
  if (is_result || !fs::exists(front)) core::write_file(front, html);
}

}  // namespace

EvaluateReport evaluate_run(const std::string& run, const EvaluateOptions& options) {
  require(fs::exists(run + "/config.yaml"), ErrorCode::kModel,
          run + ": not a run folder: config.yaml is missing");
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
  report.text = fmt::format("{} on {} ({}), {} checkpoint\n", run, config.data.store, options.split,
                            options.checkpoint);
  std::vector<eval::TaskReport> reports = eval::write_results(report.directory, predictions);
  report.text += eval::results_text(reports);
  report.metrics = std::make_shared<nlohmann::json>(formats::read_json(report.directory + "/metrics.json"));

  eval::ReportInput page;
  page.title = config.name;
  page.subtitle =
      fmt::format("{} checkpoint on {} ({})", options.checkpoint, config.data.store, options.split);
  page.facts.emplace_back("Run folder", run);
  for (auto& fact : manifest_facts(run)) page.facts.push_back(std::move(fact));
  page.tasks = std::move(reports);
  if (fs::exists(run + "/results.csv")) page.plots = eval::training_plots(run + "/results.csv");
  if (const std::string state = run + "/ckpt/best/state.json"; fs::exists(state)) {
    const auto checkpoint = formats::read_json(state);
    const nlohmann::json::json_pointer epoch("/state/epoch");
    if (checkpoint.contains(epoch) && checkpoint.at(epoch).is_number())
      page.marked_x = checkpoint.at(epoch).get<double>();
    page.mark_name = "best epoch";
  }
  write_html(run, report.directory, !is_elsewhere && options.split == "test" && options.checkpoint == "best",
             page);
  report.text += "\nwritten to " + report.directory + "\n";
  return report;
}

}  // namespace limbic::train
