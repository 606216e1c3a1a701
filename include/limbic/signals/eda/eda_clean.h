#pragma once
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

enum class EdaCleaner {
  kNeurokit,  ///< Butterworth low-pass of order 4 at 3 Hz, both ways
  kBiosppy,   ///< the same at 5 Hz, then a box and a Parzen window of 0.75 s
  kNone,
};
constexpr auto enum_names(EdaCleaner) {
  return std::array{std::pair{EdaCleaner::kNeurokit, "neurokit"}, std::pair{EdaCleaner::kBiosppy, "biosppy"},
                    std::pair{EdaCleaner::kNone, "none"}};
}

struct EdaCleaned {
  std::vector<double> values;  ///< NaN where the input is; runs between are filtered each for itself
  std::string note;            ///< what could not be done, empty otherwise
};

/// As NeuroKit2's eda_clean. A low-pass at or above half the rate has nothing to remove: it is left out with
/// a note (3 Hz at rates up to 6 Hz, such as the E4's 4 Hz).
EdaCleaned clean_eda(const std::vector<double>& x, double rate_hz,
                     EdaCleaner cleaner = EdaCleaner::kNeurokit);

}  // namespace limbic::signals
