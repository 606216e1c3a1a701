#include "limbic/signals/time_series.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {

void check_series(const TimeSeries& series, const char* name) {
  require(std::isfinite(series.rate_hz) && series.rate_hz > 0, ErrorCode::kData,
          std::string(name) + ": sampling rate " + std::to_string(series.rate_hz) +
              " Hz; expected a positive number");
  require(std::isfinite(series.t0_s), ErrorCode::kData,
          std::string(name) + ": the time of the first sample is not a number");
}

TimeSeries slice(const TimeSeries& series, double start_s, double end_s) {
  // Half a millionth of a sample: a border that is a sample's time up to rounding belongs to that sample.
  constexpr double kSlack = 5e-7;
  const auto size = static_cast<double>(series.values.size());
  const auto index_of = [&](double time_s) {
    return static_cast<int64_t>(
        std::clamp(std::ceil((time_s - series.t0_s) * series.rate_hz - kSlack), 0.0, size));
  };
  const int64_t first = index_of(start_s);
  const int64_t last = std::max(first, index_of(end_s));
  return {series.rate_hz, series.time_of(first),
          std::vector<double>(series.values.begin() + first, series.values.begin() + last)};
}

}  // namespace limbic::signals
