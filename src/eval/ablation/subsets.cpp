#include <algorithm>
#include <bitset>
#include <cmath>
#include <functional>
#include <limits>

#include "limbic/core/error.h"
#include "limbic/eval/ablation.h"

namespace limbic::eval {
namespace {

size_t size_of(Subset subset) {
  return std::bitset<32>(subset).count();
}

size_t num_players(const std::vector<double>& value_of_subset) {
  size_t num = 0;
  while ((size_t{1} << num) < value_of_subset.size()) ++num;
  require(num <= kMostPlayers && (size_t{1} << num) == value_of_subset.size(), ErrorCode::kInternal,
          "a game has a value for each of the 2^M subsets of at most 10 players, not " +
              std::to_string(value_of_subset.size()) + " values");
  return num;
}

/// NaN is worse than every number.
double rank_of(double value) {
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

/// The value that will do.
double least_value(const std::vector<double>& value_of_subset, double tolerance) {
  // Differences of metrics are rounded: 0.8 - 0.02 must include 0.78.
  return rank_of(value_of_subset[best_subset(value_of_subset)]) - tolerance - 1e-12;
}

/// The best of the subsets that one step leads to; of equals the first.
Subset best_step(Subset from, size_t players, bool takes, const std::vector<double>& value_of_subset) {
  Subset best = from;
  for (size_t m = 0; m < players; ++m) {
    const Subset bit = Subset{1} << m;
    if (((from & bit) == 0) != takes) continue;
    const Subset next = from ^ bit;
    if (best == from || rank_of(value_of_subset[next]) > rank_of(value_of_subset[best])) best = next;
  }
  return best;
}

}  // namespace

std::string subset_name(Subset subset, const std::vector<std::string>& modalities) {
  std::string name;
  for (size_t m = 0; m < modalities.size(); ++m) {
    if ((subset >> m & 1) != 0) name += (name.empty() ? "" : " + ") + modalities[m];
  }
  return name.empty() ? "(none)" : name;
}

std::vector<Subset> subsets_by_size(size_t players) {
  std::vector<Subset> subsets;
  const Subset all = (Subset{1} << players) - 1;
  for (Subset hidden = 0; hidden <= all; ++hidden) subsets.push_back(all & ~hidden);
  std::stable_sort(subsets.begin(), subsets.end(),
                   [](Subset a, Subset b) { return size_of(a) > size_of(b); });
  return subsets;
}

std::vector<double> shapley_values(const std::vector<double>& value_of_subset) {
  const size_t players = num_players(value_of_subset);
  // |S|! (M - |S| - 1)! / M! = 1 / (M * (M - 1 over |S|))
  std::vector<double> weight_of_size;
  double choices = 1.0;
  for (size_t size = 0; size < players; ++size) {
    weight_of_size.push_back(1.0 / (static_cast<double>(players) * choices));
    choices *= static_cast<double>(players - 1 - size) / static_cast<double>(size + 1);
  }
  std::vector<double> shapley(players, 0.0);
  for (Subset subset = 0; subset < value_of_subset.size(); ++subset) {
    for (size_t m = 0; m < players; ++m) {
      const Subset bit = Subset{1} << m;
      if ((subset & bit) != 0) continue;
      shapley[m] +=
          weight_of_size[size_of(subset)] * (value_of_subset[subset | bit] - value_of_subset[subset]);
    }
  }
  return shapley;
}

Subset best_subset(const std::vector<double>& value_of_subset) {
  auto subsets = subsets_by_size(num_players(value_of_subset));
  std::reverse(subsets.begin(), subsets.end());
  return *std::max_element(subsets.begin(), subsets.end(), [&](Subset a, Subset b) {
    return rank_of(value_of_subset[a]) < rank_of(value_of_subset[b]);
  });
}

SubsetSearch exhaustive_search(const std::vector<double>& value_of_subset, double tolerance) {
  SubsetSearch search{"exhaustive", std::nullopt};
  const double least = least_value(value_of_subset, tolerance);
  for (const Subset subset : subsets_by_size(num_players(value_of_subset))) {
    if (rank_of(value_of_subset[subset]) < least) continue;
    const bool is_better = !search.subset || size_of(subset) < size_of(*search.subset) ||
                           rank_of(value_of_subset[subset]) > rank_of(value_of_subset[*search.subset]);
    if (is_better) search.subset = subset;
  }
  return search;
}

SubsetSearch backward_search(const std::vector<double>& value_of_subset, double tolerance) {
  const size_t players = num_players(value_of_subset);
  const double least = least_value(value_of_subset, tolerance);
  SubsetSearch search{"backward", std::nullopt};
  search.path.push_back(static_cast<Subset>(value_of_subset.size() - 1));
  while (search.path.back() != 0)
    search.path.push_back(best_step(search.path.back(), players, /*takes=*/false, value_of_subset));
  for (const Subset subset : search.path) {
    if (rank_of(value_of_subset[subset]) >= least) search.subset = subset;
  }
  return search;
}

SubsetSearch forward_search(const std::vector<double>& value_of_subset, double tolerance) {
  const size_t players = num_players(value_of_subset);
  const double least = least_value(value_of_subset, tolerance);
  const auto all = static_cast<Subset>(value_of_subset.size() - 1);
  SubsetSearch search{"forward", std::nullopt};
  search.path.push_back(0);
  while (rank_of(value_of_subset[search.path.back()]) < least && search.path.back() != all)
    search.path.push_back(best_step(search.path.back(), players, /*takes=*/true, value_of_subset));
  if (rank_of(value_of_subset[search.path.back()]) >= least) search.subset = search.path.back();
  return search;
}

}  // namespace limbic::eval
