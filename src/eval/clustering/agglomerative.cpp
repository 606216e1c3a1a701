#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "distance.h"
#include "limbic/core/error.h"
#include "limbic/eval/clustering.h"

namespace limbic::eval {
namespace {

/// Distances of every pair once. Ward's are squared: so Lance and Williams' formula is linear in them.
class PairTable {
 public:
  PairTable(const Points& points, Linkage linkage) : n_(static_cast<size_t>(points.num_points)) {
    values_.resize(n_ * (n_ - 1) / 2);
    size_t at = 0;
    for (int64_t i = 0; i < points.num_points; ++i) {
      for (int64_t j = i + 1; j < points.num_points; ++j) {
        const double square = squared_distance(points.row(i), points.row(j), points.num_dims);
        values_[at++] = linkage == Linkage::kWard ? square : std::sqrt(square);
      }
    }
  }
  double& operator()(size_t i, size_t j) {
    if (i > j) std::swap(i, j);
    return values_[i * n_ - i * (i + 1) / 2 + (j - i - 1)];
  }

 private:
  size_t n_;
  std::vector<double> values_;
};

/// Of a cluster to the union of two others. @param a, b  their distances to it; @param ab  between them
double union_distance(Linkage linkage, double a, double b, double ab, double size_a, double size_b,
                      double size) {
  switch (linkage) {
    case Linkage::kWard:
      return ((size_a + size) * a + (size_b + size) * b - size * ab) / (size_a + size_b + size);
    case Linkage::kAverage:
      return (size_a * a + size_b * b) / (size_a + size_b);
    case Linkage::kComplete:
      break;
  }
  return std::max(a, b);
}

/// Roots of points that were merged, by halving paths.
struct Forest {
  std::vector<int64_t> parent;

  explicit Forest(size_t size) : parent(size) { std::iota(parent.begin(), parent.end(), int64_t{0}); }
  int64_t root(int64_t i) {
    while (parent[static_cast<size_t>(i)] != i) {
      auto& above = parent[static_cast<size_t>(i)];
      above = parent[static_cast<size_t>(above)];
      i = above;
    }
    return i;
  }
};

/// The chain finds merges of points in an order of its own; here they get the numbers of linkage().
void number_merges(std::vector<Merge>& merges) {
  std::stable_sort(merges.begin(), merges.end(),
                   [](const Merge& x, const Merge& y) { return x.height < y.height; });
  const size_t n = merges.size() + 1;
  Forest forest(2 * n - 1);
  std::vector<int64_t> size(2 * n - 1, 1);
  for (size_t i = 0; i < merges.size(); ++i) {
    Merge& merge = merges[i];
    const int64_t x = forest.root(merge.a);
    const int64_t y = forest.root(merge.b);
    const auto made = static_cast<int64_t>(n + i);
    merge.a = std::min(x, y);
    merge.b = std::max(x, y);
    merge.size = size[static_cast<size_t>(made)] =
        size[static_cast<size_t>(x)] + size[static_cast<size_t>(y)];
    forest.parent[static_cast<size_t>(x)] = forest.parent[static_cast<size_t>(y)] = made;
  }
}

}  // namespace

std::vector<Merge> merge_tree(const Points& points, Linkage linkage, uint64_t max_bytes) {
  points.require_usable("agglomerative clustering");
  const auto n = static_cast<size_t>(points.num_points);
  const double bytes = 4.0 * static_cast<double>(n) * static_cast<double>(n - 1);
  require(bytes <= static_cast<double>(max_bytes), ErrorCode::kResource,
          fmt::format("agglomerative clustering: the distances of {} points take {:.1f} GiB, more than the "
                      "limit of {:.1f} GiB ({:.0f} points); cluster a sample of them, or by k-means",
                      n, bytes / (1 << 30), static_cast<double>(max_bytes) / (1 << 30),
                      std::sqrt(static_cast<double>(max_bytes) / 4)));
  std::vector<Merge> merges;
  if (n < 2) return merges;
  PairTable distance(points, linkage);
  std::vector<double> size(n, 1.0);  // 0: merged into another
  std::vector<size_t> chain;
  while (merges.size() + 1 < n) {
    if (chain.empty()) {
      size_t first = 0;
      while (size[first] == 0) ++first;
      chain.push_back(first);
    }
    size_t a = 0;
    size_t b = 0;
    double least = 0.0;
    // The chain goes to nearest neighbours until two are each other's.
    while (true) {
      a = chain.back();
      const bool has_last = chain.size() > 1;
      b = has_last ? chain[chain.size() - 2] : 0;
      least = has_last ? distance(a, b) : std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < n; ++i) {
        if (size[i] == 0 || i == a) continue;
        if (const double d = distance(a, i); d < least) {
          least = d;
          b = i;
        }
      }
      if (has_last && b == chain[chain.size() - 2]) break;
      chain.push_back(b);
    }
    chain.resize(chain.size() - 2);
    if (a > b) std::swap(a, b);
    for (size_t i = 0; i < n; ++i) {
      if (size[i] == 0 || i == a || i == b) continue;
      distance(i, b) =
          union_distance(linkage, distance(i, a), distance(i, b), least, size[a], size[b], size[i]);
    }
    size[b] += size[a];
    size[a] = 0;
    merges.push_back({static_cast<int64_t>(a), static_cast<int64_t>(b),
                      linkage == Linkage::kWard ? std::sqrt(least) : least, 0});
  }
  number_merges(merges);
  return merges;
}

std::vector<int64_t> cut_tree(const std::vector<Merge>& merges, int64_t k) {
  const auto n = static_cast<int64_t>(merges.size()) + 1;
  require(k >= 1 && k <= n, ErrorCode::kConfig,
          fmt::format("agglomerative clustering: {} clusters of {} points; wants 1 to one a point", k, n));
  Forest forest(static_cast<size_t>(2 * n - 1));
  for (int64_t i = 0; i < n - k; ++i) {
    const Merge& merge = merges[static_cast<size_t>(i)];
    forest.parent[static_cast<size_t>(merge.a)] = forest.parent[static_cast<size_t>(merge.b)] = n + i;
  }
  std::vector<int64_t> number(static_cast<size_t>(2 * n - 1), -1);
  std::vector<int64_t> label;
  int64_t next = 0;
  for (int64_t i = 0; i < n; ++i) {
    auto& of_root = number[static_cast<size_t>(forest.root(i))];
    if (of_root < 0) of_root = next++;
    label.push_back(of_root);
  }
  return label;
}

}  // namespace limbic::eval
