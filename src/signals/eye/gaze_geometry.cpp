#include "limbic/signals/eye/gaze_geometry.h"

#include <cmath>
#include <string>
#include <utility>

#include "dsp/got.h"
#include "limbic/core/error.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

constexpr double kDegrees = 180.0 / 3.14159265358979323846;

double degrees(double px, double size_px, double size_m, double distance_m) {
  return kDegrees * std::atan2((px - 0.5 * (size_px - 1)) * size_m / size_px, distance_m);
}
double pixels(double deg, double size_px, double size_m, double distance_m) {
  if (!(std::abs(deg) < 90)) return kMissing;
  return 0.5 * (size_px - 1) + std::tan(deg / kDegrees) * distance_m * size_px / size_m;
}

}  // namespace

void ScreenGeometry::validate(config::Checks& checks) const {
  const auto expect_positive = [&](double value, const char* field) {
    checks.expect(std::isfinite(value) && value > 0, field, "must be positive" + got(value));
  };
  expect_positive(width_px, "width_px");
  expect_positive(height_px, "height_px");
  expect_positive(width_m, "width_m");
  expect_positive(height_m, "height_m");
  expect_positive(distance_m, "distance_m");
}

double x_deg_of_px(double x_px, const ScreenGeometry& screen) {
  return degrees(x_px, screen.width_px, screen.width_m, screen.distance_m);
}
double y_deg_of_px(double y_px, const ScreenGeometry& screen) {
  return degrees(y_px, screen.height_px, screen.height_m, screen.distance_m);
}
double x_px_of_deg(double x_deg, const ScreenGeometry& screen) {
  return pixels(x_deg, screen.width_px, screen.width_m, screen.distance_m);
}
double y_px_of_deg(double y_deg, const ScreenGeometry& screen) {
  return pixels(y_deg, screen.height_px, screen.height_m, screen.distance_m);
}

GazeSamples gaze_of_pixels(std::vector<double> time_s, const std::vector<double>& x_px,
                           const std::vector<double>& y_px, std::vector<double> pupil,
                           const ScreenGeometry& screen) {
  config::ThrowingChecks checks("screen");
  screen.validate(checks);
  GazeSamples gaze{std::move(time_s), {}, {}, std::move(pupil)};
  gaze.x_deg.reserve(x_px.size());
  gaze.y_deg.reserve(y_px.size());
  for (const double x : x_px) gaze.x_deg.push_back(x_deg_of_px(x, screen));
  for (const double y : y_px) gaze.y_deg.push_back(y_deg_of_px(y, screen));
  check_gaze(gaze);
  return gaze;
}

}  // namespace limbic::signals
