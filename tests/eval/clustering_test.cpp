#include "limbic/eval/clustering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "limbic/core/rng.h"
#include "limbic/eval/cluster_agreement.h"
#include "limbic/eval/embedding_map.h"
#include "support/paths.h"
#include "support/python_numbers.h"

namespace limbic::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Round clouds at random places, the points of each one after the other.
Points blobs(int64_t num_blobs, int64_t points_each, int64_t num_dims, double spread, uint64_t seed) {
  core::Rng rng(seed);
  Points points{num_blobs * points_each, num_dims, {}};
  for (int64_t k = 0; k < num_blobs; ++k) {
    std::vector<double> centre;
    for (int64_t d = 0; d < num_dims; ++d) centre.push_back(rng.uniform(-10, 10));
    for (int64_t i = 0; i < points_each; ++i) {
      for (int64_t d = 0; d < num_dims; ++d)
        points.values.push_back(centre[static_cast<size_t>(d)] + spread * rng.normal());
    }
  }
  return points;
}

std::vector<int64_t> blob_of(int64_t num_blobs, int64_t points_each) {
  std::vector<int64_t> truth;
  for (int64_t i = 0; i < num_blobs * points_each; ++i) truth.push_back(i / points_each);
  return truth;
}

std::vector<double> as_numbers(const std::vector<int64_t>& labels) {
  return {labels.begin(), labels.end()};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return 1e9;
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

TEST(KMeansClusters, FindSeparateCloudsAndAreTheSameForASeed) {
  const auto points = blobs(4, 25, 3, 0.3, 1);
  KMeansOptions options;
  options.k = 4;
  const auto clusters = k_means(points, options);
  EXPECT_EQ(cluster_agreement(blob_of(4, 25), clusters.label).ari, 1.0);
  EXPECT_EQ(k_means(points, options).label, clusters.label);
  double inertia = 0;
  for (int64_t i = 0; i < points.num_points; ++i) {
    for (int64_t d = 0; d < 3; ++d)
      inertia +=
          std::pow(points.row(i)[d] - clusters.centre_KD.row(clusters.label[static_cast<size_t>(i)])[d], 2);
  }
  EXPECT_NEAR(clusters.inertia, inertia, 1e-9);
}

TEST(KMeansClusters, OfEqualPointsEnd) {
  Points points{6, 2, std::vector<double>(12, 3.0)};
  KMeansOptions options;
  options.k = 3;
  EXPECT_EQ(k_means(points, options).inertia, 0.0);
}

TEST(KMeansClusters, SayWhatIsWrong) {
  const auto points = blobs(1, 5, 2, 1, 1);
  KMeansOptions options;
  options.k = 6;
  EXPECT_THAT(test::error_of([&] { k_means(points, options); }, ErrorCode::kConfig),
              HasSubstr("6 clusters of 5 points"));
  auto broken = points;
  broken.values[5] = std::nan("");
  EXPECT_THAT(test::error_of([&] { k_means(broken, options); }, ErrorCode::kData),
              HasSubstr("point 2 is not finite"));
}

TEST(MixtureClusters, RowsOfResponsibilitiesSumToOneAndBicFindsTheNumber) {
  const auto points = blobs(3, 60, 2, 1.0, 4);
  MixtureOptions options;
  options.k = 3;
  const auto mixture = fit_mixture(points, options);
  for (size_t i = 0; i < 180; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) sum += mixture.responsibility_NK[3 * i + k];
    EXPECT_NEAR(sum, 1.0, 1e-12);
  }
  EXPECT_TRUE(mixture.has_converged);
  ClusterOptions chosen;
  chosen.method = ClusterMethod::kMixture;
  chosen.max_k = 6;
  const auto clustering = cluster(points, chosen);
  EXPECT_EQ(clustering.k, 3);
  EXPECT_EQ(clustering.tried.size(), 5U);
  EXPECT_NEAR(clustering.tried[1].second, mixture.bic, 1e-3 * std::abs(mixture.bic));
}

TEST(MixtureClusters, OfOneGaussianAreItsMeanAndCovariance) {
  const Points points{4, 1, {1, 3, 5, 7}};
  MixtureOptions options;
  options.k = 1;
  options.regularisation = 0;
  const auto mixture = fit_mixture(points, options);
  EXPECT_NEAR(mixture.mean_KD.values[0], 4.0, 1e-12);
  EXPECT_NEAR(mixture.covariance[0], 5.0, 1e-12);
  const double log_likelihood = -0.5 * (std::log(2 * M_PI * 5) + 1);  // mean square = variance
  EXPECT_NEAR(mixture.log_likelihood, log_likelihood, 1e-12);
  EXPECT_NEAR(mixture.bic, -8 * log_likelihood + 2 * std::log(4.0), 1e-9);
}

