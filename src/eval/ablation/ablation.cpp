#include "limbic/eval/ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/eval/value_metrics.h"
#include "resampled_metric.h"

namespace limbic::eval {
namespace {

/// Values of every subset under each draw. interval_of() asks for the same draws each time, so one evaluation
/// serves all intervals.
class SubsetDraws {
 public:
  SubsetDraws(const std::vector<TaskPredictions>& of_subset, const AblationOptions& options)
      : bootstrap_(options.bootstrap) {
    SharedGroups shared(bootstrap_.by_subject);
    std::vector<std::vector<size_t>> groups;
    for (const auto& task : of_subset) groups.push_back(shared.groups_of(task));
    num_groups_ = shared.size();
    for (size_t s = 0; s < of_subset.size(); ++s)
      value_of_subset_.push_back(resampled_metric(of_subset[s], options.metric, groups[s], num_groups_));
  }

  /// @param value  of the values of all subsets
  template <class Value>
  Interval interval(Value&& value) {
    size_t draw = 0;
    return interval_of(
        num_groups_,
        [&](const std::vector<int64_t>& times) {
          if (draw == values_of_draw_.size()) {
            std::vector<double> values;
            for (const auto& one : value_of_subset_) values.push_back(one(times));
            values_of_draw_.push_back(std::move(values));
          }
          return value(values_of_draw_[draw++]);
        },
        bootstrap_);
  }

 private:
  BootstrapOptions bootstrap_;
  size_t num_groups_ = 0;
  std::vector<ValueOfDraw> value_of_subset_;
  std::vector<std::vector<double>> values_of_draw_;
};

std::string interval_text(const Interval& interval) {
  if (std::isnan(interval.estimate)) return "-";
  if (std::isnan(interval.low)) return fmt::format("{:.4f}", interval.estimate);
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", interval.estimate, interval.low, interval.high);
}

nlohmann::json names_json(Subset subset, const std::vector<std::string>& modalities) {
  nlohmann::json names = nlohmann::json::array();
  for (size_t m = 0; m < modalities.size(); ++m) {
    if ((subset >> m & 1) != 0) names.push_back(modalities[m]);
  }
  return names;
}

}  // namespace

Ablation ablate_subsets(std::vector<std::string> modalities, const std::vector<TaskPredictions>& of_subset,
                        const AblationOptions& options) {
  require(modalities.size() <= kMostPlayers && of_subset.size() == size_t{1} << modalities.size(),
          ErrorCode::kInternal, "ablate_subsets: wants predictions with every subset");
  require(options.tolerance >= 0, ErrorCode::kConfig, "the tolerance must not be negative");
  Ablation result;
  result.modalities = std::move(modalities);
  result.task = of_subset.front().labels.task;
  result.metric = options.metric;
  result.tolerance = options.tolerance;
  result.is_lower_better = is_lower_better(options.metric);
  const double sign = result.is_lower_better ? -1.0 : 1.0;
  SubsetDraws draws(of_subset, options);
  using Values = std::vector<double>;
  Values worth;
  for (size_t s = 0; s < of_subset.size(); ++s) {
    result.value_of_subset.push_back(draws.interval([s](const Values& values) { return values[s]; }));
    worth.push_back(sign * result.value_of_subset.back().estimate);
  }
  // The players' values are of one pass over the subsets, so each draw is computed once for all of them.
  std::vector<Values> shapley_of_draw;
  for (size_t m = 0; m < result.modalities.size(); ++m) {
    size_t draw = 0;
    result.shapley.push_back(draws.interval([&](const Values& values) {
      if (draw == shapley_of_draw.size()) shapley_of_draw.push_back(shapley_values(values));
      return sign * shapley_of_draw[draw++][m];
    }));
  }
  result.best = best_subset(worth);
  for (auto& search : {exhaustive_search(worth, options.tolerance), backward_search(worth, options.tolerance),
                       forward_search(worth, options.tolerance)}) {
    Ablation::Minimal minimal{search, {}};
    minimal.loss.estimate = minimal.loss.low = minimal.loss.high = std::nan("");
    if (search.subset) {
      minimal.loss = draws.interval([&, subset = *search.subset](const Values& values) {
        return sign * (values[result.best] - values[subset]);
      });
    }
    result.minimal.push_back(std::move(minimal));
  }
  return result;
}

Interval metric_interval(const TaskPredictions& task, const std::string& metric,
                         const BootstrapOptions& options) {
  SharedGroups shared(options.by_subject);
  const auto groups = shared.groups_of(task);
  return interval_of(shared.size(), resampled_metric(task, metric, groups, shared.size()), options);
}

nlohmann::json to_json(const Interval& interval) {
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
  };
  return {
      {"value", number(interval.estimate)}, {"low", number(interval.low)}, {"high", number(interval.high)}};
}

