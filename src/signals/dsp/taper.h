#pragma once
#include <cstddef>
#include <vector>

#include "limbic/signals/dsp/spectrum.h"

namespace limbic::signals {

/// The weights of a taper, periodic (the value after the last is the first).
std::vector<double> periodic_taper(Taper taper, size_t length);

}  // namespace limbic::signals
