#include "limbic/signals/eye/adaptive_classifier.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

/// Median and median deviation of the speeds of a resting eye.
struct SpeedNoise {
  double centre = 0;
  double spread = 0;
};

/// Leaves out what exceeds centre + factor * spread until that threshold stands still.
bool estimate_noise(const double* speed, size_t n, const AdaptiveClassifierConfig& config,
                    SpeedNoise& noise) {
  constexpr size_t kFewest = 5;
  constexpr int kRounds = 30;
  double threshold = config.start_velocity_deg_s;
  std::vector<double> slow;
  for (int round = 0; round < kRounds; ++round) {
    slow.clear();
    for (size_t i = 0; i < n; ++i) {
      if (speed[i] < threshold) slow.push_back(speed[i]);
    }
    if (slow.size() < kFewest) return false;
    noise.centre = median(slow);
    noise.spread = median_deviation(slow);
    const double next = std::max(config.min_peak_deg_s, noise.centre + config.peak_factor * noise.spread);
    if (next > threshold - 1) break;
    threshold = next;
  }
  return true;
}

/// Noise of the stretch of context_s around every half of a context; of the whole recording where a stretch
/// has too little.
class LocalNoise {
 public:
  LocalNoise(const std::vector<double>& speed, double rate_hz, const AdaptiveClassifierConfig& config)
      : hop_(std::max<size_t>(1, static_cast<size_t>(0.5 * config.context_s * rate_hz))) {
    is_known_ = estimate_noise(speed.data(), speed.size(), config, whole_);
    for (size_t centre = 0; is_known_ && centre < speed.size() + hop_; centre += hop_) {
      const size_t first = centre > hop_ ? centre - hop_ : 0;
      const size_t last = std::min(speed.size(), centre + hop_);
      SpeedNoise local = whole_;
      if (last < first + hop_ || !estimate_noise(&speed[first], last - first, config, local)) local = whole_;
      noise_.push_back(local);
    }
  }
  bool is_known() const { return is_known_; }
  double threshold(size_t i, double factor) const {
    const SpeedNoise& noise = noise_[(i + hop_ / 2) / hop_];
    return noise.centre + factor * noise.spread;
  }

 private:
  size_t hop_;
  bool is_known_ = false;
  SpeedNoise whole_;
  std::vector<SpeedNoise> noise_;
};

/// Labels one recording, run after run.
class AdaptiveLabels {
 public:
  AdaptiveLabels(const GazeSamples& gaze, const EyeVelocity& velocity, const AdaptiveClassifierConfig& config)
      : gaze_(gaze),
        speed_(velocity.speed_deg_s),
        c_(config),
        rate_hz_(sampling_rate_hz(gaze)),
        noise_(speed_, rate_hz_, config),
        labels_(gaze.size(), GazeClass::kNone) {
    if (!noise_.is_known()) return;
    for (const SampleRun& run : gaze_runs(gaze)) {
      find_saccades(run);
      for (size_t i = run.first; i < run.last;) {
        size_t last = i + 1;
        while (last < run.last && labels_[last] == labels_[i]) ++last;
        if (labels_[i] == GazeClass::kNone) label_rest({i, last});
        i = last;
      }
    }
  }
  const std::vector<GazeClass>& labels() const { return labels_; }

 private:
  size_t samples(double seconds) const { return static_cast<size_t>(std::lround(seconds * rate_hz_)); }
  double peak_threshold(size_t i) const {
    return std::max(c_.min_peak_deg_s, noise_.threshold(i, c_.peak_factor));
  }
  double edge_threshold(size_t i, double factor) const {
    return std::max(c_.min_onset_deg_s, noise_.threshold(i, factor));
  }
  /// The speed has nearly come to rest at i and rises again: the eye turns back.
  bool turns(size_t i, double peak, size_t end) const {
    return speed_[i] < c_.turn_ratio * peak && i + 1 < end && speed_[i + 1] > speed_[i];
  }
  void fill(const SampleRun& run, GazeClass gaze_class) {
    std::fill(labels_.begin() + static_cast<std::ptrdiff_t>(run.first),
              labels_.begin() + static_cast<std::ptrdiff_t>(run.last), gaze_class);
  }

