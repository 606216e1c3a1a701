#pragma once
#include <cstddef>
#include <vector>

#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

/// What the eye does at a sample. The numbers are those of the column `class` (and of the Lund 2013 set).
enum class GazeClass {
  kNone = 0,      ///< seen, but no event (too short, or between events)
  kFixation = 1,  ///< the eye rests
  kSaccade = 2,   ///< the eye jumps; under 100 Hz a candidate
  kPso = 3,       ///< post-saccadic oscillation: the lens swings after a saccade
  kPursuit = 4,   ///< the eye follows something that moves
  kBlink = 5,     ///< missing for as long as a blink lasts
  kLoss = 6,      ///< missing for another time: tracking lost, eye closed, looked away
};
constexpr size_t kNumGazeClasses = 7;
/// "none", "fixation", "saccade", "pso", "pursuit", "blink", "loss"
const char* name_of(GazeClass gaze_class);

/// Samples [first, last) of one class.
struct GazeEvent {
  GazeClass gaze_class = GazeClass::kNone;
  size_t first = 0;
  size_t last = 0;
};

/// Class of every sample; samples in no event are kNone.
std::vector<GazeClass> labels_of(const std::vector<GazeEvent>& events, size_t num_samples);
/// Runs of equal classes, without kNone.
std::vector<GazeEvent> events_of(const std::vector<GazeClass>& labels);

/// Measurements of an event; NaN where its samples do not say (a blink has no amplitude).
struct GazeMeasures {
  double onset_s = 0;
  double duration_s = 0;  ///< from the first sample to one (median) step after the last
  double start_x_deg = 0;
  double start_y_deg = 0;
  double end_x_deg = 0;
  double end_y_deg = 0;
  double amplitude_deg = 0;  ///< distance from start to end
  double peak_velocity_deg_s = 0;
  double mean_velocity_deg_s = 0;
  double dispersion_deg = 0;  ///< (max - min) of x plus (max - min) of y
};
/// A saccade is measured from the last sample before it to the first after it, where they are seen: at camera
/// rates all of its way may lie between two samples.
/// @param step_s  median step of the recording, 1 / sampling_rate_hz()
GazeMeasures measure(const GazeEvent& event, const GazeSamples& gaze, const EyeVelocity& velocity,
                     double step_s);

}  // namespace limbic::signals
