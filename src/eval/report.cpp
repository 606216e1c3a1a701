#include "limbic/eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/core/error.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::eval {
namespace {

/// Code points of UTF-8 text, near enough to its width on a terminal.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool is_left) {
  const std::string blanks(width > width_of(text) ? width - width_of(text) : 0, ' ');
  return is_left ? text + blanks : blanks + text;
}

void check_prediction(const affect::LabelSpace& labels, const Prediction& p) {
  const int64_t num_classes = labels.num_classes();
  if (p.truth < 0 || p.truth >= num_classes || p.prediction < kInvalid || p.prediction >= num_classes ||
      (!p.probabilities.empty() && static_cast<int64_t>(p.probabilities.size()) != num_classes)) {
    throw Error(
        ErrorCode::kData,
        fmt::format("sample '{}': truth {}, prediction {} and {} probabilities do not fit the {} classes of "
                    "task '{}'",
                    p.id, p.truth, p.prediction, p.probabilities.size(), num_classes, labels.task));
  }
}

void write_confusion(const std::string& path, const TaskReport& report) {
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

TaskReport evaluate(const affect::LabelSpace& labels, const std::vector<Prediction>& predictions,
                    const BootstrapOptions& options) {
  std::set<std::string> subjects;
  for (const Prediction& p : predictions) {
    check_prediction(labels, p);
    if (!p.subject.empty()) subjects.insert(p.subject);
  }
  TaskReport report{
      labels, confusion(predictions, labels.num_classes()), {}, static_cast<int64_t>(subjects.size())};
  for (const Metric& row : metrics()) {
    report.metrics[row.name] = bootstrap_interval(predictions, labels.num_classes(), row.value, options);
  }
  report.metrics[kAucName] = bootstrap_auc(predictions, labels.num_classes(), options);
  return report;
}

std::vector<std::string> metrics_of(const TaskReport& report) {
  std::vector<std::string> names = metric_names();
  for (const auto& [name, interval] : report.metrics) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& name) {
                               const auto found = report.metrics.find(name);
                               return found == report.metrics.end() || std::isnan(found->second.estimate);
                             }),
              names.end());
  return names;
}

nlohmann::json to_json(const TaskReport& report) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [name, interval] : report.metrics) {
    values[name] = {{"value", interval.estimate},
                    {"low", interval.low},
                    {"high", interval.high},
                    {"num_groups", interval.num_groups}};
  }
  nlohmann::json per_class = nlohmann::json::array();
  nlohmann::json rows = nlohmann::json::array();
  for (int64_t truth = 0; truth < report.confusion.num_classes(); ++truth) {
    const ClassScores s = report.confusion.scores(truth);
    per_class.push_back({{"class", report.labels.classes.at(static_cast<size_t>(truth))},
                         {"precision", s.precision},
                         {"recall", s.recall},
                         {"f1", s.f1},
                         {"support", s.support}});
    nlohmann::json row = nlohmann::json::array();
    for (int64_t c = 0; c < report.confusion.num_classes(); ++c) row.push_back(report.confusion.at(truth, c));
    rows.push_back(std::move(row));
  }
  return {{"task", report.labels.task},
          {"classes", report.labels.classes},
          {"num_samples", report.confusion.total()},
          {"num_subjects", report.num_subjects},
          {"num_invalid", report.confusion.invalid()},
          {"metrics", std::move(values)},
          {"per_class", std::move(per_class)},
          {"confusion", std::move(rows)}};
}

std::string leaks_text(const std::map<std::string, int64_t>& leaks) {
  std::string kinds;
  for (const auto& [kind, count] : leaks)
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", kind, count);
  return kinds.empty() ? "" : "LEAKS between the parts, allowed by the recipe: " + kinds;
}

ResultNotes read_notes(const std::string& path) {
  const auto metrics = formats::read_json(path);
  try {
    return {metrics.value("selection", std::string("clean")),
            metrics.value("leaks", std::map<std::string, int64_t>{})};
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorCode::kData, path + ": not a metrics.json: " + e.what());
  }
}

void write_metrics_json(const std::string& path, const std::vector<TaskReport>& reports,
                        const ResultNotes& notes) {
  nlohmann::json tasks = nlohmann::json::object();
  for (const TaskReport& report : reports) tasks[report.labels.task] = to_json(report);
  formats::write_json(path,
                      {{"selection", notes.selection}, {"leaks", notes.leaks}, {"tasks", std::move(tasks)}});
}

