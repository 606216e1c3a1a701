#pragma once
#include <vector>

#include "limbic/signals/heart/beats.h"

namespace limbic::signals {

/// The known intervals and the times of the beats that end them.
struct NnIntervals {
  std::vector<double> time_s;
  std::vector<double> ms;
};
inline NnIntervals nn_intervals(const std::vector<Beat>& beats) {
  NnIntervals out;
  for (const auto& beat : beats) {
    if (!(beat.ibi_s > 0)) continue;
    out.time_s.push_back(beat.time_s);
    out.ms.push_back(1000 * beat.ibi_s);
  }
  return out;
}

}  // namespace limbic::signals
