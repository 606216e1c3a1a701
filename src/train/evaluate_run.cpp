#include "limbic/train/evaluate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/hierarchy.h"
#include "limbic/eval/html_report.h"
#include "limbic/eval/predict.h"
#include "limbic/eval/report.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/train/experiment.h"
#include "opened_run.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;

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

/// The oracle record of a run, where there is one, beside the clean result.
void add_oracle(const std::string& run, const std::vector<eval::TaskReport>& clean, eval::ReportInput& page,
                std::string& text) {
  const std::string directory = run + "/eval/oracle";
  if (!fs::exists(directory + "/metrics.json")) return;
  std::vector<eval::TaskReport> oracle;
  for (const auto& task : clean) {
    const auto path = eval::predictions_path(directory, task.labels.task, clean.size() == 1);
    oracle.push_back(eval::evaluate(eval::read_task_predictions(path, task.labels)));
  }
  text += "\n" + eval::selections_text(clean, oracle);
  page.selections = eval::clean_and_oracle(clean, std::move(oracle));
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

/// Whose spellings the labels of a store have: the kind that it was imported as, where the ontology knows it.
std::string corpus_of(const data::Store& store, const affect::Ontology& ontology) {
  const auto& info = store.info();
  return ontology.file().corpora.count(info.importer) != 0 ? info.importer : info.name;
}

std::vector<affect::LabelSpace> with_classes(std::vector<affect::LabelSpace> tasks) {
  tasks.erase(
      std::remove_if(tasks.begin(), tasks.end(), [](const auto& task) { return !task.has_classes(); }),
      tasks.end());
  return tasks;
}

using Predictions = std::map<std::string, eval::TaskPredictions>;

/// @return a line about it
std::string remove_contradictions(Predictions& predictions, const std::vector<affect::LabelSpace>& tasks,
                                  const affect::Ontology& ontology, const std::string& corpus) {
  const affect::ClassConstraints constraints(ontology, tasks, corpus);
  require(!constraints.contradictions().empty(), ErrorCode::kConfig,
          "--ontology: no classes of the run's tasks can contradict each other; leave it out");
  const int64_t num_before = eval::count_contradictions(predictions, constraints);
  const int64_t num_changed = eval::make_consistent(predictions, constraints);
  return fmt::format("samples whose classes contradicted each other: {}; changed: {}\n", num_before,
                     num_changed);
}

/// What a sample has under a name: its label, else attribute, else number; empty without.
std::string value_of(const data::SampleTable& samples, const std::string& name, int64_t row) {
  if (const auto label = samples.label(name, row); !label.empty()) return std::string(label);
  if (const auto attribute = samples.attribute(name, row); !attribute.empty()) return std::string(attribute);
  const double value = samples.value(name, row);
  return std::isnan(value) ? "" : fmt::format("{}", value);
}

/// The predictions by what their samples have under a name; samples without it are left out.
/// @throws Error(kConfig) when no sample has it, or it has too many values to be groups
std::map<std::string, Predictions> split_by(const Predictions& predictions, const data::SampleTable& samples,
                                            const std::string& name) {
  constexpr size_t kMostGroups = 50;
  std::map<std::string, Predictions> groups;
  const auto sort_in = [&](const auto& rows, const eval::TaskPredictions& task, auto member) {
    for (const auto& row : rows) {
      const std::string value = value_of(samples, name, samples.find(row.id));
      if (value.empty()) continue;
      auto& of_task = groups[value][task.labels.task];
      of_task.labels = task.labels;
      (of_task.*member).push_back(row);
    }
  };
  for (const auto& entry : predictions) {
    sort_in(entry.second.predictions, entry.second, &eval::TaskPredictions::predictions);
    sort_in(entry.second.values, entry.second, &eval::TaskPredictions::values);
  }
  auto known = samples.tasks();
  for (const auto& names : {samples.attribute_names(), samples.value_names()})
    known.insert(known.end(), names.begin(), names.end());
  require(!groups.empty(), ErrorCode::kConfig,
          "--by " + name + ": no evaluated sample has a label, attribute or number of that name, only " +
              core::join(known) + core::did_you_mean(name, known));
  require(groups.size() <= kMostGroups, ErrorCode::kConfig,
          fmt::format("--by {}: {} different values are no groups; at most {}", name, groups.size(),
                      kMostGroups));
  return groups;
}

/// A row a group and task. @param metrics  gets what metrics.json has
std::string score_groups(const Predictions& predictions, const data::SampleTable& samples,
                         const std::string& name, nlohmann::json& metrics) {
  constexpr size_t kShown = 3;
  std::string text = "\nby " + name + "\n";
  metrics["name"] = name;
  for (const auto& [value, group] : split_by(predictions, samples, name)) {
    for (const auto& [task, of_task] : group) {
      const auto report = eval::evaluate(of_task);
      metrics["groups"][value]["tasks"][task] = eval::to_json(report);
      text += fmt::format("{:<12} {:<12} n {:>6}", value, task, report.num_samples);
      const auto names = eval::metrics_of(report);
      for (size_t m = 0; m < std::min(kShown, names.size()); ++m) {
        const auto& found = report.metrics.at(names[m]);
        text += fmt::format("  {} {:.4f}", names[m], found.estimate);
        if (std::isfinite(found.low)) text += fmt::format(" [{:.4f}, {:.4f}]", found.low, found.high);
      }
      text += "\n";
    }
  }
  return text;
}

/// Scores at a task or level of the ontology, in a folder of their own. Tasks of the run without a class
/// there are left out, unless it is all of them. @param metrics  gets what metrics.json has
/// @return the tables
std::string score_coarsely(const Predictions& predictions, const std::string& wanted,
                           const affect::Ontology& ontology, const std::string& corpus,
                           const std::string& directory, const eval::ResultNotes& notes,
                           nlohmann::json& metrics) {
  Predictions coarse;
  std::string dropped;
  std::optional<Error> problem;
  for (const auto& [name, task] : predictions) {
    if (!task.labels.has_classes()) continue;
    try {
      const auto map = data::map_labels(task.labels, corpus, wanted, ontology);
      for (const auto& label : map.unmapped)
        dropped += fmt::format("{}: {} left out: {}\n", name, label, map.reasons.at(label));
      coarse[name] = eval::coarsened(task, map);
      coarse[name].labels.task = name;
    } catch (const Error& error) {
      problem = error;
    }
  }
  if (coarse.empty() && problem) throw problem->in("--coarse " + wanted);
  const auto reports = eval::write_results(directory, coarse, notes);
  metrics = formats::read_json(directory + "/metrics.json");
  return fmt::format("\nat {}\n{}{}", wanted, dropped, eval::results_text(reports));
}

}  // namespace

