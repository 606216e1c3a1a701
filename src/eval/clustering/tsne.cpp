#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

#include "distance.h"
#include "limbic/core/error.h"
#include "limbic/eval/embedding_map.h"

namespace limbic::eval {
namespace {

/// Row i of the conditional probabilities: the precision is searched until their entropy is log(perplexity).
void set_row(std::vector<double>& square_N, size_t self, double log_perplexity) {
  double beta = 1.0;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  double nearest = std::numeric_limits<double>::infinity();
  for (size_t j = 0; j < square_N.size(); ++j) {
    if (j != self) nearest = std::min(nearest, square_N[j]);
  }
  std::vector<double> p(square_N.size());
  for (int step = 0; step < 100; ++step) {
    double sum = 0.0;
    double weighted = 0.0;
    for (size_t j = 0; j < p.size(); ++j) {
      // Distances from the nearest one on: the factor cancels, and nothing underflows.
      const double d = square_N[j] - nearest;
      p[j] = j == self ? 0.0 : std::exp(-d * beta);
      sum += p[j];
      weighted += d * p[j];
    }
    const double gap = std::log(sum) + beta * weighted / sum - log_perplexity;
    for (double& one : p) one /= sum;
    if (std::abs(gap) <= 1e-10) break;
    if (gap > 0) {
      low = beta;
      beta = std::isinf(high) ? beta * 2 : (beta + high) / 2;
    } else {
      high = beta;
      beta = std::isinf(low) ? beta / 2 : (beta + low) / 2;
    }
  }
  square_N = std::move(p);
}

using Column = Eigen::ArrayXd;

/// Attraction and repulsion of every pair in one pass over the table.
/// @param p  (n, n)
/// @return Kullback-Leibler divergence when `wants_divergence`, else 0
double gradient(const std::vector<double>& p, const Column& x, const Column& y, Column& grad_x,
                Column& grad_y, double exaggeration, bool wants_divergence) {
  const Eigen::Index n = x.size();
  double sum_q = 0.0;
  Column push_x(n);
  Column push_y(n);
  Column dx(n);
  Column dy(n);
  Column q(n);
  Column pull(n);
  double divergence = 0.0;
  for (Eigen::Index i = 0; i < n; ++i) {
    const Eigen::Map<const Column> p_row(p.data() + i * n, n);
    dx = x(i) - x;
    dy = y(i) - y;
    q = (1.0 + dx.square() + dy.square()).inverse();
    q(i) = 0.0;
    sum_q += q.sum();
    pull = p_row * q;
    grad_x(i) = (pull * dx).sum();
    grad_y(i) = (pull * dy).sum();
    if (wants_divergence) {
      constexpr double kLeast = std::numeric_limits<double>::min();
      divergence += (p_row * (p_row.max(kLeast).log() - q.max(kLeast).log())).sum();
    }
    q = q.square();
    push_x(i) = (q * dx).sum();
    push_y(i) = (q * dy).sum();
  }
  grad_x = 4.0 * (exaggeration * grad_x - push_x / sum_q);
  grad_y = 4.0 * (exaggeration * grad_y - push_y / sum_q);
  return divergence + (wants_divergence ? std::log(sum_q) : 0.0);  // the probabilities sum to 1
}

/// Jacobs' gains (1988): larger steps where the direction stays.
void move(Column& place, Column& update, Column& gain, const Column& slope, double momentum, double rate) {
  const auto keeps = (update * slope) < 0.0;
  gain = keeps.select(gain + 0.2, gain * 0.8).max(0.01);
  update = momentum * update - rate * gain * slope;
  place += update;
}

}  // namespace

std::vector<double> neighbour_probabilities(const Points& points, double perplexity) {
  const auto n = static_cast<size_t>(points.num_points);
  std::vector<double> p(n * n);
  std::vector<double> row;
  for (size_t i = 0; i < n; ++i) {
    row.assign(n, 0.0);
    for (size_t j = 0; j < n; ++j)
      row[j] = squared_distance(points.row(static_cast<int64_t>(i)), points.row(static_cast<int64_t>(j)),
                                points.num_dims);
    set_row(row, i, std::log(perplexity));
    std::copy(row.begin(), row.end(), p.begin() + static_cast<std::ptrdiff_t>(i * n));
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j)
      p[i * n + j] = p[j * n + i] = (p[i * n + j] + p[j * n + i]) / (2 * static_cast<double>(n));
  }
  return p;
}

