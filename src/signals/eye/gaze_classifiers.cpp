#include "limbic/signals/eye/gaze_classifiers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "dsp/got.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/table.h"

namespace limbic::signals {
namespace {

/// Seconds that samples [first, last) take, each one a median step.
class Durations {
 public:
  explicit Durations(const GazeSamples& gaze)
      : gaze_(gaze), step_s_(gaze.size() > 1 ? 1.0 / sampling_rate_hz(gaze) : 0.0) {}
  /// Half a step of slack: n samples of a duration d are no shorter than d.
  bool is_at_least(size_t first, size_t last, double seconds) const {
    return gaze_.time_s[last - 1] - gaze_.time_s[first] + 1.5 * step_s_ >= seconds;
  }
  bool is_at_most(size_t first, size_t last, double seconds) const {
    return gaze_.time_s[last - 1] - gaze_.time_s[first] + 0.5 * step_s_ <= seconds;
  }

 private:
  const GazeSamples& gaze_;
  double step_s_;
};

/// Fixations and saccades of one run, in turn; remembers sums of the places so that merging is cheap.
class FixationMerger {
 public:
  FixationMerger(const GazeSamples& gaze, const IvtConfig& config) : gaze_(gaze), config_(config) {}

  void add(const GazeEvent& event) {
    Part part{event, 0, 0};
    for (size_t i = event.first; i < event.last; ++i) {
      part.sum_x += gaze_.x_deg[i];
      part.sum_y += gaze_.y_deg[i];
    }
    if (event.gaze_class == GazeClass::kFixation && parts_.size() >= 2) {
      Part& before = parts_[parts_.size() - 2];
      if (belongs_to(before, part)) {
        const Part& between = parts_.back();
        before.event.last = event.last;
        before.sum_x += between.sum_x + part.sum_x;
        before.sum_y += between.sum_y + part.sum_y;
        parts_.pop_back();
        return;
      }
    }
    parts_.push_back(part);
  }
  template <class Use>
  void for_each(Use use) const {
    for (const Part& part : parts_) use(part.event);
  }

 private:
  struct Part {
    GazeEvent event;
    double sum_x;
    double sum_y;
    double num() const { return static_cast<double>(event.last - event.first); }
  };
  bool belongs_to(const Part& a, const Part& b) const {
    if (config_.merge_gap_s <= 0) return false;
    return gaze_.time_s[b.event.first] - gaze_.time_s[a.event.last - 1] <= config_.merge_gap_s &&
           std::hypot(b.sum_x / b.num() - a.sum_x / a.num(), b.sum_y / b.num() - a.sum_y / a.num()) <=
               config_.merge_distance_deg;
  }

