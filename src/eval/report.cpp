#include "limbic/eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/core/error.h"
#include "limbic/eval/calibration.h"
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

void check_values(const affect::LabelSpace& labels, const ValuePrediction& p) {
  const size_t size = p.truth.size();
  require(
      size > 0 && size % labels.classes.size() == 0 && p.prediction.size() == size &&
          (p.variance.empty() || p.variance.size() == size),
      ErrorCode::kData,
      fmt::format("sample '{}': {} true, {} predicted values and {} variances do not fit the {} outputs of "
                  "task '{}'",
                  p.id, size, p.prediction.size(), p.variance.size(), labels.classes.size(), labels.task));
}

template <class Sample>
int64_t num_subjects(const std::vector<Sample>& samples) {
  std::set<std::string> subjects;
  for (const Sample& p : samples) {
    if (!p.subject.empty()) subjects.insert(p.subject);
  }
  return static_cast<int64_t>(subjects.size());
}

std::string kind_name(affect::TaskKind wanted) {
  for (const auto& [kind, name] : enum_names(wanted)) {
    if (kind == wanted) return name;
  }
  return {};
}

/// By dimension: a number, or a list over time. NaN is dumped as null.
nlohmann::json values_json(const affect::LabelSpace& labels, const std::vector<double>& values) {
  nlohmann::json all = nlohmann::json::object();
  const size_t num_outputs = labels.classes.size();
  for (size_t c = 0; c < num_outputs; ++c) {
    if (!labels.is_framewise()) {
      all[labels.classes[c]] = values[c];
      continue;
    }
    auto& over_time = all[labels.classes[c]] = nlohmann::json::array();
    for (size_t i = c; i < values.size(); i += num_outputs) over_time.push_back(values[i]);
  }
  return all;
}

std::vector<double> values_from(const affect::LabelSpace& labels, const nlohmann::json& all) {
  const auto number = [](const nlohmann::json& value) {
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  const size_t num_outputs = labels.classes.size();
  std::vector<double> values;
  for (size_t c = 0; c < num_outputs; ++c) {
    const auto& of_output = all.at(labels.classes[c]);
    const size_t num_rows = labels.is_framewise() ? of_output.size() : 1;
    values.resize(std::max(values.size(), num_rows * num_outputs), std::numeric_limits<double>::quiet_NaN());
    for (size_t t = 0; t < num_rows; ++t)
      values[t * num_outputs + c] = number(labels.is_framewise() ? of_output.at(t) : of_output);
  }
  return values;
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
  for (const Prediction& p : predictions) check_prediction(labels, p);
  TaskReport report{labels,
                    confusion(predictions, labels.num_classes()),
                    {},
                    num_subjects(predictions),
                    static_cast<int64_t>(predictions.size())};
  for (const Metric& row : metrics()) {
    report.metrics[row.name] = bootstrap_interval(predictions, labels.num_classes(), row.value, options);
  }
  report.metrics[kAucName] = bootstrap_auc(predictions, labels.num_classes(), options);
  report.metrics[kEceName] = bootstrap_ece(predictions, options);
  if (labels.traits.kind != affect::TaskKind::kOrdinal) return report;
  for (const Metric& row : ordinal_metrics())
    report.metrics[row.name] = bootstrap_interval(predictions, labels.num_classes(), row.value, options);
  return report;
}

TaskReport evaluate(const TaskPredictions& task, const BootstrapOptions& options) {
  if (task.labels.has_classes()) return evaluate(task.labels, task.predictions, options);
  for (const ValuePrediction& p : task.values) check_values(task.labels, p);
  return {task.labels, ConfusionMatrix(1), value_intervals(task.labels, task.values, options),
          num_subjects(task.values), static_cast<int64_t>(task.values.size())};
}

bool is_share(const affect::LabelSpace& task, const std::string& metric_name) {
  if (metric_name == "qwk" || metric_name == "mae") return false;
  return task.traits.kind != affect::TaskKind::kContinuous || metric_name.rfind("acc", 0) == 0 ||
         metric_name.rfind("f1", 0) == 0;
}

std::vector<std::string> metrics_of(const TaskReport& report) {
  std::vector<std::string> names = task_metric_names(report.labels);
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
  nlohmann::json task = {{"task", report.labels.task},
                         {"traits",
                          {{"kind", kind_name(report.labels.traits.kind)},
                           {"range", report.labels.traits.range},
                           {"rate_hz", report.labels.traits.rate_hz}}},
                         {"classes", report.labels.classes},
                         {"num_samples", report.num_samples},
                         {"num_subjects", report.num_subjects},
                         {"metrics", std::move(values)}};
  if (!report.labels.has_classes()) return task;
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
  task["num_invalid"] = report.confusion.invalid();
  task["per_class"] = std::move(per_class);
  task["confusion"] = std::move(rows);
  return task;
}

affect::LabelSpace labels_from_json(const nlohmann::json& task) {
  try {
    affect::LabelSpace labels{task.at("task").get<std::string>(),
                              task.at("classes").get<std::vector<std::string>>()};
    if (!task.contains("traits")) return labels;
    const auto& traits = task.at("traits");
    for (const auto& [kind, name] : enum_names(affect::TaskKind{})) {
      if (traits.at("kind").get<std::string>() == name) labels.traits.kind = kind;
    }
    labels.traits.range = traits.at("range").get<std::vector<double>>();
    labels.traits.rate_hz = traits.at("rate_hz").get<double>();
    return labels;
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorCode::kData, std::string("not a task of a metrics.json: ") + e.what());
  }
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
    reports.push_back(evaluate(task));
    write_predictions(predictions_path(directory, name, is_only_task), task);
    if (!task.labels.has_classes()) continue;
    write_confusion(directory + "/confusion" + (is_only_task ? "" : "_" + name) + ".csv", reports.back());
  }
  write_metrics_json(directory + "/metrics.json", reports, notes);
  return reports;
}

