#include "limbic/signals/motion/imu_analysis.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/dsp/statistics.h"
#include "motion/activity.h"
#include "motion/posture.h"
#include "motion/span.h"
#include "motion/vector3.h"

namespace limbic::signals {
namespace {

constexpr double kLowestRateHz = 10;

/// |a[i + 1] - a[i - 1]| over the time between, one-sided at the ends.
TimeSeries jerk_of(const TriaxialSeries& acc) {
  TimeSeries out{acc.rate_hz, acc.t0_s, std::vector<double>(acc.size(), kMissing)};
  const auto size = static_cast<int64_t>(acc.size());
  for (int64_t i = 0; i < size; ++i) {
    const int64_t before = std::max<int64_t>(0, i - 1);
    const int64_t after = std::min(size - 1, i + 1);
    if (after == before) continue;
    out.values[static_cast<size_t>(i)] =
        length(at(acc, after) - at(acc, before)) * (acc.rate_hz / static_cast<double>(after - before));
  }
  return out;
}

}  // namespace

void ImuConfig::validate(config::Checks& checks) const {
  checks.expect(frame_rate_hz > 0 && frame_rate_hz <= 1000, "frame_rate_hz", "must be in (0, 1000]");
  checks.expect(count_low_hz > 0 && std::isfinite(count_low_hz), "count_low_hz", "must be positive");
  checks.expect(count_high_hz > count_low_hz && count_high_hz <= 4.5, "count_high_hz",
                "must be above count_low_hz, at most 4.5");
  checks.expect(zero_crossing_g >= 0, "zero_crossing_g", "must not be negative");
  checks.expect(above_threshold_g >= 0, "above_threshold_g", "must not be negative");
  checks.expect(still_g > 0, "still_g", "must be positive");
  checks.expect(posture_change_deg > 0 && posture_change_deg < 180, "posture_change_deg",
                "must be in (0, 180)");
}

ImuAnalysis::ImuAnalysis(const ImuConfig& config, const TriaxialSeries& acc, const TriaxialSeries* gyro)
    : config_(config) {
  config::ThrowingChecks checks("imu");
  config.validate(checks);
  check_triaxial(acc, "acceleration");
  require(acc.rate_hz >= kLowestRateHz, ErrorCode::kData,
          "acceleration: sampled at " + std::to_string(acc.rate_hz) + " Hz; expected at least 10 Hz");
  gravity_ = gravity_of(acc, gyro, config.gravity);
  norm_ = norm_of(acc);
  jerk_ = jerk_of(acc);
  if (gyro != nullptr) gyro_ = norm_of(*gyro);
  dynamic_ = norm_;
  const bool is_axes = config.gait.signal == GaitSignal::kAxes;
  gait_channels_.assign(is_axes ? 3 : 1, norm_);
  for (int64_t i = 0; i < static_cast<int64_t>(acc.size()); ++i) {
    const auto k = static_cast<size_t>(i);
    const Vector3 up = at(gravity_, i);
    const Vector3 a = at(acc, i);
    const Vector3 moving = a - up;
    dynamic_.values[k] = length(moving);
    if (is_axes) {
      gait_channels_[0].values[k] = moving.x;
      gait_channels_[1].values[k] = moving.y;
      gait_channels_[2].values[k] = moving.z;
    } else {
      const double upright = length(up);
      const double along = upright > 0 ? dot(a, up) / upright : kMissing;
      const bool is_vertical = config.gait.signal == GaitSignal::kVertical;
      gait_channels_[0].values[k] = (is_vertical ? along : norm_.values[k]) - upright;
    }
  }
  count_band_ = norm_;
  count_band_.values =
      filter_runs(butterworth(2, Band::kBandPass, config.count_low_hz, config.count_high_hz, norm_.rate_hz),
                  norm_.values);
  gait_ = find_gait(gait_channels_, config.gait);
  posture_changes_ = find_posture_changes(gravity_, config.posture_change_deg);
}

Table ImuAnalysis::frames() const {
  Table out;
  out.columns = {{"dynamic_g", "g", "RMS of acceleration without gravity"},
                 {"enmo_g", "g", "mean of max(|a| - 1, 0)"},
                 {"jerk_g_per_s", "g/s", "RMS length of the acceleration's derivative"},
                 {"pitch_deg", "degree", "atan2(-gx, sqrt(gy^2 + gz^2)) of gravity g"},
                 {"roll_deg", "degree", "atan2(gy, gz)"},
                 {"inclination_deg", "degree", "angle between z and up"},
                 {"gyro_dps", "degree/s", "RMS angular velocity"},
                 {"is_walking", "1", "1 within a walking bout"}};
  const double step_s = 1 / config_.frame_rate_hz;
  size_t bout = 0;
  for (int64_t i = 0;; ++i) {
    const Interval frame{norm_.t0_s + static_cast<double>(i) * step_s,
                         norm_.t0_s + static_cast<double>(i + 1) * step_s};
    if (!(frame.start_s < norm_.end_s())) break;
    const Span span = span_of(norm_.rate_hz, norm_.t0_s, norm_.values.size(), frame);
    const Span turn = span_of(gyro_.rate_hz, gyro_.t0_s, gyro_.values.size(), frame);
    const Angles angles = angles_of(mean_up(gravity_, span));
    while (bout < gait_.bouts.size() && gait_.bouts[bout].end_s <= frame.start_s) ++bout;
    const bool is_walking = bout < gait_.bouts.size() && gait_.bouts[bout].start_s <= frame.start_s;
    out.add_row(
        frame.start_s, frame.end_s,
        {root_mean_square(part_of_series(dynamic_, span)), motion_of(part_of_series(norm_, span)).enmo_g,
         root_mean_square(part_of_series(jerk_, span)), angles.pitch_deg, angles.roll_deg,
         angles.inclination_deg, root_mean_square(part_of_series(gyro_, turn)), is_walking ? 1.0 : 0.0});
  }
  return out;
}

Table ImuAnalysis::intervals(const std::vector<Interval>& windows) const {
  Table out;
  out.columns = {{"dynamic_rms_g", "g", "RMS of acceleration without gravity"},
                 {"dynamic_sd_g", "g", "deviation of its length"},
                 {"dynamic_max_g", "g", "its highest"},
                 {"norm_mean_g", "g", "mean |a|"},
                 {"norm_sd_g", "g", "deviation of |a|"},
                 {"enmo_g", "g", "mean of max(|a| - 1, 0) (van Hees 2013)"},
                 {"mad_g", "g", "mean deviation of |a| from its mean (Vaha-Ypya 2015)"},
                 {"jerk_rms_g_per_s", "g/s", "RMS length of the derivative"},
                 {"jerk_mean_g_per_s", "g/s", "mean length of the derivative"},
                 {"count_pim_g", "g", "mean |a| within the count band (proportional integration)"},
                 {"count_zcm_per_s", "1/s", "zero crossings of it a second"},
                 {"count_tat", "1", "part of the time it is above threshold"},
                 {"still_part", "1", "part of seconds without motion"},
                 {"dominant_hz", "Hz", "highest density of |a| within 0.3-15 Hz"},
                 {"dominant_power_part", "1", "power within 0.1 Hz of it"},
                 {"spectral_entropy", "1", "of that spectrum, 0 = one line, 1 = flat"},
                 {"pitch_deg", "degree", "of mean gravity"},
                 {"roll_deg", "degree", "of mean gravity"},
                 {"inclination_deg", "degree", "between z and mean gravity"},
                 {"posture_spread_deg", "degree", "RMS angle of gravity from its mean"},
                 {"posture_range_deg", "degree", "widest angle of gravity from its mean"},
                 {"num_posture_changes", "1", "turns that are held"},
                 {"gyro_rms_dps", "degree/s", "RMS angular velocity"},
                 {"gyro_max_dps", "degree/s", "highest angular velocity"},
                 {"walking_part", "1", "part of the window in walking bouts"},
                 {"num_steps", "1", "steps"},
                 {"cadence_per_min", "1/min", "60 over the mean step time"},
                 {"step_time_mean_s", "s", "between steps"},
                 {"step_time_sd_s", "s", "deviation (n - 1)"},
                 {"step_time_cv", "1", "deviation over mean"},
                 {"stride_time_mean_s", "s", "between steps of one foot"},
                 {"stride_time_cv", "1", "deviation over mean"},
                 {"step_regularity", "1", "autocorrelation at a step (Moe-Nilssen 2004)"},
                 {"stride_regularity", "1", "autocorrelation at a stride"},
                 {"step_symmetry", "1", "step over stride regularity"},
                 {"harmonic_ratio", "1", "even over odd harmonics of strides"},
                 {"valid_part", "1", "part of the window with samples"}};
  for (const auto& window : windows) {
    const Span span = span_of(norm_.rate_hz, norm_.t0_s, norm_.values.size(), window);
    const auto norm = part_of_series(norm_, span);
    const auto dynamic = part_of_series(dynamic_, span);
    const auto jerk = part_of_series(jerk_, span);
    const auto count = part_of_series(count_band_, span);
    const auto gyro = part_of_series(gyro_, span_of(gyro_.rate_hz, gyro_.t0_s, gyro_.values.size(), window));
    const Motion motion = motion_of(norm);
    const Rhythm rhythm = rhythm_of(norm, norm_.rate_hz);
    const Posture posture = posture_of(gravity_, span);
    const GaitMeasures gait = measure_gait(gait_, gait_channels_, window, config_.gait);
    const auto known = static_cast<double>(
        std::count_if(norm.begin(), norm.end(), [](double v) { return std::isfinite(v); }));
    const double expected = std::max(1.0, (window.end_s - window.start_s) * norm_.rate_hz);
    const double num_changes = static_cast<double>(
        std::count_if(posture_changes_.begin(), posture_changes_.end(), [&](const SignalEvent& change) {
          return change.onset_s >= window.start_s && change.onset_s < window.end_s;
        }));
    std::vector<double> sizes;
    for (const double v : count) sizes.push_back(std::abs(v));
    out.add_row(window.start_s, window.end_s,
                {root_mean_square(dynamic),
                 standard_deviation(dynamic),
                 maximum(dynamic),
                 mean(norm),
                 standard_deviation(norm),
                 motion.enmo_g,
                 motion.mad_g,
                 root_mean_square(jerk),
                 mean(jerk),
                 mean(sizes),
                 known > 0 ? crossings(count, config_.zero_crossing_g) * norm_.rate_hz / known : kMissing,
                 part_above(count, config_.above_threshold_g),
                 still_part(dynamic_, span, config_.still_g),
                 rhythm.dominant_hz,
                 rhythm.dominant_part,
                 rhythm.entropy,
                 posture.angles.pitch_deg,
                 posture.angles.roll_deg,
                 posture.angles.inclination_deg,
                 posture.spread_deg,
                 posture.range_deg,
                 num_changes,
                 root_mean_square(gyro),
                 maximum(gyro),
                 gait.walking,
                 gait.num_steps,
                 gait.cadence_per_min,
                 gait.step_time_mean_s,
                 gait.step_time_sd_s,
                 gait.step_time_cv,
                 gait.stride_time_mean_s,
                 gait.stride_time_cv,
                 gait.step_regularity,
                 gait.stride_regularity,
                 gait.step_symmetry,
                 gait.harmonic_ratio,
                 std::min(1.0, known / expected)});
  }
  return out;
}

EventTable ImuAnalysis::events() const {
  EventTable out;
  out.columns = {{"step_time_s", "s", "step: since the step before"},
                 {"num_steps", "1", "walking: steps of the bout"},
                 {"cadence_per_min", "1/min", "walking: of the bout"},
                 {"angle_deg", "degree", "posture_change: the turn"}};
  for (const auto& bout : gait_.bouts) {
    const auto measures = measure_gait(gait_, gait_channels_, {bout.start_s, bout.end_s}, config_.gait);
    out.events.push_back({bout.start_s,
                          bout.end_s - bout.start_s,
                          "walking",
                          {kMissing, measures.num_steps, measures.cadence_per_min, kMissing}});
    for (size_t i = 0; i < bout.step_s.size(); ++i) {
      const double step_time_s = i > 0 ? bout.step_s[i] - bout.step_s[i - 1] : kMissing;
      out.events.push_back({bout.step_s[i], 0, "step", {step_time_s, kMissing, kMissing, kMissing}});
    }
  }
  for (const auto& change : posture_changes_) {
    out.events.push_back({change.onset_s, 0, change.label, {kMissing, kMissing, kMissing, change.values[0]}});
  }
  std::stable_sort(out.events.begin(), out.events.end(),
                   [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });
  return out;
}

}  // namespace limbic::signals
