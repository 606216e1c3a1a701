#pragma once
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/eye/gaze_events.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

/// Velocity thresholds that follow the noise, after Nystrom & Holmqvist (2010), with medians instead of means
/// and a local context as REMoDNaV (Dar, Wagner & Hanke 2021) has it. The defaults were tuned on seven
/// recordings of Lund 2013 (images, 500 Hz).
struct AdaptiveClassifierConfig {
  double start_velocity_deg_s = 300;
  double context_s = 1.0;
  double peak_factor = 15;
  double onset_factor = 15;
  double offset_factor = 5;
  double pso_factor = 5;
  double min_peak_deg_s = 20;
  double min_onset_deg_s = 15;
  double min_pso_deg_s = 6;
  double min_saccade_s = 0.012;
  double turn_ratio = 0.25;
  double min_pso_s = 0.008;
  double max_pso_s = 0.036;
  double pso_peak_ratio = 0.8;
  double min_fixation_s = 0.04;
  double pursuit_velocity_deg_s = 3;
  double pursuit_window_s = 0.1;
  double min_pursuit_s = 0.12;
  double min_pursuit_deg = 0.6;

  template <class Visitor>
  void visit(Visitor& v) {
    v("start_velocity_deg_s", start_velocity_deg_s,
      "samples faster than this do not count as noise at first");
    v("context_s", context_s, "length of the stretch that thresholds adapt to");
    v("peak_factor", peak_factor, "a saccade's peak exceeds the median speed by this many median deviations");
    v("onset_factor", onset_factor, "it begins where the speed exceeds this many");
    v("offset_factor", offset_factor, "it ends where the speed falls under this many");
    v("pso_factor", pso_factor, "a post-saccadic oscillation exceeds this many");
    v("min_peak_deg_s", min_peak_deg_s, "least threshold of a peak, for recordings almost without noise");
    v("min_onset_deg_s", min_onset_deg_s, "least threshold of onset and offset");
    v("min_pso_deg_s", min_pso_deg_s, "least threshold of an oscillation");
    v("min_saccade_s", min_saccade_s, "shorter ones are noise");
    v("turn_ratio", turn_ratio,
      "a saccade also ends in a minimum of the speed below this share of its peak, where the eye turns back");
    v("min_pso_s", min_pso_s, "least duration of an oscillation");
    v("max_pso_s", max_pso_s, "greatest duration of an oscillation");
    v("pso_peak_ratio", pso_peak_ratio, "its peak is below this share of the saccade's, or it is a saccade");
    v("min_fixation_s", min_fixation_s, "shorter rests get no class");
    v("pursuit_velocity_deg_s", pursuit_velocity_deg_s, "the slow course of a pursuit is faster than this");
    v("pursuit_window_s", pursuit_window_s, "stretch over which the slow course is a straight line");
    v("min_pursuit_s", min_pursuit_s, "least duration of a pursuit");
    v("min_pursuit_deg", min_pursuit_deg, "least distance from its start to its end");
  }
  void validate(config::Checks& checks) const;
};

/// Fixations, saccades, post-saccadic oscillations and pursuits, by onset and without overlap.
/// @param gaze      without losses (see without_losses); meant for 100 Hz and more
/// @param velocity  eye_velocity() of it, Savitzky-Golay over 19 ms by default
std::vector<GazeEvent> classify_adaptive(const GazeSamples& gaze, const EyeVelocity& velocity,
                                         const AdaptiveClassifierConfig& config = {});

}  // namespace limbic::signals
