#include "limbic/eval/embedding_map.h"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "limbic/core/error.h"

namespace limbic::eval {
namespace {

constexpr size_t kMostNames = 35;  ///< colours times shapes
constexpr const char* kOthers = "others";
constexpr plot::Colour kGrey = {0xb8, 0xb8, 0xb8};

/// Names by frequency, no more than fit; the others have none.
std::vector<std::string> legend_names(const std::vector<std::string>& names) {
  std::map<std::string, int64_t> count;
  for (const auto& name : names) {
    if (!name.empty()) ++count[name];
  }
  std::vector<std::string> known;
  for (const auto& entry : count) known.push_back(entry.first);
  if (known.size() <= kMostNames) return known;
  std::stable_sort(known.begin(), known.end(),
                   [&](const auto& a, const auto& b) { return count.at(a) > count.at(b); });
  known.resize(kMostNames);
  std::sort(known.begin(), known.end());
  return known;
}

void scatter_names(plot::Panel& panel, const Points& xy, const std::vector<std::string>& names) {
  constexpr std::array<plot::Marker, 5> kShapes = {plot::Marker::kCircle, plot::Marker::kTriangleUp,
                                                   plot::Marker::kSquare, plot::Marker::kCross,
                                                   plot::Marker::kTriangleDown};
  const auto known = legend_names(names);
  const double size_px = xy.num_points > 1500 ? 4.5 : 6.5;
  const auto draw = [&](auto&& is_drawn, plot::MarkerStyle style) {
    std::vector<double> x;
    std::vector<double> y;
    for (int64_t i = 0; i < xy.num_points; ++i) {
      if (!is_drawn(names[static_cast<size_t>(i)])) continue;
      x.push_back(xy.row(i)[0]);
      y.push_back(xy.row(i)[1]);
    }
    style.size_px = size_px;
    if (!x.empty()) panel.scatter(x, y, style);
  };
  // Grey first: what is known lies on top.
  draw([](const std::string& name) { return name.empty(); }, {"unknown", plot::Marker::kCircle, kGrey});
  draw(
      [&](const std::string& name) {
        return !name.empty() && !std::binary_search(known.begin(), known.end(), name);
      },
      {kOthers, plot::Marker::kCross, kGrey});
  for (size_t k = 0; k < known.size(); ++k) {
    draw([&](const std::string& name) { return name == known[k]; },
         {known[k], kShapes[k / 7 % kShapes.size()], plot::palette(k % 7)});
  }
}

}  // namespace

PrincipalComponents principal_components(const Points& points, int64_t num_components) {
  points.require_usable("principal components");
  using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Index n = points.num_points;
  const Eigen::Index num_dims = points.num_dims;
  RowMatrix x_ND = Eigen::Map<const RowMatrix>(points.values.data(), n, num_dims);
  x_ND.rowwise() -= x_ND.colwise().mean().eval();
  const bool is_wide = num_dims > n;
  // Of the two products the smaller one has the same eigenvalues.
  const Eigen::MatrixXd product =
      is_wide ? Eigen::MatrixXd(x_ND * x_ND.transpose()) : Eigen::MatrixXd(x_ND.transpose() * x_ND);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(product);
  require(solver.info() == Eigen::Success, ErrorCode::kData,
          "principal components: the eigenvalues did not converge");
  const double total = std::max(solver.eigenvalues().cwiseMax(0.0).sum(), 1e-300);
  const Eigen::Index num_kept = std::min<Eigen::Index>({num_components, n, num_dims});
  PrincipalComponents result;
  result.score_NC = {n, num_kept, std::vector<double>(static_cast<size_t>(n * num_kept), 0.0)};
  for (Eigen::Index c = 0; c < num_kept; ++c) {
    const Eigen::Index at = product.rows() - 1 - c;
    const double variance = std::max(0.0, solver.eigenvalues()(at));
    const Eigen::VectorXd vector = solver.eigenvectors().col(at);
    Eigen::VectorXd score = is_wide ? Eigen::VectorXd(vector * std::sqrt(variance)) : x_ND * vector;
    Eigen::Index largest = 0;
    score.cwiseAbs().maxCoeff(&largest);
    if (score(largest) < 0) score = -score;
    for (Eigen::Index i = 0; i < n; ++i) result.score_NC.row(i)[c] = score(i);
    result.explained_share.push_back(variance / total);
  }
  return result;
}

plot::Figure map_figure(const std::string& title, const Points& xy,
                        const std::vector<MapColouring>& colourings) {
  require(xy.num_dims == 2, ErrorCode::kInternal, "map_figure: wants points of two dimensions");
  plot::FigureOptions options;
  options.title = title;
  options.width_px = 900;
  options.png_scale = 2;
  plot::Figure figure(options);
  // Every panel shows the same square of the plane: distances look the same along both axes.
  std::array<double, 2> low{};
  std::array<double, 2> high{};
  for (size_t axis = 0; axis < 2; ++axis) {
    low[axis] = std::numeric_limits<double>::infinity();
    high[axis] = -low[axis];
    for (int64_t i = 0; i < xy.num_points; ++i) {
      low[axis] = std::min(low[axis], xy.row(i)[axis]);
      high[axis] = std::max(high[axis], xy.row(i)[axis]);
    }
  }
  const double width = std::max(high[0] - low[0], 1e-9) * 1.08;  // as wide as the panel makes its own axis
  const double tall = std::max(high[1] - low[1], 1e-9) * 1.08;
  const double height_px = std::clamp(800.0 * tall / width, 420.0, 900.0);
  for (const auto& colouring : colourings) {
    require(colouring.name.size() == static_cast<size_t>(xy.num_points), ErrorCode::kInternal,
            "map_figure: wants a name for every point");
    auto& panel = figure.panel(colouring.title);
    panel.own_x("").height(height_px);
    panel.y_range(low[1] - 0.04 * tall, high[1] + 0.04 * tall);
    scatter_names(panel, xy, colouring.name);
  }
  return figure;
}

}  // namespace limbic::eval
