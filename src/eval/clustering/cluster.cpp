#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "distance.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/eval/clustering.h"

namespace limbic::eval {
namespace {

/// Numbers 0, 1, 2 ... in the order of the labels; -1 stays.
std::vector<int64_t> compacted(const std::vector<int64_t>& label, int64_t& num_clusters) {
  std::map<int64_t, int64_t> number;
  for (const int64_t one : label) {
    if (one >= 0) number.emplace(one, 0);
  }
  num_clusters = 0;
  for (auto& entry : number) entry.second = num_clusters++;
  std::vector<int64_t> compact;
  for (const int64_t one : label) compact.push_back(one < 0 ? -1 : number.at(one));
  return compact;
}

using Labelled = std::pair<std::vector<int64_t>, double>;  ///< labels, and a score of which more is better

}  // namespace

std::vector<int64_t> sampled_rows(int64_t num_points, int64_t max_points, uint64_t seed) {
  std::vector<int64_t> rows(static_cast<size_t>(num_points));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  if (num_points <= max_points) return rows;
  core::Rng(seed).shuffle(rows);
  rows.resize(static_cast<size_t>(max_points));
  std::sort(rows.begin(), rows.end());
  return rows;
}

double sampled_silhouette(const Points& points, const std::vector<int64_t>& label, int64_t max_points,
                          uint64_t seed) {
  if (points.num_points <= max_points) return silhouette(points, label);
  const auto rows = sampled_rows(points.num_points, max_points, seed);
  std::vector<int64_t> some;
  for (const int64_t i : rows) some.push_back(label.at(static_cast<size_t>(i)));
  return silhouette(points.rows(rows), some);
}

double silhouette(const Points& points, const std::vector<int64_t>& label) {
  points.require_usable("silhouette");
  require(label.size() == static_cast<size_t>(points.num_points), ErrorCode::kInternal,
          "silhouette: wants a label for every point");
  int64_t num_clusters = 0;
  const auto cluster_of = compacted(label, num_clusters);
  std::vector<double> size_K(static_cast<size_t>(num_clusters), 0.0);
  int64_t num_known = 0;
  for (const int64_t k : cluster_of) {
    if (k < 0) continue;
    size_K[static_cast<size_t>(k)] += 1;
    ++num_known;
  }
  if (num_clusters < 2 || num_clusters >= num_known) return std::numeric_limits<double>::quiet_NaN();
  double total = 0.0;
  std::vector<double> sum_K(size_K.size());
  for (int64_t i = 0; i < points.num_points; ++i) {
    const int64_t own = cluster_of[static_cast<size_t>(i)];
    if (own < 0 || size_K[static_cast<size_t>(own)] < 2) continue;  // alone in its cluster: 0
    std::fill(sum_K.begin(), sum_K.end(), 0.0);
    for (int64_t j = 0; j < points.num_points; ++j) {
      const int64_t k = cluster_of[static_cast<size_t>(j)];
      if (k < 0) continue;
      sum_K[static_cast<size_t>(k)] +=
          std::sqrt(squared_distance(points.row(i), points.row(j), points.num_dims));
    }
    double other = std::numeric_limits<double>::infinity();
    for (size_t k = 0; k < sum_K.size(); ++k) {
      if (static_cast<int64_t>(k) != own) other = std::min(other, sum_K[k] / size_K[k]);
    }
    const auto o = static_cast<size_t>(own);
    const double inside = sum_K[o] / (size_K[o] - 1);
    const double most = std::max(inside, other);
    if (most > 0) total += (other - inside) / most;
  }
  return total / static_cast<double>(num_known);
}

Clustering cluster(const Points& points, const ClusterOptions& options) {
  points.require_usable("clustering");
  const bool is_free = options.k == 0;
  require(is_free || (options.k >= 1 && options.k <= points.num_points), ErrorCode::kConfig,
          fmt::format("clustering: {} clusters of {} points; wants 1 to one a point, or 0 to choose",
                      options.k, points.num_points));
  require(!is_free || (options.max_k >= 2 && points.num_points >= 3), ErrorCode::kConfig,
          "clustering: to choose the number of clusters takes 3 points, and 2 clusters to begin with");
  const auto scored = [&](std::vector<int64_t> label) {
    const double score =
        is_free ? sampled_silhouette(points, label, options.max_silhouette_points, options.seed) : 0.0;
    return Labelled{std::move(label), score};
  };
  std::function<Labelled(int64_t)> with_k;
  if (options.method == ClusterMethod::kKMeans) {
    with_k = [&](int64_t k) {
      KMeansOptions one;
      one.k = k;
      one.seed = options.seed;
      return scored(k_means(points, one).label);
    };
  } else if (options.method == ClusterMethod::kMixture) {
    with_k = [&](int64_t k) {
      MixtureOptions one;
      one.k = k;
      one.covariance = options.covariance;
      one.num_starts = 3;
      one.seed = options.seed;
      auto mixture = fit_mixture(points, one);
      return Labelled{std::move(mixture.label), -mixture.bic};
    };
  } else {
    with_k = [&, merges = merge_tree(points, options.linkage)](int64_t k) {
      return scored(cut_tree(merges, k));
    };
  }
  Clustering result;
  if (!is_free) {
    result.k = options.k;
    result.label = with_k(options.k).first;
    return result;
  }
  double best = -std::numeric_limits<double>::infinity();
  for (int64_t k = 2; k <= std::min(options.max_k, points.num_points - 1); ++k) {
    auto one = with_k(k);
    result.tried.emplace_back(k, options.method == ClusterMethod::kMixture ? -one.second : one.second);
    // Without a score (all points in one place) the first number stands.
    if (result.k != 0 && !(one.second > best)) continue;
    best = std::isnan(one.second) ? best : one.second;
    result.k = k;
    result.label = std::move(one.first);
  }
  return result;
}

}  // namespace limbic::eval
