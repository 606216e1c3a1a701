#include "limbic/signals/audio/voice_activity.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

// Times are frames * frame_s in double; a duration that is exactly a limit must not fall on either side by
// rounding.
constexpr double kTimeSlack_s = 1e-9;

}  // namespace

double SpeechSegmentConfig::end_threshold() const {
  return negative_threshold.value_or(std::max(threshold - 0.15, 0.01));
}

void SpeechSegmentConfig::validate(config::Checks& checks) const {
  checks.expect(threshold > 0 && threshold < 1, "threshold",
                "must be in (0, 1), got " + std::to_string(threshold));
  checks.expect(!negative_threshold || (*negative_threshold >= 0 && *negative_threshold <= threshold),
                "negative_threshold", "must be in [0, threshold]");
  const auto expect_duration = [&](double value_s, const char* field) {
    checks.expect(std::isfinite(value_s) && value_s >= 0, field,
                  "must be finite and at least 0, got " + std::to_string(value_s));
  };
  expect_duration(min_speech_s, "min_speech_s");
  expect_duration(min_silence_s, "min_silence_s");
  expect_duration(padding_s, "padding_s");
}

SpeechSegmenter::SpeechSegmenter(const SpeechSegmentConfig& config, double frame_s, double t0_s)
    : config_(config), frame_s_(frame_s), t0_s_(t0_s) {
  config::ThrowingChecks checks("speech_segments");
  config.validate(checks);
  require(std::isfinite(frame_s) && frame_s > 0, ErrorCode::kConfig,
          "speech_segments: frame_s must be finite and positive, got " + std::to_string(frame_s));
  require(std::isfinite(t0_s), ErrorCode::kConfig, "speech_segments: t0_s must be finite");
}

void SpeechSegmenter::accept(const double* probabilities, int64_t num_frames,
                             std::vector<Interval>& segments) {
  for (int64_t i = 0; i < num_frames; ++i) {
    const double p = std::isnan(probabilities[i]) ? 0.0 : probabilities[i];
    const double now_s = t0_s_ + static_cast<double>(num_frames_++) * frame_s_;
    if (p >= config_.threshold) {
      silent_since_s_.reset();
      if (!start_s_) start_s_ = now_s;
    } else if (start_s_ && p < config_.end_threshold()) {
      if (!silent_since_s_) silent_since_s_ = now_s;
      if (now_s - *silent_since_s_ >= config_.min_silence_s - kTimeSlack_s) close(*silent_since_s_, segments);
    }
    // The next segment cannot begin before this frame's successor, or has begun already.
    settle(start_s_ ? *start_s_ : now_s + frame_s_, segments);
  }
}

/// Ends the speech that is going on.
void SpeechSegmenter::close(double end_s, std::vector<Interval>& segments) {
  const Interval speech = {*start_s_, end_s};
  start_s_.reset();
  silent_since_s_.reset();
  if (speech.end_s - speech.start_s <= config_.min_speech_s + kTimeSlack_s) return;
  Interval padded = {std::max(t0_s_, speech.start_s - config_.padding_s), speech.end_s};
  if (last_) {
    const double gap_s = speech.start_s - last_->end_s;
    if (gap_s < 2 * config_.padding_s) {
      last_->end_s += gap_s / 2;
      padded.start_s = last_->end_s;
    } else {
      last_->end_s += config_.padding_s;
    }
    segments.push_back(*last_);
  }
  last_ = padded;
}

/// Gives out the last segment once the next one is too far away to share its padding.
void SpeechSegmenter::settle(double next_start_s, std::vector<Interval>& segments) {
  if (!last_ || next_start_s - last_->end_s < 2 * config_.padding_s) return;
  segments.push_back({last_->start_s, last_->end_s + config_.padding_s});
  last_.reset();
}

void SpeechSegmenter::finish(double end_s, std::vector<Interval>& segments) {
  const double last_frame_s = t0_s_ + static_cast<double>(std::max<int64_t>(0, num_frames_ - 1)) * frame_s_;
  end_s = std::max(std::isfinite(end_s) ? end_s : 0.0, last_frame_s);
  if (start_s_) close(end_s, segments);
  if (last_) segments.push_back({last_->start_s, std::min(end_s, last_->end_s + config_.padding_s)});
  // What was settled while the sound ran may have been padded beyond its end.
  for (auto segment = segments.rbegin(); segment != segments.rend() && segment->end_s > end_s; ++segment) {
    segment->end_s = end_s;
  }
  last_.reset();
  num_frames_ = 0;
}

