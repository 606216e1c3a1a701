#include "limbic/eval/value_metrics.h"

#include <algorithm>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "value_sums.h"

namespace limbic::eval {
namespace {

using affect::LabelSpace;
using affect::TaskKind;

}  // namespace

std::vector<std::string> value_metric_names(const LabelSpace& task) {
  std::vector<std::string> names;
  for (const auto& measure : measures_of(task)) names.push_back(measure.name);
  if (task.traits.kind == TaskKind::kMultiLabel) {
    names.emplace_back(kAucName);
    for (const auto& label : task.classes) names.push_back(std::string(kAucName) + "_" + label);
  }
  return names;
}

double value_metric(const LabelSpace& task, const std::vector<ValuePrediction>& predictions,
                    const std::string& name) {
  const auto centre_C = centres(task, predictions);
  for (const auto& measure : measures_of(task)) {
    if (measure.name != name) continue;
    Sums sums(task.classes.size());
    for (const auto& p : predictions) sums.add(sums_of(task, p, centre_C), 1.0);
    return measure.value(sums);
  }
  const auto known = value_metric_names(task);
  require(std::find(known.begin(), known.end(), name) != known.end(), ErrorCode::kConfig,
          "no metric '" + name + "' of task '" + task.task + "'" + core::did_you_mean(name, known) +
              "; metrics: " + core::join(known));
  const std::vector<int64_t> once(predictions.size(), 1);
  const auto rankings = rank_labels(task, predictions);
  if (name == kAucName) return mean_over(rankings, [&](const auto& r) { return auc_of(r, once); });
  const std::string label = name.substr(std::string(kAucName).size() + 1);
  return auc_of(rankings[static_cast<size_t>(task.index_of(label))], once);
}

std::map<std::string, Interval> value_intervals(const LabelSpace& task,
                                                const std::vector<ValuePrediction>& predictions,
                                                const BootstrapOptions& options) {
  const auto centre_C = centres(task, predictions);
  const auto groups = group_samples(predictions, options.by_subject);
  std::vector<Sums> of_group(groups.num_groups, Sums(task.classes.size()));
  for (size_t i = 0; i < predictions.size(); ++i)
    of_group[groups.group[i]].add(sums_of(task, predictions[i], centre_C), 1.0);
  const auto measures = measures_of(task);
  const bool has_labels = task.traits.kind == TaskKind::kMultiLabel;
  const auto rankings = has_labels ? rank_labels(task, predictions) : std::vector<LabelRanking>{};
  const auto all_values = [&](const std::vector<int64_t>& times) {
    Sums sums(task.classes.size());
    for (size_t g = 0; g < of_group.size(); ++g) {
      if (times[g] > 0) sums.add(of_group[g], static_cast<double>(times[g]));
    }
    std::vector<double> values;
    for (const auto& measure : measures) values.push_back(measure.value(sums));
    if (!has_labels) return values;
    std::vector<int64_t> weights(predictions.size());
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = times[groups.group[i]];
    std::vector<double> areas;
    for (const auto& ranking : rankings) areas.push_back(auc_of(ranking, weights));
    values.push_back(mean_over(areas, [](double area) { return area; }));
    values.insert(values.end(), areas.begin(), areas.end());
    return values;
  };
  // interval_of() draws the same for every measure, so one evaluation of a draw does for all.
  std::vector<std::vector<double>> values_of_draw;
  std::map<std::string, Interval> intervals;
  const auto names = value_metric_names(task);
  for (size_t k = 0; k < names.size(); ++k) {
    size_t draw = 0;
    intervals[names[k]] = interval_of(
        groups.num_groups,
        [&](const std::vector<int64_t>& times) {
          if (draw == values_of_draw.size()) values_of_draw.push_back(all_values(times));
          return values_of_draw[draw++][k];
        },
        options);
  }
  return intervals;
}

bool is_lower_better(const std::string& metric_name) {
  const std::string stem = metric_name.substr(0, metric_name.find('_'));
  return stem == "loss" || stem == kEceName || stem == "mae" || stem == "mse" || stem == "rmse";
}

}  // namespace limbic::eval