nlohmann::json to_json(const Ablation& ablation) {
  nlohmann::json subsets = nlohmann::json::array();
  for (const Subset subset : subsets_by_size(ablation.modalities.size())) {
    auto row = to_json(ablation.value_of_subset[subset]);
    row["modalities"] = names_json(subset, ablation.modalities);
    subsets.push_back(std::move(row));
  }
  nlohmann::json shapley = nlohmann::json::object();
  for (size_t m = 0; m < ablation.modalities.size(); ++m)
    shapley[ablation.modalities[m]] = to_json(ablation.shapley[m]);
  nlohmann::json minimal = nlohmann::json::object();
  for (const auto& one : ablation.minimal) {
    nlohmann::json path = nlohmann::json::array();
    for (const Subset subset : one.search.path) path.push_back(names_json(subset, ablation.modalities));
    minimal[one.search.method] = {
        {"modalities",
         one.search.subset ? names_json(*one.search.subset, ablation.modalities) : nlohmann::json()},
        {"loss", to_json(one.loss)}};
    if (!path.empty()) minimal[one.search.method]["path"] = std::move(path);
  }
  return {{"task", ablation.task},
          {"metric", ablation.metric},
          {"is_lower_better", ablation.is_lower_better},
          {"tolerance", ablation.tolerance},
          {"num_groups", ablation.value_of_subset.front().num_groups},
          {"subsets", std::move(subsets)},
          {"shapley", std::move(shapley)},
          {"best", names_json(ablation.best, ablation.modalities)},
          {"minimal", std::move(minimal)}};
}

std::string ablation_text(const Ablation& ablation) {
  size_t width = 6;
  for (Subset s = 0; s < ablation.value_of_subset.size(); ++s)
    width = std::max(width, subset_name(s, ablation.modalities).size());
  std::string text = fmt::format("{} of task {}, 95 % intervals over {} groups\n", ablation.metric,
                                 ablation.task, ablation.value_of_subset.front().num_groups);
  for (const Subset subset : subsets_by_size(ablation.modalities.size()))
    text +=
        fmt::format("  {:<{}}  {}{}\n", subset_name(subset, ablation.modalities), width,
                    interval_text(ablation.value_of_subset[subset]), subset == ablation.best ? "  best" : "");
  text += "\nShapley values: what each modality adds, shared out over all subsets\n";
  for (size_t m = 0; m < ablation.modalities.size(); ++m)
    text += fmt::format("  {:<{}}  {}\n", ablation.modalities[m], width, interval_text(ablation.shapley[m]));
  text += fmt::format("\nsmallest subset within {} of the best, with its loss\n", ablation.tolerance);
  for (const auto& one : ablation.minimal) {
    text += fmt::format("  {:<10}  {:<{}}  {}\n", one.search.method,
                        one.search.subset ? subset_name(*one.search.subset, ablation.modalities) : "none met",
                        width, interval_text(one.loss));
  }
  return text;
}

}  // namespace limbic::eval
