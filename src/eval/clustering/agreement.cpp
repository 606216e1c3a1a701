#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/eval/cluster_agreement.h"

namespace limbic::eval {
namespace {

/// How often each class meets each cluster.
struct Contingency {
  std::map<std::pair<int64_t, int64_t>, int64_t> cells;  ///< (class, cluster) -> points, never 0
  std::map<int64_t, int64_t> classes;
  std::map<int64_t, int64_t> clusters;
  int64_t total = 0;
};

double entropy(const std::map<int64_t, int64_t>& counts, double total) {
  double sum = 0.0;
  for (const auto& entry : counts) {
    const double p = static_cast<double>(entry.second) / total;
    sum -= p * std::log(p);
  }
  return sum;
}

double mutual_information(const Contingency& table) {
  const auto n = static_cast<double>(table.total);
  double sum = 0.0;
  for (const auto& [cell, count] : table.cells) {
    const auto both = static_cast<double>(count);
    const auto rows = static_cast<double>(table.classes.at(cell.first));
    const auto columns = static_cast<double>(table.clusters.at(cell.second));
    sum += both / n * std::log(n * both / (rows * columns));
  }
  return std::max(0.0, sum);
}

/// Mean of the mutual information over all tables with the same sums (Vinh et al. 2010, equation 24a).
double expected_information(const Contingency& table) {
  const auto n = static_cast<double>(table.total);
  const auto log_factorial = [](double x) { return std::lgamma(x + 1); };
  double sum = 0.0;
  for (const auto& row : table.classes) {
    const auto a = static_cast<double>(row.second);
    for (const auto& column : table.clusters) {
      const auto b = static_cast<double>(column.second);
      const double fixed = log_factorial(a) + log_factorial(b) + log_factorial(n - a) + log_factorial(n - b) -
                           log_factorial(n);
      for (double both = std::max(1.0, a + b - n); both <= std::min(a, b); both += 1) {
        const double log_p = fixed - log_factorial(both) - log_factorial(a - both) - log_factorial(b - both) -
                             log_factorial(n - a - b + both);
        sum += both / n * std::log(n * both / (a * b)) * std::exp(log_p);
      }
    }
  }
  return sum;
}

/// Pairs of points that are together in both, in one or in none of the partitions.
double adjusted_rand(const Contingency& table) {
  const auto square = [](int64_t count) { return static_cast<double>(count) * static_cast<double>(count); };
  const auto n = static_cast<double>(table.total);
  double cells = 0.0;
  double rows = 0.0;
  double columns = 0.0;
  for (const auto& entry : table.cells) cells += square(entry.second);
  for (const auto& entry : table.classes) rows += square(entry.second);
  for (const auto& entry : table.clusters) columns += square(entry.second);
  const double together = cells - n;
  const double only_cluster = columns - cells;
  const double only_class = rows - cells;
  const double apart = n * n - only_cluster - only_class - cells;
  if (only_cluster == 0 && only_class == 0) return 1.0;
  return 2 * (together * apart - only_class * only_cluster) /
         ((together + only_class) * (only_class + apart) +
          (together + only_cluster) * (only_cluster + apart));
}

}  // namespace

ClusterAgreement cluster_agreement(const std::vector<int64_t>& truth, const std::vector<int64_t>& label) {
  require(truth.size() == label.size(), ErrorCode::kInternal,
          "cluster_agreement: classes and labels differ in number");
  Contingency table;
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0 || label[i] < 0) continue;
    ++table.cells[{truth[i], label[i]}];
    ++table.classes[truth[i]];
    ++table.clusters[label[i]];
    ++table.total;
  }
  ClusterAgreement result;
  result.num_points = table.total;
  result.num_classes = static_cast<int64_t>(table.classes.size());
  result.num_clusters = static_cast<int64_t>(table.clusters.size());
  if (table.total == 0) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    result.nmi = result.ami = result.ari = result.purity = none;
    result.homogeneity = result.completeness = result.v_measure = none;
    return result;
  }
  const auto n = static_cast<double>(table.total);
  std::map<int64_t, int64_t> most_of_cluster;
  for (const auto& [cell, count] : table.cells)
    most_of_cluster[cell.second] = std::max(most_of_cluster[cell.second], count);
  for (const auto& entry : most_of_cluster) result.purity += static_cast<double>(entry.second) / n;

  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double information = mutual_information(table);
  const double of_classes = entropy(table.classes, n);
  const double of_clusters = entropy(table.clusters, n);
  const double mean_entropy = (of_classes + of_clusters) / 2;
  result.homogeneity = of_classes > 0 ? information / of_classes : 1.0;
  result.completeness = of_clusters > 0 ? information / of_clusters : 1.0;
  const double both = result.homogeneity + result.completeness;
  result.v_measure = both > 0 ? 2 * result.homogeneity * result.completeness / both : 0.0;
  result.ari = adjusted_rand(table);
  if (result.num_classes == 1 && result.num_clusters == 1) {
    result.nmi = result.ami = 1.0;  // two partitions into one part are the same
    return result;
  }
  result.nmi = information > kEpsilon ? information / mean_entropy : 0.0;
  const double expected = expected_information(table);
  const double room = mean_entropy - expected;
  result.ami = (information - expected) / (room < 0 ? std::min(room, -kEpsilon) : std::max(room, kEpsilon));
  return result;
}

}  // namespace limbic::eval
