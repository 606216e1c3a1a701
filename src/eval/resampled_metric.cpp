#include "resampled_metric.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/calibration.h"
#include "ranked_predictions.h"
#include "value_sums.h"

namespace limbic::eval {
namespace {

std::vector<int64_t> sample_weights(const std::vector<size_t>& groups, const std::vector<int64_t>& times) {
  std::vector<int64_t> weights;
  weights.reserve(groups.size());
  for (const size_t group : groups) weights.push_back(times[group]);
  return weights;
}

ValueOfDraw resampled_confusion(const TaskPredictions& task, double (*value)(const ConfusionMatrix&),
                                const std::vector<size_t>& groups, size_t num_groups) {
  struct Cell {
    size_t group;
    int64_t truth, prediction, count;
  };
  std::map<std::tuple<size_t, int64_t, int64_t>, int64_t> counts;
  for (size_t i = 0; i < groups.size(); ++i)
    ++counts[{groups[i], task.predictions[i].truth, task.predictions[i].prediction}];
  std::vector<Cell> cells;
  for (const auto& [key, count] : counts)
    cells.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
  require(cells.empty() || cells.back().group < num_groups, ErrorCode::kInternal, "resampled_metric: groups");
  return
      [cells = std::move(cells), value, drawn = std::make_shared<ConfusionMatrix>(task.labels.num_classes())](
          const std::vector<int64_t>& times) {
        drawn->clear();
        for (const Cell& cell : cells) {
          if (times[cell.group] > 0) drawn->add(cell.truth, cell.prediction, cell.count * times[cell.group]);
        }
        return value(*drawn);
      };
}

/// Of measures that no sums of groups give: the samples are put together as they were drawn.
ValueOfDraw resampled_samples(const TaskPredictions& task, const std::string& metric,
                              const std::vector<size_t>& groups) {
  return [&task, metric, groups](const std::vector<int64_t>& times) {
    TaskPredictions drawn;
    drawn.labels = task.labels;
    for (size_t i = 0; i < groups.size(); ++i)
      drawn.predictions.insert(drawn.predictions.end(), static_cast<size_t>(times[groups[i]]),
                               task.predictions[i]);
    return drawn.value(metric);
  };
}

ValueOfDraw resampled_classes(const TaskPredictions& task, const std::string& metric_name,
                              const std::vector<size_t>& groups, size_t num_groups) {
  if (metric_name == kAucName) {
    const auto ranked = std::make_shared<RankedPredictions>(task.predictions, task.labels.num_classes());
    return [ranked, groups](const std::vector<int64_t>& times) {
      return ranked->auc(sample_weights(groups, times));
    };
  }
  if (metric_name == kEceName) return resampled_samples(task, metric_name, groups);
  if (task.labels.traits.kind == affect::TaskKind::kOrdinal) {
    for (const Metric& row : ordinal_metrics()) {
      if (metric_name == row.name) return resampled_confusion(task, row.value, groups, num_groups);
    }
  }
  return resampled_confusion(task, metric(metric_name).value, groups, num_groups);
}

ValueOfDraw resampled_values(const TaskPredictions& task, const std::string& metric_name,
                             const std::vector<size_t>& groups, size_t num_groups) {
  for (const auto& measure : measures_of(task.labels)) {
    if (measure.name != metric_name) continue;
    const auto centre_C = centres(task.labels, task.values);
    std::vector<Sums> of_group(num_groups, Sums(task.labels.classes.size()));
    for (size_t i = 0; i < groups.size(); ++i)
      of_group[groups[i]].add(sums_of(task.labels, task.values[i], centre_C), 1.0);
    return [of_group = std::move(of_group), value = measure.value,
            num_outputs = task.labels.classes.size()](const std::vector<int64_t>& times) {
      Sums sums(num_outputs);
      for (size_t g = 0; g < of_group.size(); ++g) {
        if (times[g] > 0) sums.add(of_group[g], static_cast<double>(times[g]));
      }
      return value(sums);
    };
  }
  // The area under the curve of one label, or the mean of all.
  const auto rankings = std::make_shared<std::vector<LabelRanking>>(rank_labels(task.labels, task.values));
  if (metric_name == kAucName) {
    return [rankings, groups](const std::vector<int64_t>& times) {
      const auto weights = sample_weights(groups, times);
      return mean_over(*rankings, [&](const auto& ranking) { return auc_of(ranking, weights); });
    };
  }
  const std::string label = metric_name.substr(std::string(kAucName).size() + 1);
  const auto at = static_cast<size_t>(task.labels.index_of(label));
  return [rankings, groups, at](const std::vector<int64_t>& times) {
    return auc_of((*rankings)[at], sample_weights(groups, times));
  };
}

}  // namespace

ValueOfDraw resampled_metric(const TaskPredictions& task, const std::string& metric_name,
                             const std::vector<size_t>& groups, size_t num_groups) {
  const auto known = task_metric_names(task.labels);
  require(std::find(known.begin(), known.end(), metric_name) != known.end(), ErrorCode::kConfig,
          "no metric '" + metric_name + "' of task '" + task.labels.task + "' to draw again" +
              core::did_you_mean(metric_name, known) + "; metrics: " + core::join(known));
  return task.labels.has_classes() ? resampled_classes(task, metric_name, groups, num_groups)
                                   : resampled_values(task, metric_name, groups, num_groups);
}

}  // namespace limbic::eval
