#pragma once
#include <array>
#include <utility>
#include <vector>

#include "limbic/signals/eye/adaptive_classifier.h"
#include "limbic/signals/eye/eye_features.h"
#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/eye/gaze_classifiers.h"
#include "limbic/signals/eye/gaze_loss.h"
#include "limbic/signals/eye/gaze_samples.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

enum class EyeMethod {
  kAuto,      ///< adaptive from 100 Hz on, camera below
  kAdaptive,  ///< fixations, saccades, oscillations, pursuits
  kCamera,    ///< saccade candidates and fixations
  kIvt,
  kIdt,
  kEngbert,
};
constexpr auto enum_names(EyeMethod) {
  return std::array{std::pair{EyeMethod::kAuto, "auto"},     std::pair{EyeMethod::kAdaptive, "adaptive"},
                    std::pair{EyeMethod::kCamera, "camera"}, std::pair{EyeMethod::kIvt, "ivt"},
                    std::pair{EyeMethod::kIdt, "idt"},       std::pair{EyeMethod::kEngbert, "engbert"}};
}

/// All settings of an analysis of gaze; the parts of methods that are not chosen are not used.
struct EyeConfig {
  EyeMethod method = EyeMethod::kAuto;
  EyeVelocityConfig velocity;
  GazeLossConfig loss;
  AdaptiveClassifierConfig adaptive;
  CameraConfig camera;
  IvtConfig ivt;
  IdtConfig idt;
  EngbertConfig engbert;
  EyeFeatureConfig features;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "auto (adaptive from 100 Hz on, camera below), adaptive, camera, ivt, idt, engbert");
    v("velocity", velocity, "positions to velocities");
    v("loss", loss, "blinks and lost samples");
    v("adaptive", adaptive, "adaptive velocity thresholds");
    v("camera", camera, "candidates at camera rates");
    v("ivt", ivt, "velocity threshold");
    v("idt", idt, "dispersion threshold");
    v("engbert", engbert, "Engbert & Kliegl's saccades");
    v("features", features, "features of windows");
  }
};

/// Gaze to samples with a class, events and features: takes out blinks and losses, computes velocities,
/// classifies. Const methods are thread-safe.
///
/// Memory is 60 bytes a sample (10 hours at 60 Hz: 130 MB). Feed longer recordings in pieces (slice()), as
/// long as you like and at best of whole seconds: the adaptive thresholds know only the second around them,
/// so the events of a piece are those of the whole but within about a second of its borders.
class EyeAnalysis {
 public:
  /// @throws Error(kConfig) when the config is out of range
  /// @throws Error(kData)   as check_gaze() does, and for rates outside 10 to 2000 Hz
  EyeAnalysis(const EyeConfig& config, const GazeSamples& gaze);

  /// A row a sample: x_deg, y_deg (as given), velocity_deg_s, class (GazeClass as number), pupil (cleaned).
  Table frames() const;
  /// A row a window: the columns of EyeFeatures.
  Table intervals(const std::vector<Interval>& windows) const;
  /// As BIDS has them: onset, duration, label (name_of(GazeClass)), with start_x_deg, start_y_deg, end_x_deg,
  /// end_y_deg, amplitude_deg, peak_velocity_deg_s, mean_velocity_deg_s, dispersion_deg, min_resolvable_ms.
  EventTable events() const;

  const ClassifiedGaze& classified() const { return data_; }
  /// The method that kAuto became.
  EyeMethod method() const { return method_; }
  /// 2000 / rate: no event shorter than this can be told from noise, whatever the method says.
  double min_resolvable_ms() const { return 2000 * data_.step_s; }

 private:
  EyeConfig config_;
  EyeMethod method_;
  ClassifiedGaze data_;
  std::vector<double> x_deg_;  ///< as given
  std::vector<double> y_deg_;
};

}  // namespace limbic::signals
