#include "limbic/signals/eda/eda_stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "limbic/core/error.h"

namespace limbic::signals {
namespace {

/// Two responses closer than this over the border of two blocks are one that both saw.
constexpr double kSameResponse_s = 0.5;

int64_t samples_of(double duration_s, double rate_hz) {
  return static_cast<int64_t>(std::llround(duration_s * rate_hz));
}

}  // namespace

void EdaStreamConfig::validate(config::Checks& checks) const {
  const auto in_reach = [&](double value, double low, const char* name) {
    checks.expect(value >= low && value <= 86400, name,
                  "must be in [" + std::to_string(low) + ", 86400], got " + std::to_string(value));
  };
  in_reach(block_s, 0.25, "block_s");
  in_reach(past_s, 0.0, "past_s");
  in_reach(ahead_s, 0.0, "ahead_s");
}

EdaStream::EdaStream(const EdaStreamConfig& config, double rate_hz, double t0_s)
    : config_(config),
      rate_hz_(rate_hz),
      t0_s_(t0_s),
      last_peak_s_(-std::numeric_limits<double>::infinity()) {
  config::ThrowingChecks checks("eda_stream");
  config.validate(checks);
  check_series({rate_hz, t0_s, {}}, "eda");
  block_ = std::max<int64_t>(1, samples_of(config.block_s, rate_hz));
  past_ = samples_of(config.past_s, rate_hz);
  ahead_ = samples_of(config.ahead_s, rate_hz);
}

EdaBlock EdaStream::empty_block() {
  EdaBlock block;
  block.frames.columns = EdaAnalysis::frame_columns();
  block.events.columns = EdaAnalysis::event_columns();
  return block;
}

double EdaStream::delay_s() const {
  return static_cast<double>(block_ + ahead_) / rate_hz_;
}

void EdaStream::push(const double* samples, int64_t n, EdaBlock& out) {
  int64_t taken = 0;
  while (taken < n) {
    // Up to the sample that completes a block's look-ahead, whatever the pieces are.
    const int64_t needed = next_ + block_ + ahead_ - kept_from_ - static_cast<int64_t>(kept_.size());
    const int64_t now = std::min(needed, n - taken);
    kept_.insert(kept_.end(), samples + taken, samples + taken + now);
    taken += now;
    if (now == needed) emit(next_, next_ + block_, next_ + block_ + ahead_, out);
  }
}

void EdaStream::finish(EdaBlock& out) {
  const int64_t end = kept_from_ + static_cast<int64_t>(kept_.size());
  while (next_ < end) emit(next_, std::min(end, next_ + block_), std::min(end, next_ + block_ + ahead_), out);
  kept_.clear();
  kept_from_ = next_ = 0;
  last_peak_s_ = -std::numeric_limits<double>::infinity();
}

void EdaStream::emit(int64_t first, int64_t last, int64_t seen, EdaBlock& out) {
  if (out.frames.columns.empty()) out = empty_block();
  const int64_t from = std::max<int64_t>(0, first - past_);
  const TimeSeries clock{rate_hz_, t0_s_, {}};
  const TimeSeries window{
      rate_hz_, clock.time_of(from),
      std::vector<double>(kept_.begin() + (from - kept_from_), kept_.begin() + (seen - kept_from_))};
  const EdaAnalysis analysis(config_.analysis, window);
  const Table rows = analysis.frames();
  const size_t width = rows.columns.size();
  const auto begin = static_cast<size_t>(first - from);
  const auto end = static_cast<size_t>(last - from);
  for (size_t i = begin; i < end; ++i) {
    // Times come from the recording's clock, not from the window's: no rounding that depends on the block.
    const double time_s = clock.time_of(from + static_cast<int64_t>(i));
    out.frames.start_s.push_back(time_s);
    out.frames.end_s.push_back(time_s);
  }
  const auto at = [&](size_t row) {
    return rows.values_RC.begin() + static_cast<std::ptrdiff_t>(row * width);
  };
  out.frames.values_RC.insert(out.frames.values_RC.end(), at(begin), at(end));
  const EventTable found = analysis.events();
  for (size_t k = 0; k < found.events.size(); ++k) {
    const int64_t peak = analysis.scr().responses[k].peak;
    const double peak_s = clock.time_of(from + peak);
    if (peak < first - from || peak >= last - from || peak_s - last_peak_s_ < kSameResponse_s) continue;
    out.events.events.push_back(found.events[k]);
    last_peak_s_ = peak_s;
  }
  next_ = last;
  const int64_t keep_from = std::max<int64_t>(kept_from_, next_ - past_);
  kept_.erase(kept_.begin(), kept_.begin() + (keep_from - kept_from_));
  kept_from_ = keep_from;
}

EdaBlock analyse_in_blocks(const EdaStreamConfig& config, const TimeSeries& eda) {
  EdaStream stream(config, eda.rate_hz, eda.t0_s);
  EdaBlock out = EdaStream::empty_block();
  stream.push(eda.values.data(), static_cast<int64_t>(eda.values.size()), out);
  stream.finish(out);
  return out;
}

}  // namespace limbic::signals
