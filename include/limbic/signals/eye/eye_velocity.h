#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/eye/gaze_samples.h"

namespace limbic::signals {

enum class VelocityMethod {
  kFivePoint,      ///< Engbert & Kliegl (2003): fs / 6 (x[n+2] + x[n+1] - x[n-1] - x[n-2])
  kSavitzkyGolay,  ///< derivative of the polynomial of least squares around the sample
};
constexpr auto enum_names(VelocityMethod) {
  return std::array{std::pair{VelocityMethod::kFivePoint, "five_point"},
                    std::pair{VelocityMethod::kSavitzkyGolay, "savitzky_golay"}};
}

struct EyeVelocityConfig {
  VelocityMethod method = VelocityMethod::kSavitzkyGolay;
  double window_s = 0.019;
  int64_t order = 2;
  double max_step = 2.5;

  template <class Visitor>
  void visit(Visitor& v) {
    v("method", method, "five_point (Engbert & Kliegl) or savitzky_golay");
    v("window_s", window_s, "savitzky_golay: window, rounded to an odd number of samples above the order");
    v("order", order, "savitzky_golay: order of the polynomial, 1 to 4");
    v("max_step", max_step, "samples further apart than this many median steps are not neighbours");
  }
  void validate(config::Checks& checks) const;
};

/// N values each. NaN where the sample is missing or stands alone.
struct EyeVelocity {
  std::vector<double> x_deg_s;
  std::vector<double> y_deg_s;
  std::vector<double> speed_deg_s;  ///< hypot(x, y)
};

/// Velocities from the samples' own times, so that uneven steps cost no accuracy; on even steps both methods
/// are the textbook filters (Savitzky-Golay as scipy.signal.savgol_filter(deriv=1, mode="interp")).
/// Missing samples and long steps split the signal: no velocity is computed across them. At the ends of a run
/// five_point falls back to the central, then the one-sided difference; savitzky_golay evaluates the end's
/// polynomial, of a lower order when the run is too short.
EyeVelocity eye_velocity(const GazeSamples& gaze, const EyeVelocityConfig& config = {});
/// @throws Error(kInternal) unless the velocities are as many as the samples
void check_velocity(const EyeVelocity& velocity, const GazeSamples& gaze);

}  // namespace limbic::signals
