#include "series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace limbic::plot {
namespace {

constexpr size_t kPointsPerPiece = 4;

bool falls_somewhere(const std::vector<double>& x) {
  double last = -std::numeric_limits<double>::infinity();
  for (const double value : x) {
    if (std::isnan(value)) continue;
    if (value < last) return true;
    last = value;
  }
  return false;
}

/// The points of one piece so far.
class Piece {
 public:
  explicit Piece(const Series& from) : from_(from) {}
  void add(size_t i) {
    const double y = from_.y[i];
    if (!std::isfinite(y)) {
      // Gaps inside a piece are narrower than a pixel; one is enough to break the line.
      gap_ = i;
      has_gap_ = true;
      return;
    }
    if (num_points_++ == 0) first_ = least_ = greatest_ = i;
    if (y < from_.y[least_]) least_ = i;
    if (y > from_.y[greatest_]) greatest_ = i;
    last_ = i;
  }
  void flush(Series& to) {
    std::array<size_t, kPointsPerPiece + 1> picked{};
    size_t count = 0;
    if (num_points_ > 0) picked = {first_, least_, greatest_, last_}, count = 4;
    if (has_gap_) picked[count++] = gap_;
    std::sort(picked.begin(), picked.begin() + static_cast<std::ptrdiff_t>(count));
    const auto end = std::unique(picked.begin(), picked.begin() + static_cast<std::ptrdiff_t>(count));
    for (auto i = picked.begin(); i != end; ++i) {
      to.x.push_back(from_.x[*i]);
      to.y.push_back(from_.y[*i]);
    }
    num_points_ = 0;
    has_gap_ = false;
  }

 private:
  const Series& from_;
  size_t first_ = 0;
  size_t least_ = 0;
  size_t greatest_ = 0;
  size_t last_ = 0;
  size_t gap_ = 0;
  size_t num_points_ = 0;
  bool has_gap_ = false;
};

}  // namespace

Series reduced(Series series, double low, double high, size_t num_pieces) {
  if (series.x.size() <= kPointsPerPiece * num_pieces || !(low < high) || falls_somewhere(series.x))
    return series;
  Series out;
  Piece piece(series);
  const double pieces_per_x = static_cast<double>(num_pieces) / (high - low);
  // Pieces -1 and num_pieces hold all that lies outside, of which the nearest point is kept.
  double current = -2;
  size_t before = series.x.size();
  for (size_t i = 0; i < series.x.size(); ++i) {
    const double x = series.x[i];
    if (std::isnan(x)) {
      piece.flush(out);
      out.x.push_back(x);
      out.y.push_back(x);
      continue;
    }
    if (x < low) {
      before = i;
      continue;
    }
    if (before < i) {
      out.x.push_back(series.x[before]);
      out.y.push_back(series.y[before]);
      before = series.x.size();
    }
    if (x > high) {
      piece.flush(out);
      out.x.push_back(x);
      out.y.push_back(series.y[i]);
      break;
    }
    const double at = std::floor((x - low) * pieces_per_x);
    if (at != current) {
      piece.flush(out);
      current = at;
    }
    piece.add(i);
  }
  piece.flush(out);
  return out;
}

}  // namespace limbic::plot