EvaluateReport evaluate_run(const std::string& run, const EvaluateOptions& options) {
  const OpenedRun opened = open_run(run, options);
  const ExperimentConfig& config = opened.config;
  const data::Store& store = *opened.store;
  const eval::ResultNotes& notes = opened.notes;
  auto predictions = opened.predict();
  const bool is_consistent = !options.ontology.empty();
  std::optional<affect::Ontology> ontology;
  std::string corpus;
  std::string change;
  if (is_consistent || !options.coarse.empty()) {
    ontology = affect::Ontology::load(options.ontology);
    corpus = corpus_of(store, *ontology);
  }
  if (is_consistent)
    change = remove_contradictions(predictions, with_classes(opened.bundle.info.tasks), *ontology, corpus);

  EvaluateReport report;
  report.directory = results_folder(run, opened, options);
  if (is_consistent) report.directory += ".consistent";
  report.text = fmt::format("{} on {} ({}), {} checkpoint\n", run, config.data.shown_stores(), options.split,
                            options.checkpoint) +
                change;
  std::vector<eval::TaskReport> reports = eval::write_results(report.directory, predictions, notes);
  if (const std::string leaks = eval::leaks_text(notes.leaks); !leaks.empty()) report.text += leaks + "\n";
  if (ontology) {
    for (auto& of_task : reports) {
      if (!of_task.labels.has_classes()) continue;
      eval::add_hierarchical_metrics(of_task, predictions.at(of_task.labels.task).predictions,
                                     eval::ancestor_sets(*ontology, of_task.labels, corpus));
    }
    eval::write_metrics_json(report.directory + "/metrics.json", reports, notes);
  }
  report.text += eval::results_text(reports);
  report.metrics = std::make_shared<nlohmann::json>(formats::read_json(report.directory + "/metrics.json"));
  if (!options.by.empty()) {
    report.text += score_groups(predictions, store.samples(), options.by, (*report.metrics)["by"]);
    formats::write_json(report.directory + "/metrics.json", *report.metrics);
  }
  for (const auto& wanted : options.coarse) {
    report.text +=
        score_coarsely(predictions, wanted, *ontology, corpus, report.directory + "/coarse_" + wanted, notes,
                       (*report.metrics)["coarse"][wanted]);
  }

  eval::ReportInput page;
  page.title = config.name;
  page.subtitle =
      fmt::format("{} checkpoint on {} ({})", options.checkpoint, config.data.shown_stores(), options.split);
  page.facts.emplace_back("Run folder", run);
  for (auto& fact : manifest_facts(run)) page.facts.push_back(std::move(fact));
  if (!notes.leaks.empty()) page.warnings.push_back(eval::leaks_text(notes.leaks));
  const bool is_result =
      !opened.is_elsewhere && !is_consistent && options.split == "test" && options.checkpoint == "best";
  if (is_result) add_oracle(run, reports, page, report.text);
  page.tasks = std::move(reports);
  if (fs::exists(run + "/results.csv")) page.plots = eval::training_plots(run + "/results.csv");
  if (const std::string state = run + "/ckpt/best/state.json"; fs::exists(state)) {
    const auto checkpoint = formats::read_json(state);
    const nlohmann::json::json_pointer epoch("/state/epoch");
    if (checkpoint.contains(epoch) && checkpoint.at(epoch).is_number())
      page.marked_x = checkpoint.at(epoch).get<double>();
    page.mark_name = "best epoch";
  }
  write_html(run, report.directory, is_result, page);
  report.text += "\nwritten to " + report.directory + "\n";
  return report;
}

}  // namespace limbic::train
