#pragma once
#include <array>
#include <cstddef>
#include <deque>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/signals/table.h"

namespace limbic::signals {

/// (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|) of the six landmarks around one eye: corner, two of the upper lid,
/// corner, two of the lower lid (68-point scheme: 36..41 or 42..47). Soukupova & Cech (2016). NaN for an eye
/// without width.
/// @param x, y  any unit, in that order
double eye_aspect_ratio(const std::array<double, 6>& x, const std::array<double, 6>& y);

/// No fixed threshold suits two people (published ones scatter from 0.2 to 0.35): an eye is closed relative
/// to how wide the same person held it open in the last half minute.
struct EarBlinkConfig {
  double baseline_s = 30;
  double baseline_percentile = 90;
  double warm_up_s = 2;
  double close_ratio = 0.75;
  double open_ratio = 0.85;
  double min_blink_s = 0.05;
  double max_blink_s = 0.5;
  double max_gap_s = 0.1;
  double relearn_s = 60;
  double max_yaw_deg = 30;

  template <class Visitor>
  void visit(Visitor& v) {
    v("baseline_s", baseline_s, "how much time of open eyes behind a frame says how open is open");
    v("baseline_percentile", baseline_percentile,
      "percentile of the open frames' ratios that is the baseline");
    v("warm_up_s", warm_up_s, "the first frames wait for each other so long, then share one baseline");
    v("close_ratio", close_ratio, "under this share of the baseline the eye closes");
    v("open_ratio", open_ratio, "over this share it opens again");
    v("min_blink_s", min_blink_s, "shorter dips are noise of the landmarks");
    v("max_blink_s", max_blink_s, "longer ones are closures");
    v("max_gap_s", max_gap_s, "a longer stretch without landmarks ends an event");
    v("relearn_s", relearn_s, "after a closure so long the baseline starts anew: the camera moved");
    v("max_yaw_deg", max_yaw_deg, "frames with the head turned further are missing");
  }
  void validate(config::Checks& checks) const;
};

/// Blinks and closures in the eye aspect ratio of a camera, frame by frame; memory does not grow with the
/// recording but for the events. The same frames give the same result whether they come live or from a file.
class EarBlinkDetector {
 public:
  /// What is known of a frame.
  struct Frame {
    double time_s = 0;
    double ear = kMissing;       ///< as given; missing too where the head is turned away
    double baseline = kMissing;  ///< of an open eye
    bool is_closed = false;
  };

  /// @throws Error(kConfig) when the config is out of range
  explicit EarBlinkDetector(const EarBlinkConfig& config = {});

  /// @param time_s   of the frame, increasing
  /// @param ear      mean of both eyes; NaN when no face was found
  /// @param yaw_deg  of the head, NaN = unknown
  /// @throws Error(kData) when time does not increase
  void push(double time_s, double ear, double yaw_deg = kMissing);
  /// Ends the recording: frames of a warm-up that never ended, and an event that is still open.
  void finish();

  /// Frames that were decided since the last call, in order; warm_up_s after the first they come at once.
  std::vector<Frame> take_frames();
  /// Events that ended since the last call: "blink" (min_blink_s to max_blink_s), "closure" (longer).
  /// Values: depth (1 - least ratio to the baseline), least ratio.
  std::vector<SignalEvent> take_events();
  static std::vector<Column> event_columns();

 private:
  struct Open {
    double onset_s = 0;
    double least_ratio = 1;
  };
  /// An open frame of the baseline and the seconds that it stands for.
  struct Learned {
    double ear;
    double span_s;
  };
  void warm_up_ends();
  void decide(Frame frame);
  void learn(double ear, double span_s);
  void end_event(double end_s);
  void forget();

  EarBlinkConfig config_;
  bool is_warm_ = false;
  bool is_closed_ = false;
  double last_s_ = kMissing;       ///< time of the last frame
  double last_seen_s_ = kMissing;  ///< of the last frame with a ratio that was decided
  Open open_{};
  std::vector<Frame> waiting_;
  std::deque<Learned> learned_;
  double learned_s_ = 0;
  std::vector<double> sorted_;  ///< ratios of learned_
  std::vector<Frame> frames_;
  std::vector<SignalEvent> events_;
};

/// A whole recording through EarBlinkDetector.
class EarBlinks {
 public:
  /// @param yaw_deg  empty or one a frame
  /// @throws Error(kData) when lengths differ or times do not increase
  EarBlinks(const EarBlinkConfig& config, const std::vector<double>& time_s, const std::vector<double>& ear,
            const std::vector<double>& yaw_deg = {});

  /// ear, baseline, openness (ear / baseline), closed (0 or 1)
  Table frames() const;
  /// valid_share, blink_count, blink_rate_per_min, blink_duration_mean_s, blink_duration_sd_s, closure_count,
  /// closure_duration_s, perclos. An event counts in the window of its onset; rates are per seen minute.
  Table intervals(const std::vector<Interval>& windows) const;
  EventTable events() const;

 private:
  double step_s_ = 0;
  std::vector<EarBlinkDetector::Frame> frames_;
  std::vector<SignalEvent> events_;
};

}  // namespace limbic::signals
