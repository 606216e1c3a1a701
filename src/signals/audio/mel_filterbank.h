#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

/// One filter: weights of the bins from `first_bin` on; none when no bin lies in it.
struct MelFilter {
  int64_t first_bin = 0;
  std::vector<double> weights;
};
std::vector<MelFilter> mel_filters(const LogMelConfig& config);

}  // namespace limbic::signals
