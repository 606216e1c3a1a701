#pragma once
#include <cstdint>
#include <vector>

#include "limbic/signals/audio/log_mel.h"

namespace limbic::signals {

/// FFT length that a config means, with 0 resolved to the next power of two.
int64_t resolved_fft_samples(const LogMelConfig& config);

/// One filter: weights of the bins from `first_bin` on; none when no bin lies in it.
struct MelFilter {
  int64_t first_bin = 0;
  std::vector<double> weights;
};
std::vector<MelFilter> mel_filters(const LogMelConfig& config);

}  // namespace limbic::signals