TEST(MixtureClusters, SayWhatToDoAboutASingularCovariance) {
  const Points line{4, 2, {0, 0, 1, 1, 2, 2, 3, 3}};
  MixtureOptions options;
  options.k = 1;
  options.regularisation = 0;
  EXPECT_THAT(test::error_of([&] { fit_mixture(line, options); }, ErrorCode::kData),
              HasSubstr("diagonal covariances"));
}

/// Distance of two sets of points by the definition of the linkage.
double set_distance(const Points& points, const std::vector<int64_t>& a, const std::vector<int64_t>& b,
                    Linkage linkage) {
  const auto distance = [&](const double* x, const double* y) {
    double sum = 0;
    for (int64_t d = 0; d < points.num_dims; ++d) sum += std::pow(x[d] - y[d], 2);
    return std::sqrt(sum);
  };
  if (linkage == Linkage::kWard) {
    const auto mean = [&](const std::vector<int64_t>& set) {
      std::vector<double> m(static_cast<size_t>(points.num_dims), 0.0);
      for (const int64_t i : set) {
        for (size_t d = 0; d < m.size(); ++d) m[d] += points.row(i)[d] / static_cast<double>(set.size());
      }
      return m;
    };
    const auto na = static_cast<double>(a.size());
    const auto nb = static_cast<double>(b.size());
    return std::sqrt(2 * na * nb / (na + nb)) * distance(mean(a).data(), mean(b).data());
  }
  double sum = 0;
  double most = 0;
  for (const int64_t i : a) {
    for (const int64_t j : b) {
      const double d = distance(points.row(i), points.row(j));
      sum += d / static_cast<double>(a.size() * b.size());
      most = std::max(most, d);
    }
  }
  return linkage == Linkage::kAverage ? sum : most;
}

TEST(AgglomerativeClusters, MergeTheNearestTwoEveryTime) {
  const auto points = blobs(3, 9, 2, 2.0, 7);
  for (const auto linkage : {Linkage::kWard, Linkage::kAverage, Linkage::kComplete}) {
    std::map<int64_t, std::vector<int64_t>> sets;
    for (int64_t i = 0; i < points.num_points; ++i) sets[i] = {i};
    int64_t next = points.num_points;
    for (const auto& merge : merge_tree(points, linkage)) {
      double least = 1e9;
      for (const auto& [i, a] : sets) {
        for (const auto& [j, b] : sets) {
          if (i < j) least = std::min(least, set_distance(points, a, b, linkage));
        }
      }
      ASSERT_NEAR(merge.height, least, 1e-9);
      ASSERT_NEAR(merge.height, set_distance(points, sets.at(merge.a), sets.at(merge.b), linkage), 1e-9);
      auto both = sets.at(merge.a);
      both.insert(both.end(), sets.at(merge.b).begin(), sets.at(merge.b).end());
      EXPECT_EQ(merge.size, static_cast<int64_t>(both.size()));
      sets.erase(merge.a);
      sets.erase(merge.b);
      sets[next++] = std::move(both);
    }
    EXPECT_EQ(sets.size(), 1U);
  }
}

TEST(AgglomerativeClusters, KeepWithinTheirMemory) {
  const auto points = blobs(1, 50, 2, 1, 1);
  const auto merges = merge_tree(points, Linkage::kWard, 4 * 50 * 49);
  EXPECT_EQ(merges.size(), 49U);
  EXPECT_THAT(
      test::error_of([&] { merge_tree(points, Linkage::kWard, 4 * 50 * 49 - 1); }, ErrorCode::kResource),
      HasSubstr("cluster a sample of them"));
  EXPECT_EQ(cut_tree(merges, 1), std::vector<int64_t>(50, 0));
  std::vector<int64_t> own(50);
  std::iota(own.begin(), own.end(), int64_t{0});
  EXPECT_EQ(cut_tree(merges, 50), own);
}

