#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/eval/metrics.h"
#include "limbic/eval/predict.h"

namespace limbic::eval {

/// What a reader of results must know before the numbers; written into every metrics.json.
struct ResultNotes {
  std::string selection =
      "clean";  ///< how the epoch was chosen: "clean" on validation, "oracle" on the test part
  std::map<std::string, int64_t> leaks;  ///< kind -> number of leaks between parts that the recipe allows
};
/// "LEAKS between the parts, allowed by the recipe: subject 3, turn 12"; empty without any.
std::string leaks_text(const std::map<std::string, int64_t>& leaks);

/// How well one task was predicted.
struct TaskReport {
  affect::LabelSpace labels;
  ConfusionMatrix confusion;  ///< of a task of classes
  /// By task_metric_names(), and what else was measured (hierarchy.h); auc is NaN without probabilities.
  std::map<std::string, Interval> metrics;
  int64_t num_subjects = 0;  ///< distinct, of samples that name one
  int64_t num_samples = 0;
};

/// The names of a report's metrics that have a value: task_metric_names() first.
std::vector<std::string> metrics_of(const TaskReport& report);
/// True for measures between 0 and 1 that people read as per cent; false for ccc, errors and the like.
bool is_share(const affect::LabelSpace& task, const std::string& metric_name);
/// @throws Error(kData) for a truth, prediction or number of probabilities that does not fit the labels
TaskReport evaluate(const affect::LabelSpace& labels, const std::vector<Prediction>& predictions,
                    const BootstrapOptions& options = {});
/// The same of any kind of task.
TaskReport evaluate(const TaskPredictions& task, const BootstrapOptions& options = {});

/// {task, traits, classes, num_samples, num_subjects, metrics: {name: {value, low, high}}} and, for tasks of
/// classes, {num_invalid, per_class: [...], confusion: rows = truth}. NaN becomes null.
nlohmann::json to_json(const TaskReport& report);
/// metrics.json: the notes and the reports by task, atomically. @throws Error(kStorage)
void write_metrics_json(const std::string& path, const std::vector<TaskReport>& reports,
                        const ResultNotes& notes = {});
/// The notes of a metrics.json. @throws Error(kData)
ResultNotes read_notes(const std::string& path);

/// The matrix as aligned text, rows = truth, with recall at the end of each row; for terminals and logs.
std::string confusion_table(const ConfusionMatrix& confusion, const std::vector<std::string>& classes);
/// The metrics with their intervals, one line each.
std::string metrics_table(const TaskReport& report);

/// The task that to_json() wrote about. @throws Error(kData)
affect::LabelSpace labels_from_json(const nlohmann::json& task);

/// metrics.json, and for each task predictions.jsonl and, with classes, confusion.csv; with several tasks
/// these two have the task's name (predictions_emotion.jsonl). @throws Error(kStorage)
std::vector<TaskReport> write_results(const std::string& directory,
                                      const std::map<std::string, TaskPredictions>& predictions,
                                      const ResultNotes& notes = {});
/// Path of a task's predictions in a folder that write_results made.
std::string predictions_path(const std::string& directory, const std::string& task, bool is_only_task);
/// The tables of every task, for terminals.
std::string results_text(const std::vector<TaskReport>& reports);

/// predictions.jsonl: {id, subject, truth, prediction, probabilities} a line. Classes are written by name, an
/// invalid prediction and probabilities that are not finite as null. Atomic. @throws Error(kStorage)
void write_predictions(const std::string& path, const affect::LabelSpace& labels,
                       const std::vector<Prediction>& predictions);
/// @throws Error(kData) `path:line: ...`
std::vector<Prediction> read_predictions(const std::string& path, const affect::LabelSpace& labels);

/// The same of any kind of task. Of values a line has {id, subject, truth, prediction, variance}, each with a
/// number (over time: a list) by dimension or label; unknown = null.
void write_predictions(const std::string& path, const TaskPredictions& task);
TaskPredictions read_task_predictions(const std::string& path, const affect::LabelSpace& labels);

}  // namespace limbic::eval