  const GazeSamples& gaze_;
  const IvtConfig& config_;
  std::vector<Part> parts_;
};

/// The box around a growing stretch of samples.
struct Box {
  double low_x = std::numeric_limits<double>::infinity();
  double high_x = -low_x;
  double low_y = low_x;
  double high_y = -low_x;
  void add(double x, double y) {
    low_x = std::min(low_x, x);
    high_x = std::max(high_x, x);
    low_y = std::min(low_y, y);
    high_y = std::max(high_y, y);
  }
  double dispersion() const { return high_x - low_x + high_y - low_y; }
};

/// Runs of `is_fast` and of its opposite as saccades and fixations of at least these durations.
template <class LongEnough>
void add_runs(const SampleRun& run, const std::vector<bool>& is_fast, LongEnough is_long_enough,
              std::vector<GazeEvent>& events) {
  for (size_t i = run.first; i < run.last;) {
    size_t last = i + 1;
    while (last < run.last && is_fast[last] == is_fast[i]) ++last;
    const GazeEvent event{is_fast[i] ? GazeClass::kSaccade : GazeClass::kFixation, i, last};
    if (is_long_enough(event)) events.push_back(event);
    i = last;
  }
}

double spread_of(const std::vector<double>& velocity, VelocitySpread spread, double least) {
  const double centre = median(velocity);
  std::vector<double> squares;
  squares.reserve(velocity.size());
  const double origin = spread == VelocitySpread::kEngbert2015 ? centre : 0.0;
  for (const double v : velocity) squares.push_back((v - origin) * (v - origin));
  const double variance = median(squares) - (spread == VelocitySpread::kEngbert2015 ? 0.0 : centre * centre);
  return std::max(least, std::sqrt(std::max(0.0, variance)));
}

}  // namespace

void IvtConfig::validate(config::Checks& checks) const {
  checks.expect(velocity_deg_s > 0, "velocity_deg_s", "must be positive" + got(velocity_deg_s));
  checks.expect(min_fixation_s >= 0, "min_fixation_s", "must not be negative" + got(min_fixation_s));
  checks.expect(min_saccade_s >= 0, "min_saccade_s", "must not be negative" + got(min_saccade_s));
  checks.expect(merge_gap_s >= 0, "merge_gap_s", "must not be negative" + got(merge_gap_s));
  checks.expect(merge_distance_deg >= 0, "merge_distance_deg",
                "must not be negative" + got(merge_distance_deg));
}

void IdtConfig::validate(config::Checks& checks) const {
  checks.expect(dispersion_deg > 0, "dispersion_deg", "must be positive" + got(dispersion_deg));
  checks.expect(min_fixation_s > 0, "min_fixation_s", "must be positive" + got(min_fixation_s));
  checks.expect(max_saccade_s >= 0, "max_saccade_s", "must not be negative" + got(max_saccade_s));
}

void EngbertConfig::validate(config::Checks& checks) const {
  checks.expect(lambda > 0, "lambda", "must be positive" + got(lambda));
  checks.expect(min_samples >= 1, "min_samples", "must be at least 1, got " + std::to_string(min_samples));
  checks.expect(min_spread_deg_s > 0, "min_spread_deg_s", "must be positive" + got(min_spread_deg_s));
  checks.expect(min_fixation_s >= 0, "min_fixation_s", "must not be negative" + got(min_fixation_s));
}

void CameraConfig::validate(config::Checks& checks) const {
  checks.expect(min_velocity_deg_s > 0, "min_velocity_deg_s", "must be positive" + got(min_velocity_deg_s));
  checks.expect(lambda >= 0, "lambda", "must not be negative" + got(lambda));
  checks.expect(min_fixation_s >= 0, "min_fixation_s", "must not be negative" + got(min_fixation_s));
}

std::vector<GazeEvent> classify_ivt(const GazeSamples& gaze, const EyeVelocity& velocity,
                                    const IvtConfig& config) {
  config::ThrowingChecks checks("ivt");
  config.validate(checks);
  check_gaze(gaze);
  check_velocity(velocity, gaze);
  const Durations durations(gaze);
  std::vector<GazeEvent> events;
  for (const SampleRun& run : gaze_runs(gaze)) {
    // A sample alone has no velocity and is neither.
    if (run.size() < 2) continue;
    const auto is_fast = [&](size_t i) { return velocity.speed_deg_s[i] >= config.velocity_deg_s; };
    FixationMerger merger(gaze, config);
    for (size_t i = run.first; i < run.last;) {
      size_t last = i + 1;
      while (last < run.last && is_fast(last) == is_fast(i)) ++last;
      merger.add({is_fast(i) ? GazeClass::kSaccade : GazeClass::kFixation, i, last});
      i = last;
    }
    merger.for_each([&](const GazeEvent& e) {
      const bool is_fixation = e.gaze_class == GazeClass::kFixation;
      if (durations.is_at_least(e.first, e.last,
                                is_fixation ? config.min_fixation_s : config.min_saccade_s)) {
        events.push_back(e);
      }
    });
  }
  return events;
}

std::vector<GazeEvent> classify_idt(const GazeSamples& gaze, const IdtConfig& config) {
  config::ThrowingChecks checks("idt");
  config.validate(checks);
  check_gaze(gaze);
  const Durations durations(gaze);
  std::vector<GazeEvent> events;
  for (const SampleRun& run : gaze_runs(gaze)) {
    size_t fixation_end = run.first;
    bool has_fixation = false;
    for (size_t first = run.first; first < run.last;) {
      Box box;
      size_t last = first;
      for (; last < run.last; ++last) {
        Box grown = box;
        grown.add(gaze.x_deg[last], gaze.y_deg[last]);
        if (grown.dispersion() > config.dispersion_deg) break;
        box = grown;
      }
      if (last == first || !durations.is_at_least(first, last, config.min_fixation_s)) {
        ++first;
        continue;
      }
      if (has_fixation && first > fixation_end &&
          durations.is_at_most(fixation_end, first, config.max_saccade_s)) {
        events.push_back({GazeClass::kSaccade, fixation_end, first});
      }
      events.push_back({GazeClass::kFixation, first, last});
      has_fixation = true;
      first = fixation_end = last;
    }
  }
  return events;
}

std::vector<GazeEvent> classify_engbert(const GazeSamples& gaze, const EyeVelocity& velocity,
                                        const EngbertConfig& config) {
  config::ThrowingChecks checks("engbert");
  config.validate(checks);
  check_gaze(gaze);
  check_velocity(velocity, gaze);
  if (gaze.size() < 2) return {};
  const double rate_hz = sampling_rate_hz(gaze);
  require(config.force || rate_hz >= 100, ErrorCode::kData,
          "engbert: " + std::to_string(rate_hz) +
              " Hz; expected at least 100, below which a saccade is one or two samples; use method camera, "
              "or force");
  const double limit_x = config.lambda * spread_of(velocity.x_deg_s, config.spread, config.min_spread_deg_s);
  const double limit_y = config.lambda * spread_of(velocity.y_deg_s, config.spread, config.min_spread_deg_s);
  std::vector<bool> is_fast(gaze.size());
  for (size_t i = 0; i < gaze.size(); ++i) {
    const double x = velocity.x_deg_s[i] / limit_x;
    const double y = velocity.y_deg_s[i] / limit_y;
    is_fast[i] = x * x + y * y > 1;
  }
  const Durations durations(gaze);
  std::vector<GazeEvent> events;
  for (const SampleRun& run : gaze_runs(gaze)) {
    add_runs(
        run, is_fast,
        [&](const GazeEvent& e) {
          return e.gaze_class == GazeClass::kSaccade
                     ? e.last - e.first >= static_cast<size_t>(config.min_samples)
                     : durations.is_at_least(e.first, e.last, config.min_fixation_s);
        },
        events);
  }
  return events;
}

std::vector<GazeEvent> classify_camera(const GazeSamples& gaze, const CameraConfig& config) {
  config::ThrowingChecks checks("camera");
  config.validate(checks);
  check_gaze(gaze);
  const std::vector<SampleRun> runs = gaze_runs(gaze);
  std::vector<double> speeds(gaze.size(), kMissing);  // of the step that ends at the sample
  for (const SampleRun& run : runs) {
    for (size_t i = run.first + 1; i < run.last; ++i) {
      speeds[i] = std::hypot(gaze.x_deg[i] - gaze.x_deg[i - 1], gaze.y_deg[i] - gaze.y_deg[i - 1]) /
                  (gaze.time_s[i] - gaze.time_s[i - 1]);
    }
  }
  constexpr double kGaussian = 1.4826;  // median deviations to standard deviations
  const double noise = median(speeds) + config.lambda * kGaussian * median_deviation(speeds);
  const double limit =
      std::isnan(noise) ? config.min_velocity_deg_s : std::max(config.min_velocity_deg_s, noise);
  std::vector<bool> is_fast(gaze.size());
  for (size_t i = 0; i < gaze.size(); ++i) {
    const bool is_step = speeds[i] > limit;
    // The last of several fast steps lands.
    const bool lands = is_step && speeds[i - 1] > limit && !(i + 1 < gaze.size() && speeds[i + 1] > limit);
    is_fast[i] = is_step && !lands;
  }
  const Durations durations(gaze);
  std::vector<GazeEvent> events;
  for (const SampleRun& run : runs) {
    add_runs(
        run, is_fast,
        [&](const GazeEvent& e) {
          return e.gaze_class == GazeClass::kSaccade ||
                 durations.is_at_least(e.first, e.last, config.min_fixation_s);
        },
        events);
  }
  return events;
}

}  // namespace limbic::signals