TEST(Clusters, ChooseTheNumberOfCloudsByThemselves) {
  const auto points = blobs(4, 30, 3, 0.5, 11);
  for (const auto method : {ClusterMethod::kKMeans, ClusterMethod::kMixture, ClusterMethod::kAgglomerative}) {
    ClusterOptions options;
    options.method = method;
    options.max_k = 8;
    options.max_silhouette_points = 100;
    const auto clustering = cluster(points, options);
    EXPECT_EQ(clustering.k, 4);
    EXPECT_EQ(cluster_agreement(blob_of(4, 30), clustering.label).ari, 1.0);
    options.k = 2;
    EXPECT_TRUE(cluster(points, options).tried.empty());
  }
}

TEST(Agreement, KnowsTheSimpleCases) {
  const std::vector<int64_t> truth = {0, 0, 1, 1, -1};
  auto same = cluster_agreement(truth, {5, 5, 2, 2, 2});
  EXPECT_EQ(same.num_points, 4);
  for (const double value : {same.nmi, same.ami, same.ari, same.purity, same.homogeneity, same.completeness})
    EXPECT_NEAR(value, 1.0, 1e-12);
  auto one = cluster_agreement({0, 0, 1, 2}, {0, 0, 0, 0});
  EXPECT_EQ(one.nmi, 0.0);
  EXPECT_EQ(one.ari, 0.0);
  EXPECT_EQ(one.purity, 0.5);
  EXPECT_EQ(one.homogeneity, 0.0);
  EXPECT_EQ(one.completeness, 1.0);
  // Two of each class in each cluster: no information at all, and less than chance gives.
  auto none = cluster_agreement({0, 0, 1, 1}, {0, 1, 0, 1});
  EXPECT_EQ(none.nmi, 0.0);
  EXPECT_NEAR(none.ari, -0.5, 1e-12);
  EXPECT_TRUE(std::isnan(cluster_agreement({-1}, {0}).nmi));
}

TEST(Silhouette, IsThatOfTheDefinitionAndUndefinedForOneCluster) {
  const Points points{4, 1, {0, 1, 10, 12}};
  // a = 1 and b = 11, 10, 9.5, 11.5; the second pair lies 2 apart.
  const double expected = ((1 - 1 / 11.0) + (1 - 1 / 10.0) + (1 - 2 / 9.5) + (1 - 2 / 11.5)) / 4;
  EXPECT_NEAR(silhouette(points, {0, 0, 1, 1}), expected, 1e-12);
  EXPECT_TRUE(std::isnan(silhouette(points, {0, 0, 0, 0})));
  EXPECT_TRUE(std::isnan(silhouette(points, {0, 1, 2, 3})));
  const Points with_unknown{5, 1, {0, 1, 10, 12, 500}};
  EXPECT_NEAR(silhouette(with_unknown, {0, 0, 1, 1, -1}), expected, 1e-12);
}

TEST(EmbeddingMap, KeepsCloudsTogetherAndIsTheSameEveryTime) {
  const auto points = blobs(3, 20, 5, 0.5, 3);
  TsneOptions options;
  options.perplexity = 10;
  options.num_steps = 500;
  const auto map = tsne(points, options);
  EXPECT_GT(silhouette(map.xy, blob_of(3, 20)), 0.6);
  EXPECT_EQ(tsne(points, options).xy.values, map.xy.values);
  options.max_points = 59;
  EXPECT_THAT(test::error_of([&] { tsne(points, options); }, ErrorCode::kResource), HasSubstr("60 points"));
}

TEST(EmbeddingMap, OfPointsInOnePlaceIsFinite) {
  TsneOptions options;
  options.num_steps = 50;
  for (const double value : tsne({8, 1, std::vector<double>(8, 1.0)}, options).xy.values)
    EXPECT_TRUE(std::isfinite(value));
}

TEST(EmbeddingMap, ShowsEveryNameOrOthers) {
  const auto points = blobs(1, 80, 2, 1, 5);
  MapColouring few{"emotion", {}};
  MapColouring many{"subject", {}};
  for (int i = 0; i < 80; ++i) {
    few.name.push_back(i % 4 == 0 ? "" : i % 4 == 1 ? "joy" : "an<ger");
    many.name.push_back("p" + std::to_string(i % 40 + 100));
  }
  const auto svg = map_figure("Corpus", points, {few, many}).svg();
  EXPECT_THAT(svg, HasSubstr(">joy<"));
  EXPECT_THAT(svg, HasSubstr("an&lt;ger"));
  EXPECT_THAT(svg, HasSubstr(">unknown<"));
  EXPECT_THAT(svg, HasSubstr(">others<"));
  EXPECT_THAT(svg, HasSubstr(">p134<"));
  EXPECT_THAT(svg, Not(HasSubstr(">p139<")));
}

