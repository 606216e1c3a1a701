#include <algorithm>
#include <cmath>

#include "limbic/core/error.h"
#include "limbic/eval/clustering.h"

namespace limbic::eval {

void Points::require_usable(const std::string& what) const {
  require(num_points > 0 && num_dims > 0, ErrorCode::kData, what + ": there are no points");
  require(values.size() == static_cast<size_t>(num_points) * static_cast<size_t>(num_dims), ErrorCode::kData,
          what + ": " + std::to_string(values.size()) + " numbers are not " + std::to_string(num_points) +
              " points of " + std::to_string(num_dims) + " dimensions");
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  require(bad == values.end(), ErrorCode::kData,
          what + ": point " + std::to_string((bad - values.begin()) / num_dims) + " is not finite");
}

Points Points::rows(const std::vector<int64_t>& which) const {
  Points some{static_cast<int64_t>(which.size()), num_dims, {}};
  some.values.reserve(which.size() * static_cast<size_t>(num_dims));
  for (const int64_t i : which) some.values.insert(some.values.end(), row(i), row(i) + num_dims);
  return some;
}

}  // namespace limbic::eval
