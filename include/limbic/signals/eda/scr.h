#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::signals {

/// What makes a rise a skin conductance response (SCR).
enum class ScrRule {
  kAbsolute,    ///< an amplitude in microsiemens, and more than the noise can do
  kNeurokit,    ///< maxima of the phasic part, prominence at least relative_min of the largest
  kKim2004,     ///< rises of its smoothed slope, peak slope at least relative_min of the steepest
  kGamboa2008,  ///< every minimum followed by a maximum
};
constexpr auto enum_names(ScrRule) {
  return std::array{std::pair{ScrRule::kAbsolute, "absolute"}, std::pair{ScrRule::kNeurokit, "neurokit"},
                    std::pair{ScrRule::kKim2004, "kim2004"}, std::pair{ScrRule::kGamboa2008, "gamboa2008"}};
}

/// Note: relative rules make the result depend on the largest response of the recording.
struct ScrConfig {
  ScrRule rule = ScrRule::kAbsolute;
  double min_amplitude_microsiemens = 0.01;
  double false_share = 0.03;
  double max_rise_s = 5.0;
  double relative_min = 0.1;
  double recovery_share = 0.5;

  template <class Visitor>
  void visit(Visitor& v) {
    v("rule", rule, "absolute, or relative: neurokit, kim2004, gamboa2008");
    v("min_amplitude_microsiemens", min_amplitude_microsiemens, "absolute: smaller responses do not count");
    v("false_share", false_share, "absolute: of the responses found, how many noise may have made");
    v("max_rise_s", max_rise_s, "absolute: from onset to peak at most");
    v("relative_min", relative_min, "neurokit, kim2004: threshold as a share of the largest");
    v("recovery_share", recovery_share, "recovery is where this share of the amplitude is lost again");
  }
  void validate(config::Checks& checks) const;
};

/// Samples count from 0; times are seconds from sample 0. NaN: not reached before the next response.
struct Scr {
  int64_t onset = 0;
  int64_t peak = 0;
  int64_t recovery = -1;  ///< -1 when it does not recover
  double height = 0;      ///< signal at the peak
  double amplitude = 0;  ///< rise from onset to peak; of an overlapped one what is seen of it where the decay
                         ///< is undone, too little close behind a large one
  double rise_s = 0;
  double recovery_s = 0;    ///< peak to loss of recovery_share
  double recovery63_s = 0;  ///< peak to loss of 63 %, about the time constant
  bool overlapped = false;  ///< begins on the flank of another, without a trough or a summit of its own
};

struct ScrResult {
  ScrRule rule = ScrRule::kAbsolute;
  std::vector<Scr> responses;  ///< by onset
  double threshold = 0;        ///< absolute: smallest amplitude found certain, microsiemens; else the
                               ///< relative threshold in the signal's unit
  double noise_deviation = 0;  ///< absolute: of a sample of the input
};

/// @param x  absolute: conductance before low-pass filtering (its noise is measured) or the phasic part;
///           relative rules: the phasic part. NaN splits it.
/// @throws Error(kConfig)
ScrResult find_scr(const std::vector<double>& x, double rate_hz, const ScrConfig& config = {});

}  // namespace limbic::signals
