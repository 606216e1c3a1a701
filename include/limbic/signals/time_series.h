#pragma once
#include <cstdint>
#include <vector>

namespace limbic::signals {

/// One channel sampled evenly. Sample i lies at t0_s + i / rate_hz of the recording's clock; NaN = missing.
struct TimeSeries {
  double rate_hz = 0;
  double t0_s = 0;
  std::vector<double> values;

  double time_of(int64_t sample) const { return t0_s + static_cast<double>(sample) / rate_hz; }
  double end_s() const { return time_of(static_cast<int64_t>(values.size())); }
};

/// @throws Error(kData) naming `name` unless the rate is finite and positive and t0 finite
void check_series(const TimeSeries& series, const char* name);
/// Samples in [start_s, end_s); empty when outside.
TimeSeries slice(const TimeSeries& series, double start_s, double end_s);

}  // namespace limbic::signals
