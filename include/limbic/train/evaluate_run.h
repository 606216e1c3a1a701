#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace limbic::train {

/// What to evaluate of a run.
struct EvaluateOptions {
  std::string store;                ///< empty = the store of training
  std::string split = "test";       ///< train, val, test or all samples
  std::string checkpoint = "best";  ///< or last
  int num_threads = 0;              ///< 0 = every core
  /// builtin or a file: predicted classes of several tasks that contradict each other are replaced by the
  /// most probable ones that agree; empty = each task for itself
  std::string ontology{};
  std::vector<std::string> coarse{};  ///< tasks and levels of the ontology at which to score, too
  /// A label, attribute or number of the samples by whose values the metrics are given, too: "masked", "sex"
  std::string by{};
};

struct EvaluateReport {
  std::shared_ptr<nlohmann::json> metrics;  ///< as in metrics.json
  std::string text;                         ///< table for people
  std::string directory;                    ///< RUN/eval/<split>[@<store>][.last][.consistent]
};

/// Evaluates a run's weights on one part of a store and writes metrics.json, predictions.jsonl, confusion.csv
/// and report.html into RUN/eval/ (coarser scores into folders coarse_<name> there); the result on the run's
/// own test part also becomes RUN/report.html. With `by`, metrics.json has {by: {name, groups: {value:
/// {tasks}}}}. Another store keeps its own labels; classes that the model
/// does not know are an error.
/// @throws Error(kModel, kData, kConfig)
EvaluateReport evaluate_run(const std::string& run, const EvaluateOptions& options);

}  // namespace limbic::train
