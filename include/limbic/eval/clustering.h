#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace limbic::eval {

/// Points in a space of D dimensions, row after row.
struct Points {
  int64_t num_points = 0;
  int64_t num_dims = 0;
  std::vector<double> values;  ///< num_points * num_dims, finite

  const double* row(int64_t i) const { return values.data() + i * num_dims; }
  double* row(int64_t i) { return values.data() + i * num_dims; }
  /// @throws Error(kData) when nothing is there, sizes do not fit, or a value is not finite
  void require_usable(const std::string& what) const;
  /// Those rows, in that order.
  Points rows(const std::vector<int64_t>& which) const;
};

/// k-means: Lloyd's iterations from k-means++ starts (Arthur & Vassilvitskii 2007, the greedy form with
/// 2 + log k trials), as sklearn.cluster.KMeans. A cluster that loses its last point takes the point that is
/// farthest from its own centre.
struct KMeansOptions {
  int64_t k = 8;
  int64_t num_starts = 10;  ///< the one with the least inertia is kept
  int64_t max_iterations = 300;
  double tolerance = 1e-4;  ///< of the squared shift of all centres, in units of the mean variance
  uint64_t seed = 0;
};
struct KMeans {
  std::vector<int64_t> label;  ///< of each point, in [0, k)
  Points centre_KD;
  double inertia = 0.0;  ///< sum of squared distances to the nearest centre
  int64_t num_iterations = 0;
};
/// @throws Error(kData, kConfig) for more clusters than points
KMeans k_means(const Points& points, const KMeansOptions& options);
/// One run from the given centres.
KMeans k_means_from(const Points& points, Points centre_KD, const KMeansOptions& options);

/// Gaussian mixture by expectation-maximisation on log densities, as sklearn.mixture.GaussianMixture: it
/// starts from k-means.
enum class Covariance { kFull, kDiag };
constexpr auto enum_names(Covariance) {
  return std::array<std::pair<Covariance, const char*>, 2>{
      {{Covariance::kFull, "full"}, {Covariance::kDiag, "diag"}}};
}
struct MixtureOptions {
  int64_t k = 8;
  Covariance covariance = Covariance::kFull;
  double regularisation = 1e-6;  ///< added to every variance
  double tolerance = 1e-3;       ///< change of the mean log-likelihood, nats, that ends the iterations
  int64_t max_iterations = 100;
  int64_t num_starts = 1;  ///< the likeliest is kept
  uint64_t seed = 0;
};
struct Mixture {
  std::vector<int64_t> label;             ///< the likeliest component of each point
  std::vector<double> responsibility_NK;  ///< rows sum to 1
  std::vector<double> weight_K;
  Points mean_KD;
  std::vector<double> covariance;  ///< (K, D, D), or (K, D) variances
  double log_likelihood = 0.0;     ///< mean of the points, nats
  double bic = 0.0;                ///< Schwarz 1978; smaller is better
  int64_t num_iterations = 0;
  bool has_converged = false;
};
/// @throws Error(kData, kConfig), also where a covariance is singular in spite of the regularisation
Mixture fit_mixture(const Points& points, const MixtureOptions& options);
/// One run that starts from hard labels.
Mixture fit_mixture_from(const Points& points, const std::vector<int64_t>& label,
                         const MixtureOptions& options);

/// Agglomerative clustering by the nearest-neighbour chain (Murtagh 1983) with the distances of Lance &
/// Williams 1967: exact for these linkages, O(n^2) time and n (n - 1) / 2 doubles.
enum class Linkage { kWard, kAverage, kComplete };
constexpr auto enum_names(Linkage) {
  return std::array<std::pair<Linkage, const char*>, 3>{
      {{Linkage::kWard, "ward"}, {Linkage::kAverage, "average"}, {Linkage::kComplete, "complete"}}};
}
/// A row of scipy.cluster.hierarchy.linkage: clusters below n are points, n + i is what merge i made.
struct Merge {
  int64_t a = 0;  ///< the smaller number of the two
  int64_t b = 0;
  double height = 0.0;  ///< distance of the two
  int64_t size = 0;     ///< points of both
};
inline constexpr uint64_t kMergeBytes = UINT64_C(1) << 30;  ///< 16384 points
/// n - 1 merges by rising height. @throws Error(kResource) when the distances take more than `max_bytes`
std::vector<Merge> merge_tree(const Points& points, Linkage linkage, uint64_t max_bytes = kMergeBytes);
/// Labels of k clusters, numbered by their first point. @throws Error(kConfig) unless 1 <= k <= n
std::vector<int64_t> cut_tree(const std::vector<Merge>& merges, int64_t k);

/// Mean silhouette (Rousseeuw 1987), Euclidean: 1 = compact and apart, 0 = overlapping, negative = most
/// points lie nearer to another cluster. Points labelled -1 are left out. NaN unless 2 <= clusters < points.
/// O(n^2 D).
double silhouette(const Points& points, const std::vector<int64_t>& label);
/// The same of at most `max_points` points, drawn at random.
double sampled_silhouette(const Points& points, const std::vector<int64_t>& label, int64_t max_points,
                          uint64_t seed);
/// Rows of at most `max_points` points, drawn at random, ascending.
std::vector<int64_t> sampled_rows(int64_t num_points, int64_t max_points, uint64_t seed);

enum class ClusterMethod { kKMeans, kMixture, kAgglomerative };
constexpr auto enum_names(ClusterMethod) {
  return std::array<std::pair<ClusterMethod, const char*>, 3>{
      {{ClusterMethod::kKMeans, "kmeans"},
       {ClusterMethod::kMixture, "gmm"},
       {ClusterMethod::kAgglomerative, "agglomerative"}}};
}

/// One of the methods; the number of clusters may be left to it.
struct ClusterOptions {
  ClusterMethod method = ClusterMethod::kKMeans;
  int64_t k = 0;       ///< 0: the best of 2 ... max_k, by BIC (mixture) or silhouette (the others)
  int64_t max_k = 15;  ///< no more than points - 1
  Linkage linkage = Linkage::kWard;
  Covariance covariance = Covariance::kFull;
  int64_t max_silhouette_points = 2000;  ///< drawn at random for the choice of k where there are more
  uint64_t seed = 0;
};
struct Clustering {
  std::vector<int64_t> label;
  int64_t k = 0;
  std::vector<std::pair<int64_t, double>>
      tried;  ///< (k, score) of every k that was tried; empty when k was given
};
/// @throws Error(kData, kConfig, kResource)
Clustering cluster(const Points& points, const ClusterOptions& options);

}  // namespace limbic::eval
