#include "limbic/signals/eye/ear_blinks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "dsp/got.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/statistics.h"

namespace limbic::signals {
namespace {

double percentile_of_sorted(const std::vector<double>& sorted, double percent) {
  if (sorted.empty()) return kMissing;
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(rank);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (rank - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

}  // namespace

double eye_aspect_ratio(const std::array<double, 6>& x, const std::array<double, 6>& y) {
  const auto distance = [&](size_t a, size_t b) { return std::hypot(x[a] - x[b], y[a] - y[b]); };
  const double width = distance(0, 3);
  return width > 0 ? (distance(1, 5) + distance(2, 4)) / (2 * width) : kMissing;
}

void EarBlinkConfig::validate(config::Checks& checks) const {
  checks.expect(baseline_s > 0 && baseline_s <= 3600, "baseline_s",
                "must be in (0, 3600] seconds" + got(baseline_s));
  checks.expect(baseline_percentile > 0 && baseline_percentile <= 100, "baseline_percentile",
                "must be in (0, 100]" + got(baseline_percentile));
  checks.expect(warm_up_s >= 0 && warm_up_s <= baseline_s, "warm_up_s",
                "must be in [0, baseline_s]" + got(warm_up_s));
  checks.expect(close_ratio > 0 && close_ratio < 1, "close_ratio", "must be in (0, 1)" + got(close_ratio));
  checks.expect(open_ratio >= close_ratio && open_ratio < 1, "open_ratio",
                "must be in [close_ratio, 1)" + got(open_ratio));
  checks.expect(min_blink_s >= 0 && min_blink_s < max_blink_s, "min_blink_s",
                "must be in [0, max_blink_s)" + got(min_blink_s));
  checks.expect(max_gap_s >= 0, "max_gap_s", "must not be negative" + got(max_gap_s));
  checks.expect(relearn_s > max_blink_s && relearn_s > warm_up_s, "relearn_s",
                "must be greater than max_blink_s and warm_up_s" + got(relearn_s));
  checks.expect(max_yaw_deg > 0, "max_yaw_deg", "must be positive" + got(max_yaw_deg));
}

EarBlinkDetector::EarBlinkDetector(const EarBlinkConfig& config) : config_(config) {
  config::ThrowingChecks checks("ear_blinks");
  config_.validate(checks);
}

void EarBlinkDetector::push(double time_s, double ear, double yaw_deg) {
  if (!std::isfinite(time_s) || time_s <= last_s_) {
    throw Error(ErrorCode::kData, "ear_blinks: a frame at " + std::to_string(time_s) + " s after one at " +
                                      std::to_string(last_s_) + " s; expected increasing times");
  }
  last_s_ = time_s;
  const bool is_usable = std::isfinite(ear) && ear >= 0 && !(std::abs(yaw_deg) > config_.max_yaw_deg);
  const Frame frame{time_s, is_usable ? ear : kMissing, kMissing, false};
  if (is_warm_ && time_s - last_seen_s_ > std::max(config_.baseline_s, config_.max_gap_s)) {
    // Nobody was there for longer than the memory lasts.
    forget();
  }
  if (is_warm_) {
    decide(frame);
    return;
  }
  // Frames before the first ratio have nothing to wait for.
  if (waiting_.empty() && !is_usable) {
    frames_.push_back(frame);
    return;
  }
  waiting_.push_back(frame);
  if (time_s - waiting_.front().time_s >= config_.warm_up_s) warm_up_ends();
}

void EarBlinkDetector::warm_up_ends() {
  double before_s = kMissing;
  for (const Frame& frame : waiting_) {
    if (!std::isnan(frame.ear)) learn(frame.ear, frame.time_s - before_s);
    before_s = frame.time_s;
  }
  is_warm_ = !learned_.empty();
  // decide() may forget, and so start to wait again.
  for (const Frame& frame : std::exchange(waiting_, {})) decide(frame);
}

void EarBlinkDetector::decide(Frame frame) {
  const double span_s = frame.time_s - last_seen_s_;
  if (is_closed_ && span_s > config_.max_gap_s) end_event(last_seen_s_);
  if (std::isnan(frame.ear)) {
    frame.baseline = percentile_of_sorted(sorted_, config_.baseline_percentile);
    frames_.push_back(frame);
    return;
  }
  frame.baseline = percentile_of_sorted(sorted_, config_.baseline_percentile);
  const double ratio = frame.baseline > 0 ? frame.ear / frame.baseline : 1.0;
  if (is_closed_ ? ratio > config_.open_ratio : !(ratio < config_.close_ratio)) {
    if (is_closed_) end_event(frame.time_s);
    learn(frame.ear, span_s);
  } else {
    if (!is_closed_) open_ = {frame.time_s, ratio};
    is_closed_ = true;
    open_.least_ratio = std::min(open_.least_ratio, ratio);
  }
  frame.is_closed = is_closed_;
  last_seen_s_ = frame.time_s;
  frames_.push_back(frame);
  if (is_closed_ && frame.time_s - open_.onset_s >= config_.relearn_s) {
    end_event(frame.time_s);
    forget();
  }
}

void EarBlinkDetector::learn(double ear, double span_s) {
  // A frame after a gap stands for no more than a gap that counts as none.
  const double span = std::isnan(span_s) ? 0.0 : std::min(span_s, config_.max_gap_s);
  learned_.push_back({ear, span});
  learned_s_ += span;
  sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), ear), ear);
  while (learned_.size() > 1 && learned_s_ > config_.baseline_s) {
    sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), learned_.front().ear));
    learned_s_ -= learned_.front().span_s;
    learned_.pop_front();
  }
}

