#pragma once
#include <cstdint>
#include <limits>
#include <vector>

namespace limbic::signals {

/// A local maximum, as scipy.signal.find_peaks and peak_prominences see it (the middle of a plateau).
struct Peak {
  int64_t index = 0;
  double height = 0;
  double prominence = 0;
  int64_t left_base = 0;  ///< lowest sample to the left before a higher one
  int64_t right_base = 0;
};

struct PeakRules {
  double min_height = -std::numeric_limits<double>::infinity();
  double min_prominence = 0;
  int64_t min_distance = 1;  ///< samples; of two closer peaks the higher stays
};
/// NaN splits the signal. By index.
std::vector<Peak> find_peaks(const std::vector<double>& x, const PeakRules& rules = {});

}  // namespace limbic::signals
