#pragma once
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

/// Missing samples, and what is wrong around them: while a lid comes down a tracker reports jumps of many
/// degrees and a shrinking pupil. Those edges are part of the loss, or they count as saccades.
struct GazeLossConfig {
  double min_blink_s = 0.02;
  double max_blink_s = 0.5;
  double edge_velocity_deg_s = 30;
  double pupil_edge_factor = 10;
  double edge_quiet_s = 0.025;
  double max_edge_before_s = 0.1;
  double max_edge_after_s = 0.25;
  double max_velocity_deg_s = 1000;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_blink_s", min_blink_s, "shorter stretches of missing samples are drop-outs: no edges, no blink");
    v("max_blink_s", max_blink_s, "longer stretches are losses (eye closed, looked away), not blinks");
    v("edge_velocity_deg_s", edge_velocity_deg_s, "faster samples at the border of a loss belong to it");
    v("pupil_edge_factor", pupil_edge_factor,
      "so do samples where the pupil changes faster than the recording's median rate of change by this many "
      "median deviations; 0 = off");
    v("edge_quiet_s", edge_quiet_s, "a calm stretch longer than this ends an edge, and parts two losses");
    v("max_edge_before_s", max_edge_before_s, "longest edge before a loss");
    v("max_edge_after_s", max_edge_after_s, "longest edge after a loss");
    v("max_velocity_deg_s", max_velocity_deg_s, "no eye is faster: such samples count as missing; 0 = off");
  }
  void validate(config::Checks& checks) const;
};

struct GazeLoss {
  SampleRun samples;      ///< with the edges
  double missing_s = 0;   ///< without the edges
  bool is_blink = false;  ///< missing_s in [min_blink_s, max_blink_s]
};

/// Losses by time; they do not overlap. Steps between samples are no losses, however long.
std::vector<GazeLoss> find_losses(const GazeSamples& gaze, const GazeLossConfig& config = {});
/// The same recording with every sample of the losses missing.
GazeSamples without_losses(GazeSamples gaze, const std::vector<GazeLoss>& losses);

}  // namespace limbic::signals