Tsne tsne_from(const Points& points, Points xy, const TsneOptions& options) {
  points.require_usable("t-SNE");
  const Eigen::Index n = points.num_points;
  require(n >= 4, ErrorCode::kData, "t-SNE: a map wants at least 4 points");
  require(n <= options.max_points, ErrorCode::kResource,
          "t-SNE: " + std::to_string(n) + " points are more than " + std::to_string(options.max_points) +
              "; map a sample of them");
  require(xy.num_points == n && xy.num_dims == 2, ErrorCode::kInternal,
          "t-SNE: wants a place to start from for every point");
  require(options.perplexity >= 1 && options.num_steps >= 1 && options.exaggeration >= 1 &&
              options.learning_rate >= 0,
          ErrorCode::kConfig, "t-SNE: perplexity, steps and exaggeration must be at least 1");
  const double perplexity = std::min(options.perplexity, static_cast<double>(n - 1) / 3.0);
  const auto p = neighbour_probabilities(points, perplexity);
  const double rate = options.learning_rate > 0
                          ? options.learning_rate
                          : std::max(static_cast<double>(n) / options.exaggeration / 4, 50.0);
  const int64_t num_early = std::min<int64_t>(250, options.num_steps / 4);
  Column x(n);
  Column y(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    x(i) = xy.row(i)[0];
    y(i) = xy.row(i)[1];
  }
  Column update_x = Column::Zero(n);
  Column update_y = Column::Zero(n);
  Column gain_x = Column::Ones(n);
  Column gain_y = Column::Ones(n);
  Column grad_x(n);
  Column grad_y(n);
  Tsne result;
  while (result.num_steps < options.num_steps) {
    const bool is_early = result.num_steps < num_early;
    if (result.num_steps == num_early) {  // the second phase begins anew, as sklearn's does
      update_x.setZero();
      update_y.setZero();
      gain_x.setOnes();
      gain_y.setOnes();
    }
    gradient(p, x, y, grad_x, grad_y, is_early ? options.exaggeration : 1.0, false);
    ++result.num_steps;
    const double momentum = is_early ? 0.5 : 0.8;
    move(x, update_x, gain_x, grad_x, momentum, rate);
    move(y, update_y, gain_y, grad_y, momentum, rate);
    if (!is_early && std::sqrt(grad_x.square().sum() + grad_y.square().sum()) < 1e-7) break;
  }
  result.divergence = gradient(p, x, y, grad_x, grad_y, 1.0, true);
  x -= x.mean();
  y -= y.mean();
  for (Eigen::Index i = 0; i < n; ++i) {
    xy.row(i)[0] = x(i);
    xy.row(i)[1] = y(i);
  }
  result.xy = std::move(xy);
  return result;
}

Tsne tsne(const Points& points, const TsneOptions& options) {
  points.require_usable("t-SNE");
  Points start{points.num_points, 2, std::vector<double>(static_cast<size_t>(2 * points.num_points), 0.0)};
  const auto components = principal_components(points, 2);
  double sum = 0.0;
  for (int64_t i = 0; i < points.num_points; ++i) {
    for (int64_t c = 0; c < components.score_NC.num_dims; ++c)
      start.row(i)[c] = components.score_NC.row(i)[c];
    sum += start.row(i)[0] * start.row(i)[0];
  }
  const double spread = std::sqrt(sum / static_cast<double>(points.num_points));
  // Along an axis that no point differs on, nothing would ever push them apart: a grain of it does.
  for (int64_t i = 0; i < points.num_points; ++i) {
    for (int64_t c = 0; c < 2; ++c) {
      const bool is_flat = spread == 0 || c >= components.score_NC.num_dims;
      double& value = start.row(i)[c];
      value = 1e-4 * (is_flat ? std::cos(static_cast<double>(2 * i + c)) : value / spread);
    }
  }
  return tsne_from(points, std::move(start), options);
}

}  // namespace limbic::eval
