#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "limbic/eval/metrics.h"
#include "limbic/eval/predict.h"

namespace limbic::eval {

/// A set of modalities: bit m = modality m takes part. 0 = none.
using Subset = uint32_t;
inline constexpr size_t kMostPlayers = 10;  ///< 1024 subsets
/// "audio + face", "(none)"
std::string subset_name(Subset subset, const std::vector<std::string>& modalities);
/// All subsets of `num_players`, larger ones first, among equals in the order of the players.
std::vector<Subset> subsets_by_size(size_t num_players);

/// Shapley values (1953) of a game: a player's mean gain over all orders in which the players may come,
///   sum over S without m of |S|! (M - |S| - 1)! / M! * (v(S with m) - v(S)).
/// They add up to v(all) - v(none).
/// @param value_of_subset  2^M of them, by bits. @throws Error(kInternal) for another number
std::vector<double> shapley_values(const std::vector<double>& value_of_subset);

// The smallest subset whose value is no more than `tolerance` below the best of all subsets. Larger values
// are better; NaN is worse than all. `path` is what a search went through.
struct SubsetSearch {
  std::string method;            ///< exhaustive, backward or forward
  std::optional<Subset> subset;  ///< absent: the search met none
  std::vector<Subset> path{};    ///< of the greedy ones, in their order
};
/// The largest value; of equals the smallest subset.
Subset best_subset(const std::vector<double>& value_of_subset);
/// Of those of the least size the one of the largest value.
SubsetSearch exhaustive_search(const std::vector<double>& value_of_subset, double tolerance);
/// From all modalities: each step leaves out the one that is missed least. The smallest on the way that will
/// do.
SubsetSearch backward_search(const std::vector<double>& value_of_subset, double tolerance);
/// From none: each step takes the one that helps most, up to the first that will do.
SubsetSearch forward_search(const std::vector<double>& value_of_subset, double tolerance);

struct AblationOptions {
  std::string metric;       ///< of task_metric_names()
  double tolerance = 0.02;  ///< loss of the metric that a smaller subset may cost
  BootstrapOptions bootstrap;
};

/// What all subsets of modalities of one model say together. Every interval is of the same draws of subjects,
/// so that differences are paired.
struct Ablation {
  std::vector<std::string> modalities;
  std::string task;
  std::string metric;
  double tolerance = 0.0;
  bool is_lower_better = false;
  std::vector<Interval> value_of_subset;  ///< of the metric, by bits
  std::vector<Interval> shapley;          ///< by modality; positive = makes the metric better
  Subset best = 0;
  struct Minimal {
    SubsetSearch search;
    Interval loss;  ///< best less this one, in the metric's unit; positive = this one is worse
  };
  std::vector<Minimal> minimal;  ///< exhaustive, backward, forward
};

/// @param of_subset  predictions of one task with each subset, by bits
/// @throws Error(kConfig) for a metric that the task does not have or that cannot be drawn again (loss)
Ablation ablate_subsets(std::vector<std::string> modalities, const std::vector<TaskPredictions>& of_subset,
                        const AblationOptions& options);
/// One metric of one task's predictions, with the bootstrap of ablate_subsets(). @throws Error(kConfig)
Interval metric_interval(const TaskPredictions& task, const std::string& metric,
                         const BootstrapOptions& options = {});

/// {value, low, high}, NaN as null.
nlohmann::json to_json(const Interval& interval);
nlohmann::json to_json(const Ablation& ablation);
/// Tables of subsets, Shapley values and minimal subsets, for terminals.
std::string ablation_text(const Ablation& ablation);

}  // namespace limbic::eval
