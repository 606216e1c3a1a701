#include "limbic/train/supervision.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "limbic/affect/batch.h"
#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/data/protocol.h"
#include "limbic/formats/jsonl.h"
#include "limbic/weak/weak_labels.h"

namespace limbic::train {
namespace {

constexpr const char* kLevelNames[] = {"none", "weak", "full"};

/// Truth is in the report and nowhere else. A source that is never wrong is most likely the truth itself.
void warn_about_perfect_sources(const nlohmann::json& report) {
  constexpr int64_t kEnough = 50;
  if (!report.contains("audit")) return;
  for (const auto& [name, source] : report.at("audit").at("sources").items()) {
    if (!source.contains("accuracy")) continue;
    const auto& accuracy = source.at("accuracy");
    if (accuracy.at("num").get<int64_t>() >= kEnough && accuracy.at("value").get<double>() == 1.0) {
      log::warn("weak_source_never_errs", {{"task", report.at("task").get<std::string>()},
                                           {"source", name},
                                           {"effect", "it looks like the withheld label in other words"}});
    }
  }
}

nlohmann::json row_of(const data::TaskSupervision& supervision, const affect::LabelSpace& task, size_t row) {
  nlohmann::json line = {{"level", kLevelNames[supervision.levels[row]]}};
  if (!task.has_classes()) return line;
  const auto name_of = [&](int32_t c) {
    return c < 0 ? nlohmann::json(nullptr) : nlohmann::json(task.classes[static_cast<size_t>(c)]);
  };
  line["class"] = name_of(supervision.classes[row]);
  line["withheld"] = name_of(supervision.withheld[row]);
  if (supervision.has_weak() && supervision.levels[row] != affect::kNoSupervision) {
    const auto first = supervision.soft_RC.begin() + static_cast<int64_t>(row) * task.num_classes();
    line["probabilities"] = std::vector<float>(first, first + task.num_classes());
    line["weight"] = supervision.weights[row];
  }
  return line;
}

}  // namespace

TrainingSupervision supervise(const ExperimentConfig& config, const std::shared_ptr<const data::Store>& store,
                              const std::vector<affect::LabelSpace>& tasks,
                              const std::vector<int64_t>& train) {
  TrainingSupervision result;
  for (const auto& task : tasks) {
    const auto found = config.data.supervision.find(task.task);
    if (found == config.data.supervision.end()) continue;
    const auto& wanted = found->second;
    const auto target = config.data.targets.find(task.task);
    const auto* made = target == config.data.targets.end() ? nullptr : &target->second;
    const uint64_t seed = wanted.seed != 0 ? wanted.seed : config.seed;
    auto supervision = data::supervise(*store, train, task, made, wanted.budget, wanted.noise, seed);
    if (wanted.weak) {
      weak::WeakLabelInput input;
      input.store = store;
      input.indices = train;
      input.task = task;
      if (made != nullptr) input.target = *made;
      for (const int64_t row : train) {
        const auto r = static_cast<size_t>(row);
        input.known_N.push_back(task.has_classes() ? supervision.classes[r] : -1);
        input.truth_N.push_back(task.has_classes() ? supervision.withheld[r] : -1);
      }
      const auto labels = weak::make_weak_labels(input, *wanted.weak);
      weak::add_weak_labels(train, labels, task.num_classes(), supervision);
      warn_about_perfect_sources(*labels.report);
      result.weak_reports[task.task] = labels.report;
    }
    const auto num_full = supervision.count(affect::kFullSupervision);
    const auto num_weak = supervision.count(affect::kWeakSupervision);
    log::info("supervision", {{"task", task.task},
                              {"labelled", num_full},
                              {"weak", num_weak},
                              {"none", static_cast<int64_t>(train.size()) - num_full - num_weak}});
    result.by_task[task.task] = std::make_shared<const data::TaskSupervision>(std::move(supervision));
  }
  return result;
}

WeakRun run_weak(const ExperimentConfig& config, const std::string& out) {
  require(!config.data.supervision.empty(), ErrorCode::kConfig,
          "the recipe has no data.supervision: every training sample keeps its label");
  const auto store = open_store(config.data);
  const auto tasks = task_spaces(config.data, *store);
  const auto train = data::make_split(*store, config.data.split).train;
  const auto supervision = supervise(config, store, tasks, train);
  WeakRun run;
  run.reports = supervision.weak_reports;
  for (const auto& task : tasks) {
    const auto of_task = supervision.by_task.find(task.task);
    if (of_task == supervision.by_task.end()) continue;
    const auto report = run.reports.find(task.task);
    run.text += report != run.reports.end()
                    ? weak::weak_report_text(*report->second)
                    : fmt::format("task {}: {} training samples, {} labelled, no weak sources\n", task.task,
                                  train.size(), of_task->second->count(affect::kFullSupervision));
  }
  if (out.empty()) return run;
  formats::JsonlWriter writer(out);
  for (const auto& task : tasks) {
    const auto of_task = supervision.by_task.find(task.task);
    if (of_task == supervision.by_task.end()) continue;
    for (const int64_t row : train) {
      auto line = row_of(*of_task->second, task, static_cast<size_t>(row));
      line["id"] = std::string(store->samples().id(row));
      line["task"] = task.task;
      writer.write(line);
    }
  }
  writer.finish();
  run.text += "written to " + out + "\n";
  return run;
}

}  // namespace limbic::train