std::string results_text(const std::vector<TaskReport>& reports) {
  std::string text;
  for (const TaskReport& report : reports) {
    text += "\n" + report.labels.task + "\n" + metrics_table(report);
    if (report.labels.has_classes()) text += "\n" + confusion_table(report.confusion, report.labels.classes);
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

void write_predictions(const std::string& path, const TaskPredictions& task) {
  if (task.labels.has_classes()) return write_predictions(path, task.labels, task.predictions);
  formats::JsonlWriter writer(path);
  for (const ValuePrediction& p : task.values) {
    check_values(task.labels, p);
    nlohmann::json row = {{"id", p.id},
                          {"subject", p.subject},
                          {"truth", values_json(task.labels, p.truth)},
                          {"prediction", values_json(task.labels, p.prediction)}};
    if (!p.variance.empty()) row["variance"] = values_json(task.labels, p.variance);
    writer.write(row);
  }
  writer.finish();
}

TaskPredictions read_task_predictions(const std::string& path, const affect::LabelSpace& labels) {
  TaskPredictions task{labels, {}, {}, std::numeric_limits<double>::quiet_NaN()};
  if (labels.has_classes()) {
    task.predictions = read_predictions(path, labels);
    return task;
  }
  formats::JsonlReader reader(path);
  for (nlohmann::json row; reader.next(row);) {
    try {
      ValuePrediction p{row.at("id").get<std::string>(), row.at("subject").get<std::string>(),
                        values_from(labels, row.at("truth")), values_from(labels, row.at("prediction"))};
      if (row.contains("variance")) p.variance = values_from(labels, row.at("variance"));
      check_values(labels, p);
      task.values.push_back(std::move(p));
    } catch (const Error& e) {
      throw e.in(reader.where());
    } catch (const nlohmann::json::exception& e) {
      throw Error(ErrorCode::kData, reader.where() + ": not a prediction: " + e.what());
    }
  }
  return task;
}

}  // namespace limbic::eval
