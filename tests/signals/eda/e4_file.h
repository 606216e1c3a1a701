#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// One column of an Empatica E4 export: unix time of the first sample, rate, values.
inline TimeSeries read_e4(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  TimeSeries series;
  in >> series.t0_s >> series.rate_hz;
  for (double value = 0; in >> value;) series.values.push_back(value);
  return series;
}

}  // namespace limbic::signals
