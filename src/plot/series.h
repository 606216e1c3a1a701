#pragma once
#include <cstddef>
#include <vector>

#include "axis.h"

namespace limbic::plot {

/// Points of a line; NaN in either coordinate is a gap.
struct Series {
  std::vector<double> x;
  std::vector<double> y;
};

/// The same line as seen in `num_pieces` equal pieces of [low, high]: of each piece the first, least,
/// greatest and last point in their order, and whether there is a gap in it. Points outside go, but for the
/// neighbours that lead in and out. A series that is short already, or whose x falls somewhere, comes back as
/// it is.
Series reduced(Series series, double low, double high, size_t num_pieces);

}  // namespace limbic::plot
