#include "limbic/signals/eye/gaze_loss.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/eye/eye_velocity.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

bool has_pupil(double size) {
  return size > 0;
}

/// |change of the pupil| per second between a sample's neighbours; NaN without them.
std::vector<double> pupil_rates(const GazeSamples& gaze) {
  std::vector<double> rates(gaze.size(), kMissing);
  for (size_t i = 0; i < gaze.pupil.size(); ++i) {
    if (!has_pupil(gaze.pupil[i])) continue;
    const size_t low = i > 0 && has_pupil(gaze.pupil[i - 1]) ? i - 1 : i;
    const size_t high = i + 1 < gaze.size() && has_pupil(gaze.pupil[i + 1]) ? i + 1 : i;
    if (low == high) continue;
    rates[i] = std::abs(gaze.pupil[high] - gaze.pupil[low]) / (gaze.time_s[high] - gaze.time_s[low]);
  }
  return rates;
}

/// Where a sample looks like a moving lid.
std::vector<bool> disturbed_samples(const GazeSamples& gaze, const EyeVelocity& velocity,
                                    const GazeLossConfig& config) {
  std::vector<bool> disturbed(gaze.size());
  for (size_t i = 0; i < gaze.size(); ++i) {
    disturbed[i] = velocity.speed_deg_s[i] > config.edge_velocity_deg_s;
  }
  if (config.pupil_edge_factor > 0 && !gaze.pupil.empty()) {
    const std::vector<double> rates = pupil_rates(gaze);
    const double limit = median(rates) + config.pupil_edge_factor * median_deviation(rates);
    for (size_t i = 0; i < gaze.size(); ++i) {
      // A limit of 0 means a pupil that is written with few digits and rests most of the time.
      if (limit > 0 && rates[i] > limit) disturbed[i] = true;
    }
  }
  return disturbed;
}

}  // namespace

void GazeLossConfig::validate(config::Checks& checks) const {
  checks.expect(min_blink_s >= 0 && min_blink_s < max_blink_s, "min_blink_s",
                "must be in [0, max_blink_s), got " + std::to_string(min_blink_s));
  checks.expect(std::isfinite(max_blink_s), "max_blink_s", "must be finite");
  checks.expect(edge_velocity_deg_s > 0, "edge_velocity_deg_s",
                "must be positive, got " + std::to_string(edge_velocity_deg_s));
  checks.expect(pupil_edge_factor >= 0, "pupil_edge_factor",
                "must not be negative, got " + std::to_string(pupil_edge_factor));
  checks.expect(edge_quiet_s >= 0, "edge_quiet_s",
                "must not be negative, got " + std::to_string(edge_quiet_s));
  checks.expect(max_edge_before_s >= 0, "max_edge_before_s",
                "must not be negative, got " + std::to_string(max_edge_before_s));
  checks.expect(max_edge_after_s >= 0, "max_edge_after_s",
                "must not be negative, got " + std::to_string(max_edge_after_s));
  checks.expect(max_velocity_deg_s >= 0, "max_velocity_deg_s",
                "must not be negative, got " + std::to_string(max_velocity_deg_s));
}

std::vector<GazeLoss> find_losses(const GazeSamples& gaze, const GazeLossConfig& config) {
  config::ThrowingChecks checks("gaze_loss");
  config.validate(checks);
  check_gaze(gaze);
  const EyeVelocity velocity = eye_velocity(gaze);
  const std::vector<bool> disturbed = disturbed_samples(gaze, velocity, config);
  const auto is_missing = [&](size_t i) {
    return !gaze.has(i) ||
           (config.max_velocity_deg_s > 0 && velocity.speed_deg_s[i] > config.max_velocity_deg_s);
  };
  const auto& t = gaze.time_s;
  const double step_s = gaze.size() > 1 ? 1.0 / sampling_rate_hz(gaze) : 0.0;
  const double quiet_s = std::max(config.edge_quiet_s, 1.5 * step_s);

  std::vector<GazeLoss> losses;
  for (size_t i = 0; i < gaze.size();) {
    if (!is_missing(i)) {
      ++i;
      continue;
    }
    // Samples seen for a moment inside a blink are the lid's.
    GazeLoss loss{{i, i + 1}, step_s, false};
    for (size_t k = i + 1; k < gaze.size() && t[k] - t[loss.samples.last - 1] <= quiet_s; ++k) {
      if (!is_missing(k)) continue;
      loss.samples.last = k + 1;
      loss.missing_s += step_s;
    }
    i = loss.samples.last;
    // Half a step of slack: n samples of a duration d are no shorter than d.
    const double slack_s = 0.5 * step_s;
    if (loss.missing_s + slack_s >= config.min_blink_s) {
      loss.is_blink = loss.missing_s <= config.max_blink_s + slack_s;
      const SampleRun core = loss.samples;
      const size_t lowest = losses.empty() ? 0 : losses.back().samples.last;
      for (size_t k = core.first; k-- > lowest;) {
        if (t[core.first] - t[k] > config.max_edge_before_s || t[loss.samples.first] - t[k] > quiet_s) break;
        if (disturbed[k]) loss.samples.first = k;
      }
      for (size_t k = core.last; k < gaze.size() && !is_missing(k); ++k) {
        if (t[k] - t[core.last - 1] > config.max_edge_after_s || t[k] - t[loss.samples.last - 1] > quiet_s)
          break;
        if (disturbed[k]) loss.samples.last = k + 1;
      }
      i = loss.samples.last;
    }
    losses.push_back(loss);
  }
  return losses;
}

GazeSamples without_losses(GazeSamples gaze, const std::vector<GazeLoss>& losses) {
  std::vector<bool> is_valid(gaze.size(), true);
  for (const GazeLoss& loss : losses) {
    for (size_t i = loss.samples.first; i < loss.samples.last; ++i) is_valid[i] = false;
  }
  mark_missing(gaze, is_valid);
  return gaze;
}

}  // namespace limbic::signals
