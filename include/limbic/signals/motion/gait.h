#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"
#include "limbic/signals/time_series.h"

namespace limbic::signals {

/// What is taken from the acceleration to look for steps.
enum class GaitSignal {
  kAxes,      ///< the three axes of dynamic acceleration together: any place of the body, any orientation
  kNorm,      ///< |a| - |gravity|: needs acceleration that contains gravity
  kVertical,  ///< along gravity: trunk sensors, as in the literature on regularity and harmonics
};
constexpr auto enum_names(GaitSignal) {
  return std::array{std::pair{GaitSignal::kAxes, "axes"}, std::pair{GaitSignal::kNorm, "norm"},
                    std::pair{GaitSignal::kVertical, "vertical"}};
}

struct GaitConfig {
  GaitSignal signal = GaitSignal::kAxes;
  double window_s = 5;
  double hop_s = 1;
  double min_stride_s = 0.75;
  double max_stride_s = 1.6;
  double min_deviation_g = 0.08;
  double min_regularity = 0.5;
  double min_bout_s = 6;
  int64_t num_harmonics = 20;

  template <class Visitor>
  void visit(Visitor& v) {
    v("signal", signal, "axes, norm or vertical");
    v("window_s", window_s, "length of the autocorrelation's windows");
    v("hop_s", hop_s, "distance of the windows");
    v("min_stride_s", min_stride_s, "shortest stride (two steps)");
    v("max_stride_s", max_stride_s,
      "longest stride; beyond twice the shortest, strides and steps get confused");
    v("min_deviation_g", min_deviation_g, "walking shakes at least so much");
    v("min_regularity", min_regularity, "and repeats itself: autocorrelation at the stride");
    v("min_bout_s", min_bout_s, "shortest walking bout");
    v("num_harmonics", num_harmonics, "harmonics of the stride in the harmonic ratio");
  }
  void validate(config::Checks& checks) const;
};

/// Autocorrelation of one window of walking, after Moe-Nilssen & Helbostad (2004, J Biomech 37:121):
/// unbiased, 1 at lag 0.
struct GaitWindow {
  double centre_s = 0;
  double stride_s = 0;           ///< lag of the stride's peak
  double step_regularity = 0;    ///< at half of it
  double stride_regularity = 0;  ///< at the stride
};

struct WalkingBout {
  double start_s = 0;
  double end_s = 0;
  std::vector<double> step_s;  ///< times of steps
};

/// Walking found in one signal.
struct Gait {
  std::vector<GaitWindow> windows;  ///< of walking only, by time
  std::vector<WalkingBout> bouts;
};
/// @param channels  dynamic acceleration in g, mean about 0, at least 10 Hz: one series, or three of one
/// clock
///                  whose autocorrelations are added (which no turn of the axes changes); NaN parts them
Gait find_gait(const std::vector<TimeSeries>& channels, const GaitConfig& config);

/// Of one window of time; without walking, counts are 0 and all else is missing.
struct GaitMeasures {
  double num_steps = 0;
  double walking = 0;                 ///< part of the window in bouts
  double cadence_per_min = kMissing;  ///< 60 over the mean step time
  double step_time_mean_s = kMissing, step_time_sd_s = kMissing, step_time_cv = kMissing;
  double stride_time_mean_s = kMissing, stride_time_cv = kMissing;
  double step_regularity = kMissing, stride_regularity = kMissing;
  double step_symmetry = kMissing;  ///< step over stride regularity, 1 = left and right alike
  double harmonic_ratio =
      kMissing;  ///< even over odd harmonics of the stride (Smidt 1971), mean over strides
};
GaitMeasures measure_gait(const Gait& gait, const std::vector<TimeSeries>& channels, const Interval& window,
                          const GaitConfig& config);

}  // namespace limbic::signals
