#pragma once
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

/// A flat screen in front of the eye, which looks straight at its middle.
struct ScreenGeometry {
  double width_px = 0;
  double height_px = 0;
  double width_m = 0;
  double height_m = 0;
  double distance_m = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("width_px", width_px, "resolution across");
    v("height_px", height_px, "resolution down");
    v("width_m", width_m, "width of the picture in metres");
    v("height_m", height_m, "height of the picture in metres");
    v("distance_m", distance_m, "eye to screen in metres");
  }
  void validate(config::Checks& checks) const;
};

/// Degrees of visual angle between a point of the screen and its middle, along one axis at a time:
/// atan2(metres from the middle, distance). Pixel 0 is the centre of the first pixel, so the middle of 1024
/// pixels lies at 511.5. Exact on the axes; away from them each angle is that of the point's projection.
double x_deg_of_px(double x_px, const ScreenGeometry& screen);
double y_deg_of_px(double y_px, const ScreenGeometry& screen);
/// The inverses; NaN at 90 degrees and beyond, where there is no screen.
double x_px_of_deg(double x_deg, const ScreenGeometry& screen);
double y_px_of_deg(double y_deg, const ScreenGeometry& screen);

/// Samples in pixels (y downwards, as screens count) as degrees. NaN stays NaN.
/// @throws Error(kConfig) for an impossible screen, Error(kData) as check_gaze() does
GazeSamples gaze_of_pixels(std::vector<double> time_s, const std::vector<double>& x_px,
                           const std::vector<double>& y_px, std::vector<double> pupil,
                           const ScreenGeometry& screen);

}  // namespace limbic::signals
