#include "limbic/train/oracle.h"

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "limbic/formats/jsonl.h"

namespace limbic::train {

struct OracleRecord::Impl {
  std::string run;
  std::string task;
  std::string metric;
  std::vector<nlohmann::json> rows;
  int64_t best_epoch = 0;
  double best_value = NAN;

  std::string path() const { return run + "/eval/oracle.json"; }
  std::string key() const { return "test/" + task + "/" + metric; }

  /// @return whether the row is the best so far
  bool take(const nlohmann::json& row) {
    rows.push_back(row);
    const auto& at = row.at(key());
    const double value = at.is_null() ? NAN : at.get<double>();
    const bool is_better = eval::is_lower_better(metric) ? value < best_value : value > best_value;
    if (best_epoch != 0 && !std::isnan(best_value) && !is_better) return false;
    best_epoch = row.at("epoch").get<int64_t>();
    best_value = value;
    return true;
  }
};

OracleRecord::OracleRecord(std::string run, std::string task, std::string metric)
    : impl_(std::make_unique<Impl>(Impl{std::move(run), std::move(task), std::move(metric), {}})) {}
OracleRecord::~OracleRecord() = default;

const std::vector<nlohmann::json>& OracleRecord::rows() const {
  return impl_->rows;
}

void OracleRecord::restore(int64_t epoch) {
  impl_->rows.clear();
  impl_->best_epoch = 0;
  impl_->best_value = NAN;
  if (!std::filesystem::exists(impl_->path())) return;
  const auto record = formats::read_json(impl_->path());
  for (const auto& row : record.at("epochs")) {
    if (row.at("epoch").get<int64_t>() <= epoch) impl_->take(row);
  }
}

void OracleRecord::add(int64_t epoch, int64_t step, const std::map<std::string, eval::TaskPredictions>& test,
                       const eval::ResultNotes& notes) {
  nlohmann::json row = {{"epoch", epoch}, {"step", step}, {"selection", "oracle"}};
  for (const auto& [name, task] : test) {
    row["test/" + name + "/loss"] = task.loss;
    for (const auto& metric : eval::task_metric_names(task.labels))
      row["test/" + name + "/" + metric] = task.value(metric);
  }
  // NaN is null in JSON, here as after a restart.
  const bool is_best = impl_->take(nlohmann::json::parse(row.dump()));
  std::filesystem::create_directories(impl_->run + "/eval");
  if (is_best) {
    eval::ResultNotes of_epoch = notes;
    of_epoch.selection = "oracle";
    eval::write_results(impl_->run + "/eval/oracle", test, of_epoch);
  }
  formats::write_json(
      impl_->path(),
      {{"selection", "oracle"},
       {"meaning",
        "the epoch is chosen on the test part itself: for comparison with papers that do so, never a "
        "result"},
       {"metric", impl_->metric},
       {"task", impl_->task},
       {"best_epoch", impl_->best_epoch},
       {"best_value", impl_->best_value},
       {"epochs", impl_->rows}});
}

}  // namespace limbic::train