TEST(ClustersByPython, EqualSklearn) {
  const auto points = blobs(3, 40, 4, 4.0, 21);
  const auto centres = points.rows({0, 1, 2, 50});
  const auto same_twice = points.rows({0, 0, 100});  // the second one loses its points
  std::vector<int64_t> start;
  std::vector<int64_t> truth;
  std::vector<int64_t> label;
  core::Rng rng(9);
  for (int64_t i = 0; i < 120; ++i) {
    start.push_back(rng.below(3));
    truth.push_back(rng.below(5));
    label.push_back(rng.chance(0.4) ? truth.back() : rng.below(7));
  }
  TsneOptions map_options;
  map_options.perplexity = 20;
  auto place = principal_components(points, 2).score_NC;
  for (double& value : place.values) value *= 1e-4;
  const auto map = tsne_from(points, place, map_options);
  const auto y = test::numbers_of_python({{"x", points.values},
                                          {"centres", centres.values},
                                          {"twice", same_twice.values},
                                          {"start", as_numbers(start)},
                                          {"truth", as_numbers(truth)},
                                          {"label", as_numbers(label)},
                                          {"place", place.values},
                                          {"map", map.xy.values}},
                                         R"(
    import scipy.cluster.hierarchy
    import sklearn.cluster, sklearn.mixture, sklearn.decomposition, sklearn.manifold
    import sklearn.metrics as m
    from sklearn.manifold import _t_sne
)",
                                         R"(
x = s['x'].reshape(120, 4)
for name in ['centres', 'twice']:
    start = s[name].reshape(-1, 4)
    k = sklearn.cluster.KMeans(len(start), init=start, n_init=1, algorithm='lloyd').fit(x)
    y[name + '_label'], y[name + '_centre'], y[name + '_inertia'] = k.labels_, k.cluster_centers_, [k.inertia_]
r = np.eye(3)[s['start'].astype(int)]
for kind in ['full', 'diag']:
    w, mu, cov = sklearn.mixture._gaussian_mixture._estimate_gaussian_parameters(x, r, 1e-6, kind)
    p = np.linalg.inv(cov) if kind == 'full' else 1 / cov
    g = sklearn.mixture.GaussianMixture(3, covariance_type=kind, weights_init=w / w.sum(), means_init=mu,
                                        precisions_init=p).fit(x)
    y[kind + '_mean'], y[kind + '_covariance'], y[kind + '_weight'] = g.means_, g.covariances_, g.weights_
    y[kind + '_likelihood'], y[kind + '_bic'], y[kind + '_p'] = [g.score(x)], [g.bic(x)], g.predict_proba(x)
    y[kind + '_steps'] = [g.n_iter_]
for kind in ['ward', 'average', 'complete']:
    y[kind] = scipy.cluster.hierarchy.linkage(x, kind)
    y[kind + '_label'] = sklearn.cluster.AgglomerativeClustering(5, linkage=kind).fit_predict(x)
t, l = s['truth'].astype(int), s['label'].astype(int)
table = m.cluster.contingency_matrix(t, l)
y['agreement'] = [m.normalized_mutual_info_score(t, l), m.adjusted_mutual_info_score(t, l),
                  m.adjusted_rand_score(t, l), table.max(0).sum() / 120, m.homogeneity_score(t, l),
                  m.completeness_score(t, l), m.v_measure_score(t, l)]
y['silhouette'] = [m.silhouette_score(x, l)]
pca = sklearn.decomposition.PCA(3, svd_solver='full').fit(x)
y['scores'], y['explained'] = pca.transform(x), pca.explained_variance_ratio_
wide = sklearn.decomposition.PCA(2, svd_solver='full').fit(x[:3])
y['wide'] = wide.transform(x[:3])
from scipy.spatial.distance import pdist, squareform
y['p'] = squareform(_t_sne._joint_probabilities(squareform(pdist(x, 'sqeuclidean')), 20, 0))
tsne = sklearn.manifold.TSNE(perplexity=20, method='exact', init=s['place'].reshape(-1, 2), learning_rate='auto')
theirs = tsne.fit_transform(x)
y['divergence'] = [tsne.kl_divergence_]
ours = s['map'].reshape(-1, 2)
y['trust'] = [sklearn.manifold.trustworthiness(x, ours, n_neighbors=10),
              sklearn.manifold.trustworthiness(x, theirs, n_neighbors=10)]
q = 1 / (1 + squareform(pdist(ours, 'sqeuclidean')))
np.fill_diagonal(q, 0)
q, p = q / q.sum(), np.array(y['p'])
keep = p > 0
y['our_divergence'] = [(p[keep] * np.log(p[keep] / q[keep])).sum()]
)");
  if (!y) GTEST_SKIP() << "python3-sklearn is absent";
  if (y->empty()) return;
  for (const auto& [name, first] : {std::pair{"centres", centres}, std::pair{"twice", same_twice}}) {
    const auto ours = k_means_from(points, first, {});
    const std::string key = name;
    EXPECT_EQ(as_numbers(ours.label), y->at(key + "_label"));
    EXPECT_LT(largest_difference(ours.centre_KD.values, y->at(key + "_centre")), 1e-9);
    EXPECT_NEAR(ours.inertia, y->at(key + "_inertia")[0], 1e-6);
  }
  for (const auto kind : {Covariance::kFull, Covariance::kDiag}) {
    MixtureOptions options;
    options.k = 3;
    options.covariance = kind;
    const auto ours = fit_mixture_from(points, start, options);
    const std::string key = kind == Covariance::kFull ? "full" : "diag";
    EXPECT_EQ(static_cast<double>(ours.num_iterations), y->at(key + "_steps")[0]);
    EXPECT_LT(largest_difference(ours.mean_KD.values, y->at(key + "_mean")), 1e-6);
    EXPECT_LT(largest_difference(ours.covariance, y->at(key + "_covariance")), 1e-6);
    EXPECT_LT(largest_difference(ours.weight_K, y->at(key + "_weight")), 1e-9);
    EXPECT_LT(largest_difference(ours.responsibility_NK, y->at(key + "_p")), 1e-6);
    EXPECT_NEAR(ours.log_likelihood, y->at(key + "_likelihood")[0], 1e-9);
    EXPECT_NEAR(ours.bic, y->at(key + "_bic")[0], 1e-6);
  }
  for (const auto linkage : {Linkage::kWard, Linkage::kAverage, Linkage::kComplete}) {
    std::string key;
    for (const auto& [one, name] : enum_names(Linkage{})) key = one == linkage ? name : key;
    const auto merges = merge_tree(points, linkage);
    std::vector<double> rows;
    for (const auto& merge : merges)
      rows.insert(rows.end(), {static_cast<double>(merge.a), static_cast<double>(merge.b), merge.height,
                               static_cast<double>(merge.size)});
    EXPECT_LT(largest_difference(rows, y->at(key)), 1e-9);
    std::vector<int64_t> theirs;
    for (const double one : y->at(key + "_label")) theirs.push_back(static_cast<int64_t>(one));
    EXPECT_EQ(cluster_agreement(theirs, cut_tree(merges, 5)).ari, 1.0);
  }
  const auto a = cluster_agreement(truth, label);
  EXPECT_LT(largest_difference({a.nmi, a.ami, a.ari, a.purity, a.homogeneity, a.completeness, a.v_measure},
                               y->at("agreement")),
            1e-9);
  EXPECT_NEAR(silhouette(points, label), y->at("silhouette")[0], 1e-9);
  const auto components = principal_components(points, 3);
  EXPECT_LT(largest_difference(components.score_NC.values, y->at("scores")), 1e-9);
  EXPECT_LT(largest_difference(components.explained_share, y->at("explained")), 1e-12);
  EXPECT_LT(
      largest_difference(principal_components(points.rows({0, 1, 2}), 2).score_NC.values, y->at("wide")),
      1e-9);
  // Its distances are of single precision. Paths of the descent part in time; where they end is as good.
  EXPECT_LT(largest_difference(neighbour_probabilities(points, 20), y->at("p")), 1e-7);
  EXPECT_NEAR(map.divergence, y->at("our_divergence")[0], 1e-5);
  EXPECT_LT(map.divergence, 1.05 * y->at("divergence")[0]);
  EXPECT_GT(y->at("trust")[0], y->at("trust")[1] - 0.01);
}

}  // namespace
}  // namespace limbic::eval