std::string confusion_table(const ConfusionMatrix& confusion, const std::vector<std::string>& classes) {
  require(static_cast<int64_t>(classes.size()) == confusion.num_classes(), ErrorCode::kInternal,
          "confusion_table: names and classes differ in number");
  const bool has_invalid = confusion.invalid() > 0;
  std::vector<std::string> heads = classes;
  if (has_invalid) heads.emplace_back("invalid");
  const std::string corner = "truth \\ predicted";
  size_t first_width = width_of(corner);
  for (const auto& name : classes) first_width = std::max(first_width, width_of(name));

  std::string table = padded(corner, first_width, true);
  std::vector<size_t> widths;
  for (size_t c = 0; c < heads.size(); ++c) {
    const int64_t column = c < classes.size() ? static_cast<int64_t>(c) : kInvalid;
    size_t width = width_of(heads[c]);
    for (int64_t t = 0; t < confusion.num_classes(); ++t) {
      width = std::max(width, std::to_string(confusion.at(t, column)).size());
    }
    widths.push_back(width);
    table += "  " + padded(heads[c], width, false);
  }
  table += "  recall\n";
  for (int64_t t = 0; t < confusion.num_classes(); ++t) {
    table += padded(classes[static_cast<size_t>(t)], first_width, true);
    for (size_t c = 0; c < heads.size(); ++c) {
      const int64_t column = c < classes.size() ? static_cast<int64_t>(c) : kInvalid;
      table += "  " + padded(std::to_string(confusion.at(t, column)), widths[c], false);
    }
    const ClassScores s = confusion.scores(t);
    table += "  " + padded(s.support > 0 ? fmt::format("{:.3f}", s.recall) : "-", 6, false) + '\n';
  }
  return table;
}

std::string metrics_table(const TaskReport& report) {
  std::string table;
  const auto names = metrics_of(report);
  size_t width = 12;
  for (const auto& name : names) width = std::max(width, width_of(name));
  for (const auto& name : names) {
    const Interval& i = report.metrics.at(name);
    table += padded(name, width, true) + fmt::format(" {:.4f}", i.estimate);
    if (std::isfinite(i.low)) table += fmt::format("  [{:.4f}, {:.4f}]", i.low, i.high);
    table += '\n';
  }
  return table;
}

std::string predictions_path(const std::string& directory, const std::string& task, bool is_only_task) {
  return directory + "/predictions" + (is_only_task ? "" : "_" + task) + ".jsonl";
}

std::vector<TaskReport> write_results(const std::string& directory,
                                      const std::map<std::string, TaskPredictions>& predictions,
                                      const ResultNotes& notes) {
  std::vector<TaskReport> reports;
  const bool is_only_task = predictions.size() == 1;
  for (const auto& [name, task] : predictions) {
    reports.push_back(evaluate(task.labels, task.predictions));
    write_predictions(predictions_path(directory, name, is_only_task), task.labels, task.predictions);
    write_confusion(directory + "/confusion" + (is_only_task ? "" : "_" + name) + ".csv", reports.back());
  }
  write_metrics_json(directory + "/metrics.json", reports, notes);
  return reports;
}

std::string results_text(const std::vector<TaskReport>& reports) {
  std::string text;
  for (const TaskReport& report : reports) {
    text += "\n" + report.labels.task + "\n" + metrics_table(report) + "\n" +
            confusion_table(report.confusion, report.labels.classes);
  }
  return text;
}

void write_predictions(const std::string& path, const affect::LabelSpace& labels,
                       const std::vector<Prediction>& predictions) {
  formats::JsonlWriter writer(path);
  for (const Prediction& p : predictions) {
    check_prediction(labels, p);
    nlohmann::json row = {{"id", p.id},
                          {"subject", p.subject},
                          {"truth", labels.classes[static_cast<size_t>(p.truth)]},
                          {"prediction", nullptr},
                          {"probabilities", p.probabilities}};  // NaN is dumped as null
    if (p.prediction != kInvalid) row["prediction"] = labels.classes[static_cast<size_t>(p.prediction)];
    writer.write(row);
  }
  writer.finish();
}

std::vector<Prediction> read_predictions(const std::string& path, const affect::LabelSpace& labels) {
  formats::JsonlReader reader(path);
  std::vector<Prediction> predictions;
  for (nlohmann::json row; reader.next(row);) {
    try {
      Prediction p;
      p.id = row.at("id").get<std::string>();
      p.subject = row.at("subject").get<std::string>();
      p.truth = labels.index_of(row.at("truth").get<std::string>());
      if (!row.at("prediction").is_null())
        p.prediction = labels.index_of(row.at("prediction").get<std::string>());
      for (const auto& value : row.at("probabilities")) {
        p.probabilities.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                                  : value.get<double>());
      }
      check_prediction(labels, p);
      predictions.push_back(std::move(p));
    } catch (const Error& e) {
      throw e.in(reader.where());
    } catch (const nlohmann::json::exception& e) {
      throw Error(ErrorCode::kData, reader.where() + ": not a prediction: " + e.what());
    }
  }
  return predictions;
}

}  // namespace limbic::eval