std::vector<Interval> speech_segments(const std::vector<double>& probabilities, double frame_s, double t0_s,
                                      double end_s, const SpeechSegmentConfig& config) {
  SpeechSegmenter segmenter(config, frame_s, t0_s);
  std::vector<Interval> segments;
  segmenter.accept(probabilities.data(), static_cast<int64_t>(probabilities.size()), segments);
  segmenter.finish(end_s, segments);
  return segments;
}

VoiceActivity::VoiceActivity(std::vector<double> probabilities, double frame_s, double t0_s, double end_s,
                             const SpeechSegmentConfig& config)
    : probabilities_(std::move(probabilities)),
      frame_s_(frame_s),
      recording_{t0_s, end_s},
      segments_(speech_segments(probabilities_, frame_s, t0_s, end_s, config)) {
  require(std::isfinite(end_s) && end_s >= t0_s, ErrorCode::kData,
          "voice_activity: the recording ends at " + std::to_string(end_s) + " s, before it begins");
}

Table VoiceActivity::frames() const {
  Table table;
  table.columns = {{"speech_probability", "1", "the detector's probability of speech"},
                   {"is_speech", "1", "1 inside a speech segment, 0 outside"}};
  size_t next = 0;
  for (size_t i = 0; i < probabilities_.size(); ++i) {
    const double start_s = recording_.start_s + static_cast<double>(i) * frame_s_;
    const double middle_s = start_s + frame_s_ / 2;
    while (next < segments_.size() && segments_[next].end_s <= middle_s) ++next;
    const bool is_speech = next < segments_.size() && segments_[next].start_s <= middle_s;
    table.add_row(start_s, start_s + frame_s_, {probabilities_[i], is_speech ? 1.0 : 0.0});
  }
  return table;
}

Table VoiceActivity::intervals(const std::vector<Interval>& intervals) const {
  Table table;
  table.columns = {{"speech_fraction", "1", "part of the interval with speech"},
                   {"speech_num_segments", "1", "speech segments that begin in the interval"},
                   {"speech_segment_mean", "s", "mean duration of speech segments, as far as inside"},
                   {"speech_segment_max", "s", "longest of them"},
                   {"speech_pause_mean", "s", "mean pause between segments of the interval"}};
  for (const Interval& interval : intervals) {
    const double inside_s = overlap_s(interval, recording_);
    double total_s = 0;
    double longest_s = 0;
    double pauses_s = 0;
    double num_heard = 0;
    double num_begun = 0;
    const Interval* before = nullptr;
    for (const Interval& segment : segments_) {
      if (segment.start_s >= interval.start_s && segment.start_s < interval.end_s) ++num_begun;
      const double heard_s = overlap_s(segment, interval);
      if (heard_s <= 0) continue;
      if (before != nullptr) pauses_s += segment.start_s - before->end_s;
      before = &segment;
      ++num_heard;
      total_s += heard_s;
      longest_s = std::max(longest_s, heard_s);
    }
    const bool has_speech = num_heard > 0;
    table.add_row(interval.start_s, interval.end_s,
                  {inside_s > 0 ? total_s / inside_s : kMissing, inside_s > 0 ? num_begun : kMissing,
                   has_speech ? total_s / num_heard : kMissing, has_speech ? longest_s : kMissing,
                   num_heard > 1 ? pauses_s / (num_heard - 1) : kMissing});
  }
  return table;
}

EventTable VoiceActivity::events() const {
  EventTable table;
  table.columns = {{"mean_probability", "1", "mean probability of speech over the segment"}};
  size_t frame = 0;
  for (const Interval& segment : segments_) {
    double sum = 0;
    double count = 0;
    const auto middle_of = [&](size_t i) {
      return recording_.start_s + (static_cast<double>(i) + 0.5) * frame_s_;
    };
    while (frame < probabilities_.size() && middle_of(frame) < segment.start_s) ++frame;
    for (; frame < probabilities_.size() && middle_of(frame) < segment.end_s; ++frame) {
      if (std::isnan(probabilities_[frame])) continue;
      sum += probabilities_[frame];
      ++count;
    }
    table.events.push_back(
        {segment.start_s, segment.end_s - segment.start_s, "speech", {count > 0 ? sum / count : kMissing}});
  }
  return table;
}

}  // namespace limbic::signals