  void find_saccades(const SampleRun& run) {
    const size_t fewest = std::max<size_t>(1, samples(c_.min_saccade_s));
    size_t free = run.first;  // samples before it have a class
    for (size_t i = run.first; i < run.last;) {
      if (!(speed_[i] > peak_threshold(i))) {
        ++i;
        continue;
      }
      size_t top = i;
      for (size_t k = i; k < run.last && speed_[k] > peak_threshold(k); ++k) {
        if (speed_[k] > speed_[top]) top = k;
        if (turns(k, speed_[top], run.last)) break;
      }
      const double peak = speed_[top];
      size_t onset = i;
      while (onset > free && speed_[onset - 1] > edge_threshold(onset - 1, c_.onset_factor) &&
             speed_[onset - 1] <= speed_[onset]) {
        --onset;
      }
      size_t offset = top + 1;
      while (offset < run.last && speed_[offset] > edge_threshold(offset, c_.offset_factor) &&
             !turns(offset, peak, run.last)) {
        ++offset;
      }
      if (offset - onset >= fewest) {
        fill({onset, offset}, GazeClass::kSaccade);
        free = offset = end_of_oscillation(offset, peak, run.last);
      }
      i = offset;
    }
  }

  /// Labels the oscillation that follows a saccade, if one does. @return where it ends
  size_t end_of_oscillation(size_t offset, double saccade_peak, size_t end) {
    const size_t limit = std::min(end, offset + samples(c_.max_pso_s));
    size_t last = offset;
    for (size_t i = offset; i < limit && speed_[i] <= c_.pso_peak_ratio * saccade_peak; ++i) {
      if (speed_[i] > std::max(c_.min_pso_deg_s, noise_.threshold(i, c_.pso_factor))) last = i + 1;
    }
    if (last == offset || last - offset < samples(c_.min_pso_s)) return offset;
    fill({offset, last}, GazeClass::kPso);
    return last;
  }

  void label_rest(const SampleRun& rest) {
    // Half a step of slack: n samples of a duration d are no shorter than d.
    const auto lasts = [&](const SampleRun& run, double seconds) {
      return gaze_.time_s[run.last - 1] - gaze_.time_s[run.first] + 1.5 / rate_hz_ >= seconds;
    };
    if (!lasts(rest, c_.min_fixation_s)) return;
    fill(rest, GazeClass::kFixation);
    if (!lasts(rest, c_.min_pursuit_s)) return;
    const std::vector<bool> moves = slow_motion(rest);
    for (size_t i = rest.first; i < rest.last;) {
      size_t last = i + 1;
      while (last < rest.last && moves[last - rest.first] == moves[i - rest.first]) ++last;
      const double way =
          std::hypot(gaze_.x_deg[last - 1] - gaze_.x_deg[i], gaze_.y_deg[last - 1] - gaze_.y_deg[i]);
      if (moves[i - rest.first] && lasts({i, last}, c_.min_pursuit_s) && way >= c_.min_pursuit_deg) {
        fill({i, last}, GazeClass::kPursuit);
      }
      i = last;
    }
  }

