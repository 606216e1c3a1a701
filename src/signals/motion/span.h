#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// Samples of a window, as indices into series of one clock.
struct Span {
  int64_t first = 0;
  int64_t last = 0;
};
Span span_of(double rate_hz, double t0_s, size_t size, const Interval& window);
/// Its samples; empty when the series is.
std::vector<double> part_of_series(const TimeSeries& series, const Span& span);

}  // namespace limbic::signals
