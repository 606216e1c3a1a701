#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "heart/detectors.h"
#include "limbic/core/error.h"
#include "limbic/signals/dsp/filter.h"
#include "limbic/signals/heart/beats.h"

namespace limbic::signals {
namespace {

constexpr double kBlockSeconds = 300;
constexpr double kOverlapSeconds = 10;
/// Shorter stretches between gaps are too short for the filters to settle and the levels to be learned.
constexpr double kShortestSeconds = 2;
/// Gaps so short are bridged: they hide no beat.
constexpr double kBridgedSeconds = 0.1;

void add_span(std::vector<SignalEvent>& spans, const char* label, double start_s, double end_s) {
  constexpr double kTouching = 1e-6;
  if (end_s <= start_s) return;
  for (auto it = spans.rbegin(); it != spans.rend(); ++it) {
    if (it->label != label) continue;
    if (start_s <= it->onset_s + it->duration_s + kTouching) {
      it->duration_s = std::max(it->duration_s, end_s - it->onset_s);
      return;
    }
    break;
  }
  spans.push_back({start_s, end_s - start_s, label, {}});
}

}  // namespace

void BeatConfig::validate(config::Checks& checks) const {
  const auto band = [&](double low, double high, const char* low_name, const char* high_name) {
    checks.expect(low > 0 && std::isfinite(low), low_name, "must be positive");
    checks.expect(high > low && std::isfinite(high), high_name, "must be above the band's lower edge");
  };
  band(ecg_low_hz, ecg_high_hz, "ecg_low_hz", "ecg_high_hz");
  band(bvp_low_hz, bvp_high_hz, "bvp_low_hz", "bvp_high_hz");
  checks.expect(ecg_low_hz < 18, "ecg_low_hz", "must be below 18 Hz, for signals of 40 Hz");
  checks.expect(bvp_low_hz < 4.5, "bvp_low_hz", "must be below 4.5 Hz, for signals of 10 Hz");
  checks.expect(min_ibi_s >= 0.1 && min_ibi_s <= 1, "min_ibi_s", "must be in [0.1, 1]");
  checks.expect(max_gap_s > min_ibi_s && std::isfinite(max_gap_s), "max_gap_s", "must be above min_ibi_s");
  checks.expect(flat_s > 0 && std::isfinite(flat_s), "flat_s", "must be positive");
  checks.expect(clipped_s > 0 && std::isfinite(clipped_s), "clipped_s", "must be positive");
  checks.expect(ecg_min_correlation >= -1 && ecg_min_correlation <= 1, "ecg_min_correlation",
                "must be in [-1, 1]");
  checks.expect(bvp_min_correlation >= -1 && bvp_min_correlation <= 1, "bvp_min_correlation",
                "must be in [-1, 1]");
  checks.expect(max_motion_g >= 0 && std::isfinite(max_motion_g), "max_motion_g", "must not be negative");
}

BeatFeed::BeatFeed(const BeatConfig& config, HeartSource source, double rate_hz, double t0_s)
    : config_(config), rate_hz_(rate_hz), t0_s_(t0_s), source_(source) {
  config::ThrowingChecks checks("heart.beats");
  config.validate(checks);
  const char* name = source == HeartSource::kEcg ? "ECG" : "BVP";
  check_series({rate_hz, t0_s, {}}, name);
  const double lowest_hz = source == HeartSource::kEcg ? 40 : 10;
  require(rate_hz >= lowest_hz, ErrorCode::kData,
          std::string(name) + ": sampled at " + std::to_string(rate_hz) + " Hz; beats need at least " +
              std::to_string(static_cast<int>(lowest_hz)) +
              " Hz; hint: give the device's own intervals instead");
  block_samples_ = static_cast<int64_t>(std::ceil(kBlockSeconds * rate_hz));
  overlap_samples_ = static_cast<int64_t>(std::ceil(kOverlapSeconds * rate_hz));
  found_.start_s = t0_s;
}

void BeatFeed::push(const double* samples, size_t num_samples) {
  // Block by block, so that a whole recording pushed at once does not lie in the buffer a second time.
  while (num_samples > 0) {
    const int64_t block_end = (block_ + 1) * block_samples_ + overlap_samples_;
    const auto count = std::min(num_samples, static_cast<size_t>(block_end - num_pushed_));
    buffer_.insert(buffer_.end(), samples, samples + count);
    samples += count;
    num_samples -= count;
    num_pushed_ += static_cast<int64_t>(count);
    if (num_pushed_ == block_end) detect_block((block_ + 1) * block_samples_);
  }
}

RawBeats BeatFeed::finish() {
  while (block_ * block_samples_ < num_pushed_) {
    detect_block(std::min((block_ + 1) * block_samples_, num_pushed_));
  }
  found_.end_s = t0_s_ + static_cast<double>(num_pushed_) / rate_hz_;
  std::stable_sort(found_.spans.begin(), found_.spans.end(),
                   [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });
  std::vector<Interval> gaps;  // by time, apart from each other
  for (const auto& span : found_.spans) {
    if (span.label != "clipped") gaps.push_back({span.onset_s, span.onset_s + span.duration_s});
  }
  auto gap = gaps.begin();
  auto& beats = found_.beats;
  for (size_t b = 1; b < beats.size(); ++b) {
    const double ibi_s = beats[b].time_s - beats[b - 1].time_s;
    while (gap != gaps.end() && gap->end_s <= beats[b - 1].time_s) ++gap;
    const bool is_parted = gap != gaps.end() && gap->start_s < beats[b].time_s;
    if (!is_parted && ibi_s <= config_.max_gap_s) beats[b].ibi_s = ibi_s;
  }
  return std::move(found_);
}

void BeatFeed::detect_block(int64_t end) {
  const double first_s = t0_s_ + static_cast<double>(buffer_first_) / rate_hz_;
  const auto seconds_of = [&](double sample) { return first_s + sample / rate_hz_; };
  const int64_t zone_first = block_ * block_samples_;
  const auto samples = [&](double seconds) { return static_cast<int64_t>(std::ceil(seconds * rate_hz_)); };
  const auto note = [&](const std::vector<SampleRange>& ranges, const char* label) {
    for (const auto& range : ranges) {
      const int64_t from = std::max(range.first, zone_first - buffer_first_);
      const int64_t to = std::min(range.last, end - buffer_first_);
      add_span(found_.spans, label, seconds_of(static_cast<double>(from)),
               seconds_of(static_cast<double>(to)));
    }
  };

  std::vector<double> x = fill_gaps(buffer_, std::max<int64_t>(1, samples(kBridgedSeconds) - 1));
  note(clipped_ranges(x, std::max<int64_t>(3, samples(config_.clipped_s))), "clipped");
  note(missing_ranges(x), "missing");
  const auto flat = flat_ranges(x, std::max<int64_t>(2, samples(config_.flat_s)));
  note(flat, "flat");
  for (const auto& range : flat) std::fill(x.begin() + range.first, x.begin() + range.last, kMissing);

  const bool is_ecg = source_ == HeartSource::kEcg;
  const double min_correlation = is_ecg ? config_.ecg_min_correlation : config_.bvp_min_correlation;
  // A beat that two blocks place on either side of their border would be lost without this margin.
  const double zone_start_s = seconds_of(static_cast<double>(zone_first - buffer_first_)) - 0.1;
  const double zone_end_s = seconds_of(static_cast<double>(end - buffer_first_));
  const auto size = static_cast<int64_t>(x.size());
  for (int64_t first = 0; first < size;) {
    int64_t last = first;
    while (last < size && std::isfinite(x[static_cast<size_t>(last)])) ++last;
    if (last - first >= samples(kShortestSeconds)) {
      const std::vector<double> run(x.begin() + first, x.begin() + last);
      const WaveBeats beats = is_ecg ? detect_ecg(run, rate_hz_, config_, polarity_votes_)
                                     : detect_bvp(run, rate_hz_, config_, polarity_votes_);
      const auto quality =
          is_ecg ? wave_quality(beats, rate_hz_, 0.2, 0.3) : wave_quality(beats, rate_hz_, 0.3, 0.5);
      for (size_t b = 0; b < beats.position.size(); ++b) {
        Beat beat;
        beat.time_s = seconds_of(static_cast<double>(first) + beats.position[b]);
        beat.quality = quality[b];
        if (beat.quality < min_correlation) beat.flag = BeatFlag::kPoor;
        if (beat.time_s < zone_start_s || beat.time_s >= zone_end_s) continue;
        if (!found_.beats.empty() && beat.time_s < found_.beats.back().time_s + config_.min_ibi_s) continue;
        found_.beats.push_back(beat);
      }
    }
    first = std::max(last, first + 1);
  }

  ++block_;
  const int64_t keep_from = std::max<int64_t>(buffer_first_, block_ * block_samples_ - overlap_samples_);
  buffer_.erase(buffer_.begin(), buffer_.begin() + std::min<int64_t>(keep_from - buffer_first_, size));
  buffer_first_ = keep_from;
}

RawBeats find_beats(const TimeSeries& signal, HeartSource source, const BeatConfig& config) {
  BeatFeed feed(config, source, signal.rate_hz, signal.t0_s);
  feed.push(signal.values.data(), signal.values.size());
  return feed.finish();
}

RawBeats beats_from_intervals(const std::vector<double>& end_s, const std::vector<double>& ibi_s) {
  constexpr double kJoinSeconds = 0.05;
  require(end_s.size() == ibi_s.size(), ErrorCode::kData,
          "interbeat intervals: " + std::to_string(end_s.size()) + " times and " +
              std::to_string(ibi_s.size()) + " intervals; expected one interval a time");
  RawBeats out;
  for (size_t i = 0; i < end_s.size(); ++i) {
    const std::string where = "interbeat interval " + std::to_string(i + 1) + ": ";
    require(std::isfinite(end_s[i]) && (i == 0 || end_s[i] > end_s[i - 1]), ErrorCode::kData,
            where + "time " + std::to_string(end_s[i]) + " s; expected a number above the one before");
    require(std::isfinite(ibi_s[i]) && ibi_s[i] > 0, ErrorCode::kData,
            where + "length " + std::to_string(ibi_s[i]) + " s; expected a positive number");
    const double begin_s = end_s[i] - ibi_s[i];
    const bool is_joined = i > 0 && std::abs(begin_s - end_s[i - 1]) <= kJoinSeconds;
    Beat beat;
    // An interval that reaches back over the beat before contradicts it: the beat is kept, without interval.
    const bool is_overlapping = i > 0 && !is_joined && begin_s < end_s[i - 1];
    if (!is_joined && !is_overlapping) {
      beat.time_s = begin_s;
      out.beats.push_back(beat);
    }
    beat.time_s = end_s[i];
    if (!is_overlapping) beat.ibi_s = ibi_s[i];
    out.beats.push_back(beat);
  }
  if (!out.beats.empty()) {
    out.start_s = out.beats.front().time_s;
    out.end_s = out.beats.back().time_s;
  }
  return out;
}

RawBeats beats_from_durations(const std::vector<double>& ibi_s, double t0_s) {
  require(std::isfinite(t0_s), ErrorCode::kData,
          "interbeat intervals: the time of the first beat is not a number");
  std::vector<double> known;
  for (const double ibi : ibi_s) {
    require(!(ibi <= 0) && !std::isinf(ibi), ErrorCode::kData,
            "interbeat intervals: length " + std::to_string(ibi) + " s; expected a positive number or NaN");
    if (std::isfinite(ibi)) known.push_back(ibi);
  }
  RawBeats out;
  out.start_s = t0_s;
  out.end_s = t0_s;
  if (known.empty()) return out;
  std::nth_element(known.begin(), known.begin() + static_cast<ptrdiff_t>(known.size() / 2), known.end());
  const double usual = known[known.size() / 2];
  Beat beat;
  beat.time_s = t0_s;
  out.beats.push_back(beat);
  for (const double ibi : ibi_s) {
    beat.time_s += std::isfinite(ibi) ? ibi : usual;
    beat.ibi_s = ibi;
    out.beats.push_back(beat);
  }
  out.end_s = out.beats.back().time_s;
  return out;
}

}  // namespace limbic::signals
