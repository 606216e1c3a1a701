#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/eye/gaze_events.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

/// Velocity threshold (I-VT, Salvucci & Goldberg 2000), with the merging of Tobii's filter (Olsen 2012).
struct IvtConfig {
  double velocity_deg_s = 20;
  double min_fixation_s = 0.1;
  double min_saccade_s = 0.01;
  double merge_gap_s = 0.075;
  double merge_distance_deg = 0.5;

  template <class Visitor>
  void visit(Visitor& v) {
    v("velocity_deg_s", velocity_deg_s, "slower samples are fixations, others saccades");
    v("min_fixation_s", min_fixation_s, "shorter fixations get no class");
    v("min_saccade_s", min_saccade_s, "shorter saccades get no class");
    v("merge_gap_s", merge_gap_s, "fixations no further apart in time become one; 0 = off");
    v("merge_distance_deg", merge_distance_deg, "and no further apart in space, between their mean places");
  }
  void validate(config::Checks& checks) const;
};

/// Dispersion threshold (I-DT, Salvucci & Goldberg 2000).
struct IdtConfig {
  double dispersion_deg = 1.0;
  double min_fixation_s = 0.1;
  double max_saccade_s = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    v("dispersion_deg", dispersion_deg, "(max - min) of x plus (max - min) of y within a fixation");
    v("min_fixation_s", min_fixation_s, "length of the window that then grows");
    v("max_saccade_s", max_saccade_s, "what lies between two fixations and is no longer is a saccade");
  }
  void validate(config::Checks& checks) const;
};

/// How the spread of velocities is taken over most samples, in which the eye rests.
enum class VelocitySpread {
  kEngbert2015,  ///< sqrt(median((v - median v)^2))
  kEngbert2003,  ///< sqrt(median(v^2) - median(v)^2)
};
constexpr auto enum_names(VelocitySpread) {
  return std::array{std::pair{VelocitySpread::kEngbert2015, "engbert2015"},
                    std::pair{VelocitySpread::kEngbert2003, "engbert2003"}};
}

/// Saccades and microsaccades outside an ellipse of velocities (Engbert & Kliegl 2003; Engbert et al. 2015).
struct EngbertConfig {
  double lambda = 6;
  VelocitySpread spread = VelocitySpread::kEngbert2015;
  int64_t min_samples = 6;
  double min_spread_deg_s = 1e-6;
  double min_fixation_s = 0.05;
  bool force = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("lambda", lambda, "the ellipse's half axes in spreads");
    v("spread", spread, "engbert2015 or engbert2003");
    v("min_samples", min_samples, "shorter saccades get no class");
    v("min_spread_deg_s", min_spread_deg_s, "least spread, for recordings that stand still");
    v("min_fixation_s", min_fixation_s, "rests between saccades no shorter than this are fixations");
    v("force", force, "allow rates under 100 Hz, where a saccade is one or two samples");
  }
  void validate(config::Checks& checks) const;
};

/// Cameras at 25 to 100 Hz: a saccade is a step or two. Gives candidates, and the rests between them.
struct CameraConfig {
  double min_velocity_deg_s = 30;
  double lambda = 6;
  double min_fixation_s = 0.06;

  template <class Visitor>
  void visit(Visitor& v) {
    v("min_velocity_deg_s", min_velocity_deg_s, "least speed of a step that may be a saccade");
    v("lambda", lambda, "it also exceeds the median step speed by this many scaled median deviations");
    v("min_fixation_s", min_fixation_s, "rests no shorter than this are fixations");
  }
  void validate(config::Checks& checks) const;
};

// Events by onset, without overlap. Missing samples and long steps end every event; nothing is bridged but
// what IvtConfig::merge_gap_s says. `gaze` without losses, `velocity` of it.

std::vector<GazeEvent> classify_ivt(const GazeSamples& gaze, const EyeVelocity& velocity,
                                    const IvtConfig& config = {});
std::vector<GazeEvent> classify_idt(const GazeSamples& gaze, const IdtConfig& config = {});
/// @param velocity  five_point in the papers
/// @throws Error(kData) under 100 Hz unless config.force
std::vector<GazeEvent> classify_engbert(const GazeSamples& gaze, const EyeVelocity& velocity,
                                        const EngbertConfig& config = {});
/// A candidate's samples are those reached by its fast steps, without the one it lands on when there are
/// more.
std::vector<GazeEvent> classify_camera(const GazeSamples& gaze, const CameraConfig& config = {});

}  // namespace limbic::signals