void EarBlinkDetector::end_event(double end_s) {
  is_closed_ = false;
  // A millionth: 0.05 s of frames stay 0.05 s in floating point.
  const double duration_s = end_s - open_.onset_s;
  if (duration_s + 1e-6 < config_.min_blink_s) return;
  const bool is_blink = duration_s <= config_.max_blink_s + 1e-6;
  events_.push_back({open_.onset_s,
                     duration_s,
                     is_blink ? "blink" : "closure",
                     {open_.least_ratio, 1 - open_.least_ratio}});
}

void EarBlinkDetector::forget() {
  if (is_closed_) end_event(last_seen_s_);
  is_warm_ = false;
  learned_.clear();
  learned_s_ = 0;
  sorted_.clear();
  last_seen_s_ = kMissing;
}

void EarBlinkDetector::finish() {
  if (!is_warm_ && !waiting_.empty()) warm_up_ends();
  if (is_closed_) end_event(last_seen_s_);
}

std::vector<EarBlinkDetector::Frame> EarBlinkDetector::take_frames() {
  return std::exchange(frames_, {});
}

std::vector<SignalEvent> EarBlinkDetector::take_events() {
  return std::exchange(events_, {});
}

std::vector<Column> EarBlinkDetector::event_columns() {
  return {{"least_openness", "1", "least aspect ratio over the baseline"},
          {"depth", "1", "1 - least_openness"}};
}

EarBlinks::EarBlinks(const EarBlinkConfig& config, const std::vector<double>& time_s,
                     const std::vector<double>& ear, const std::vector<double>& yaw_deg) {
  require(
      ear.size() == time_s.size() && (yaw_deg.empty() || yaw_deg.size() == time_s.size()), ErrorCode::kData,
      "ear_blinks: " + std::to_string(time_s.size()) + " times, " + std::to_string(ear.size()) + " ratios, " +
          std::to_string(yaw_deg.size()) + " yaw angles; expected as many of each (yaw may be empty)");
  EarBlinkDetector detector(config);
  std::vector<double> steps;
  for (size_t i = 0; i < time_s.size(); ++i) {
    detector.push(time_s[i], ear[i], yaw_deg.empty() ? kMissing : yaw_deg[i]);
    if (i > 0) steps.push_back(time_s[i] - time_s[i - 1]);
  }
  detector.finish();
  frames_ = detector.take_frames();
  events_ = detector.take_events();
  step_s_ = steps.empty() ? 0.0 : median(steps);
}

Table EarBlinks::frames() const {
  Table table;
  table.columns = {{"ear", "1", "eye aspect ratio, mean of both eyes"},
                   {"baseline", "1", "aspect ratio of this person's open eye"},
                   {"openness", "1", "ear / baseline"},
                   {"closed", "1", "1 while the eye is closed, else 0"}};
  for (const auto& frame : frames_) {
    const bool is_known = !std::isnan(frame.ear);
    table.add_row(frame.time_s, frame.time_s,
                  {frame.ear, frame.baseline, frame.baseline > 0 ? frame.ear / frame.baseline : kMissing,
                   is_known ? (frame.is_closed ? 1.0 : 0.0) : kMissing});
  }
  return table;
}

Table EarBlinks::intervals(const std::vector<Interval>& windows) const {
  Table table;
  table.columns = {{"valid_share", "1", "frames with a usable ratio, of all frames of the window"},
                   {"blink_count", "1", "blinks that begin in the window"},
                   {"blink_rate_per_min", "1/min", "per minute with a usable ratio"},
                   {"blink_duration_mean_s", "s", ""},
                   {"blink_duration_sd_s", "s", "of the population"},
                   {"closure_count", "1", "closures longer than a blink that begin in the window"},
                   {"closure_duration_s", "s", "sum of their durations"},
                   {"perclos", "1", "share of usable frames in which the eye is closed"},
                   {"min_resolvable_ms", "ms", "2 / frame rate: shorter events cannot be told from noise"}};
  for (const Interval& window : windows) {
    const auto is_before = [](const auto& item, double time_s) { return item.time_s < time_s; };
    const auto first = std::lower_bound(frames_.begin(), frames_.end(), window.start_s, is_before);
    const auto last = std::lower_bound(first, frames_.end(), window.end_s, is_before);
    double num_seen = 0;
    double num_closed = 0;
    for (auto frame = first; frame != last; ++frame) {
      if (std::isnan(frame->ear)) continue;
      ++num_seen;
      num_closed += frame->is_closed ? 1 : 0;
    }
    if (first == last) {
      table.add_row(window.start_s, window.end_s, std::vector<double>(table.num_columns(), kMissing));
      continue;
    }
    std::vector<double> blinks;
    double num_closures = 0;
    double closure_s = 0;
    for (const SignalEvent& event : events_) {
      if (event.onset_s < window.start_s || event.onset_s >= window.end_s) continue;
      if (event.label == "blink") {
        blinks.push_back(event.duration_s);
      } else {
        ++num_closures;
        closure_s += event.duration_s;
      }
    }
    const auto num_blinks = static_cast<double>(blinks.size());
    const double seen_min = num_seen * step_s_ / 60;
    table.add_row(window.start_s, window.end_s,
                  {num_seen / static_cast<double>(last - first), num_blinks,
                   seen_min > 0 ? num_blinks / seen_min : kMissing, mean(blinks), standard_deviation(blinks),
                   num_closures, closure_s, num_seen > 0 ? num_closed / num_seen : kMissing,
                   step_s_ > 0 ? 2000 * step_s_ : kMissing});
  }
  return table;
}

EventTable EarBlinks::events() const {
  return {EarBlinkDetector::event_columns(), events_};
}

}  // namespace limbic::signals
