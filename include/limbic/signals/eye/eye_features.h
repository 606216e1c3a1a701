#pragma once
#include <cstdint>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/eye/gaze_events.h"
#include "limbic/signals/eye/gaze_samples.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

struct EyeFeatureConfig {
  double max_main_sequence_deg = 20;
  double closure_s = 0.5;
  double hampel_window_s = 0.5;
  double hampel_deviations = 3;
  double max_pupil_gap_s = 0.5;
  int64_t grid_columns = 8;
  int64_t grid_rows = 6;
  double grid_width_deg = 32;
  double grid_height_deg = 24;

  template <class Visitor>
  void visit(Visitor& v) {
    v("max_main_sequence_deg", max_main_sequence_deg, "greater saccades saturate and stay out of the slope");
    v("closure_s", closure_s, "losses longer than this count as closed eyes in perclos");
    v("hampel_window_s", hampel_window_s, "pupil: stretch whose median says what an outlier is");
    v("hampel_deviations", hampel_deviations, "pupil: outliers lie so many scaled median deviations away");
    v("max_pupil_gap_s", max_pupil_gap_s, "pupil: gaps up to this are filled with straight lines");
    v("grid_columns", grid_columns, "entropy: cells across");
    v("grid_rows", grid_rows, "entropy: cells down");
    v("grid_width_deg", grid_width_deg, "entropy: width of the grid around the middle of the screen");
    v("grid_height_deg", grid_height_deg, "entropy: height; what lies outside counts in the nearest cell");
  }
  void validate(config::Checks& checks) const;
};

/// A recording after classification.
struct ClassifiedGaze {
  GazeSamples gaze;  ///< without losses
  EyeVelocity velocity;
  std::vector<GazeEvent> events;  ///< with blinks and losses, by onset
  double step_s = kMissing;       ///< median step
};

/// Pupil sizes without outliers (Hampel), short gaps filled. NaN elsewhere; N values or none.
std::vector<double> clean_pupil(const GazeSamples& gaze, const EyeFeatureConfig& config = {});

/// Features of stretches of time. An event counts, whole, in the window of its onset. Rates are per second
/// (blinks: per minute) of the window's samples, seen or not. Means of nothing are NaN; so is everything in a
/// window without samples. Keeps a reference to `data`.
class EyeFeatures {
 public:
  /// @throws Error(kConfig) when the config is out of range
  EyeFeatures(const ClassifiedGaze& data, const EyeFeatureConfig& config = {});

  std::vector<double> window(const Interval& window) const;
  static std::vector<Column> columns();

 private:
  const ClassifiedGaze& data_;
  EyeFeatureConfig config_;
  std::vector<double> pupil_;
  std::vector<GazeMeasures> measures_;  ///< one an event
};

}  // namespace limbic::signals
