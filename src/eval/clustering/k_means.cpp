#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "distance.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/eval/clustering.h"

namespace limbic::eval {
namespace {

/// The nearest centre of every point (the first of equals) and its squared distance.
void assign(const Points& points, const Points& centre_KD, std::vector<int64_t>& label,
            std::vector<double>& distance) {
  for (int64_t i = 0; i < points.num_points; ++i) {
    double best = std::numeric_limits<double>::infinity();
    int64_t nearest = 0;
    for (int64_t k = 0; k < centre_KD.num_points; ++k) {
      const double d = squared_distance(points.row(i), centre_KD.row(k), points.num_dims);
      if (d < best) {
        best = d;
        nearest = k;
      }
    }
    label[static_cast<size_t>(i)] = nearest;
    distance[static_cast<size_t>(i)] = best;
  }
}

/// Empty clusters take the points farthest from their centres, farthest first.
void fill_empty_clusters(const Points& points, const std::vector<int64_t>& label,
                         const std::vector<double>& distance, Points& sum_KD, std::vector<double>& count_K) {
  std::vector<size_t> empty;
  for (size_t k = 0; k < count_K.size(); ++k) {
    if (count_K[k] == 0) empty.push_back(k);
  }
  if (empty.empty()) return;
  std::vector<size_t> far(label.size());
  std::iota(far.begin(), far.end(), size_t{0});
  std::partial_sort(far.begin(), far.begin() + static_cast<std::ptrdiff_t>(empty.size()), far.end(),
                    [&](size_t a, size_t b) { return distance[a] > distance[b]; });
  for (size_t e = 0; e < empty.size(); ++e) {
    const double* point = points.row(static_cast<int64_t>(far[e]));
    const auto from = label[far[e]];
    for (int64_t d = 0; d < points.num_dims; ++d) {
      sum_KD.row(from)[d] -= point[d];
      sum_KD.row(static_cast<int64_t>(empty[e]))[d] = point[d];
    }
    count_K[empty[e]] = 1;
    count_K[static_cast<size_t>(from)] -= 1;
  }
}

/// @return the squared shift of all centres together
double move_centres(const Points& points, const std::vector<int64_t>& label,
                    const std::vector<double>& distance, Points& centre_KD) {
  Points sum_KD{centre_KD.num_points, centre_KD.num_dims, std::vector<double>(centre_KD.values.size(), 0.0)};
  std::vector<double> count_K(static_cast<size_t>(centre_KD.num_points), 0.0);
  for (int64_t i = 0; i < points.num_points; ++i) {
    const int64_t k = label[static_cast<size_t>(i)];
    count_K[static_cast<size_t>(k)] += 1;
    for (int64_t d = 0; d < points.num_dims; ++d) sum_KD.row(k)[d] += points.row(i)[d];
  }
  fill_empty_clusters(points, label, distance, sum_KD, count_K);
  double shift = 0.0;
  for (int64_t k = 0; k < centre_KD.num_points; ++k) {
    const double count = count_K[static_cast<size_t>(k)];
    // A cluster whose only point went to an empty one stays where it was.
    if (count <= 0) continue;
    for (int64_t d = 0; d < points.num_dims; ++d) sum_KD.row(k)[d] /= count;
    shift += squared_distance(sum_KD.row(k), centre_KD.row(k), points.num_dims);
    std::copy(sum_KD.row(k), sum_KD.row(k) + points.num_dims, centre_KD.row(k));
  }
  return shift;
}

double mean_variance(const Points& points) {
  const auto n = static_cast<double>(points.num_points);
  double total = 0.0;
  for (int64_t d = 0; d < points.num_dims; ++d) {
    double mean = 0.0;
    for (int64_t i = 0; i < points.num_points; ++i) mean += points.row(i)[d] / n;
    for (int64_t i = 0; i < points.num_points; ++i) total += std::pow(points.row(i)[d] - mean, 2) / n;
  }
  return total / static_cast<double>(points.num_dims);
}

/// A point with a probability in proportion to its weight; any point when all weights are 0.
int64_t draw_by_weight(const std::vector<double>& weight, double sum, core::Rng& rng) {
  if (sum <= 0) return rng.below(static_cast<int64_t>(weight.size()));
  double place = rng.uniform() * sum;
  for (size_t i = 0; i < weight.size(); ++i) {
    place -= weight[i];
    if (place < 0) return static_cast<int64_t>(i);
  }
  return static_cast<int64_t>(weight.size()) - 1;
}

Points plus_plus_centres(const Points& points, int64_t k, core::Rng& rng) {
  const int64_t num_trials = 2 + static_cast<int64_t>(std::log(static_cast<double>(k)));
  const auto n = static_cast<size_t>(points.num_points);
  std::vector<int64_t> chosen = {rng.below(points.num_points)};
  std::vector<double> nearest(n, std::numeric_limits<double>::infinity());
  const auto with = [&](int64_t candidate) {
    auto closer = nearest;
    for (size_t i = 0; i < n; ++i) {
      const double d =
          squared_distance(points.row(static_cast<int64_t>(i)), points.row(candidate), points.num_dims);
      closer[i] = std::min(closer[i], d);
    }
    return closer;
  };
  nearest = with(chosen.front());
  while (static_cast<int64_t>(chosen.size()) < k) {
    const double sum = std::accumulate(nearest.begin(), nearest.end(), 0.0);
    double least = std::numeric_limits<double>::infinity();
    int64_t best = 0;
    std::vector<double> best_nearest;
    for (int64_t trial = 0; trial < num_trials; ++trial) {
      const int64_t candidate = draw_by_weight(nearest, sum, rng);
      auto closer = with(candidate);
      const double potential = std::accumulate(closer.begin(), closer.end(), 0.0);
      if (potential < least) {
        least = potential;
        best = candidate;
        best_nearest = std::move(closer);
      }
    }
    chosen.push_back(best);
    nearest = std::move(best_nearest);
  }
  return points.rows(chosen);
}

}  // namespace

KMeans k_means_from(const Points& points, Points centre_KD, const KMeansOptions& options) {
  points.require_usable("k-means");
  require(centre_KD.num_dims == points.num_dims && centre_KD.num_points >= 1 &&
              centre_KD.num_points <= points.num_points,
          ErrorCode::kConfig,
          "k-means: " + std::to_string(centre_KD.num_points) + " clusters of " +
              std::to_string(points.num_points) + " points; wants at least 1 and at most one a point");
  const double least_shift = options.tolerance * mean_variance(points);
  KMeans result;
  result.centre_KD = std::move(centre_KD);
  result.label.assign(static_cast<size_t>(points.num_points), -1);
  std::vector<double> distance(result.label.size());
  std::vector<int64_t> before = result.label;
  bool is_settled = false;
  while (result.num_iterations < options.max_iterations && !is_settled) {
    ++result.num_iterations;
    assign(points, result.centre_KD, result.label, distance);
    const double shift = move_centres(points, result.label, distance, result.centre_KD);
    is_settled = result.label == before || shift <= least_shift;
    before = result.label;
  }
  assign(points, result.centre_KD, result.label, distance);
  result.inertia = std::accumulate(distance.begin(), distance.end(), 0.0);
  return result;
}

KMeans k_means(const Points& points, const KMeansOptions& options) {
  points.require_usable("k-means");
  require(options.k >= 1 && options.k <= points.num_points && options.num_starts >= 1 &&
              options.max_iterations >= 1,
          ErrorCode::kConfig,
          "k-means: " + std::to_string(options.k) + " clusters of " + std::to_string(points.num_points) +
              " points; wants at least 1 and at most one a point, a start and an iteration");
  KMeans best;
  for (int64_t start = 0; start < options.num_starts; ++start) {
    core::Rng rng(options.seed, static_cast<uint64_t>(start));
    KMeans one = k_means_from(points, plus_plus_centres(points, options.k, rng), options);
    if (start == 0 || one.inertia < best.inertia) best = std::move(one);
  }
  return best;
}

}  // namespace limbic::eval