  /// Where the straight line of least squares through the window around a sample is fast. The window stays
  /// within the rest; its sums move with it.
  std::vector<bool> slow_motion(const SampleRun& rest) const {
    const size_t width =
        std::clamp<size_t>(samples(c_.pursuit_window_s), 2, std::max<size_t>(2, rest.size()));
    std::vector<bool> moves(rest.size(), false);
    if (rest.size() < 2) return moves;
    double n = 0, st = 0, sx = 0, sy = 0, stt = 0, stx = 0, sty = 0;
    const auto add = [&](size_t i, double sign) {
      const double t = gaze_.time_s[i] - gaze_.time_s[rest.first];
      const double x = gaze_.x_deg[i] - gaze_.x_deg[rest.first];
      const double y = gaze_.y_deg[i] - gaze_.y_deg[rest.first];
      n += sign;
      st += sign * t;
      sx += sign * x;
      sy += sign * y;
      stt += sign * t * t;
      stx += sign * t * x;
      sty += sign * t * y;
    };
    size_t first = rest.first;
    size_t last = rest.first;
    for (size_t i = rest.first; i < rest.last; ++i) {
      const size_t wanted = std::min(i - std::min(i - rest.first, width / 2), rest.last - width);
      for (; last < wanted + width; ++last) add(last, 1);
      for (; first < wanted; ++first) add(first, -1);
      const double scale = n * stt - st * st;
      const double slope = std::hypot(n * stx - st * sx, n * sty - st * sy) / scale;
      moves[i - rest.first] = slope > c_.pursuit_velocity_deg_s;
    }
    return moves;
  }

  const GazeSamples& gaze_;
  const std::vector<double>& speed_;
  const AdaptiveClassifierConfig& c_;
  double rate_hz_;
  LocalNoise noise_;
  std::vector<GazeClass> labels_;
};

}  // namespace

void AdaptiveClassifierConfig::validate(config::Checks& checks) const {
  const auto expect_positive = [&](double value, const char* field) {
    checks.expect(std::isfinite(value) && value > 0, field, "must be positive, got " + std::to_string(value));
  };
  const auto expect_not_negative = [&](double value, const char* field) {
    checks.expect(std::isfinite(value) && value >= 0, field,
                  "must not be negative, got " + std::to_string(value));
  };
  expect_positive(start_velocity_deg_s, "start_velocity_deg_s");
  checks.expect(context_s >= 0.1 && context_s <= 3600, "context_s",
                "must be in [0.1, 3600] seconds, got " + std::to_string(context_s));
  expect_not_negative(peak_factor, "peak_factor");
  expect_not_negative(onset_factor, "onset_factor");
  expect_not_negative(offset_factor, "offset_factor");
  expect_not_negative(pso_factor, "pso_factor");
  checks.expect(onset_factor <= peak_factor && offset_factor <= peak_factor, "peak_factor",
                "must be at least onset_factor and offset_factor, got " + std::to_string(peak_factor));
  checks.expect(min_onset_deg_s >= 0 && min_onset_deg_s <= min_peak_deg_s, "min_onset_deg_s",
                "must be in [0, min_peak_deg_s], got " + std::to_string(min_onset_deg_s));
  expect_not_negative(min_pso_deg_s, "min_pso_deg_s");
  expect_not_negative(min_saccade_s, "min_saccade_s");
  checks.expect(turn_ratio >= 0 && turn_ratio < 1, "turn_ratio",
                "must be in [0, 1), got " + std::to_string(turn_ratio));
  checks.expect(min_pso_s >= 0 && min_pso_s <= max_pso_s, "min_pso_s",
                "must be in [0, max_pso_s], got " + std::to_string(min_pso_s));
  checks.expect(std::isfinite(max_pso_s), "max_pso_s", "must be finite");
  expect_positive(pso_peak_ratio, "pso_peak_ratio");
  expect_not_negative(min_fixation_s, "min_fixation_s");
  expect_positive(pursuit_velocity_deg_s, "pursuit_velocity_deg_s");
  checks.expect(pursuit_window_s > 0 && pursuit_window_s <= 10, "pursuit_window_s",
                "must be in (0, 10] seconds, got " + std::to_string(pursuit_window_s));
  expect_not_negative(min_pursuit_s, "min_pursuit_s");
  expect_not_negative(min_pursuit_deg, "min_pursuit_deg");
}

std::vector<GazeEvent> classify_adaptive(const GazeSamples& gaze, const EyeVelocity& velocity,
                                         const AdaptiveClassifierConfig& config) {
  config::ThrowingChecks checks("adaptive");
  config.validate(checks);
  check_gaze(gaze);
  check_velocity(velocity, gaze);
  if (gaze.size() < 2) return {};
  return events_of(AdaptiveLabels(gaze, velocity, config).labels());
}

}  // namespace limbic::signals
