#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/features/signal_analysis.h"

namespace limbic::features {
namespace {

signals::TimeSeries activity_in(const formats::SensorRecording& recording) {
  require(recording.has("acc"), ErrorCode::kData,
          recording.source +
              ": no acceleration, by which its clock could be matched; expected an acc stream, or "
              "sensors.alignment.by: unix, markers or start");
  const auto& acc = recording.stream("acc");
  require(acc.rate_hz > 0 && acc.channels.size() == 3, ErrorCode::kData,
          recording.source + ": stream '" + acc.name + "': expected x, y, z at an even rate to match clocks");
  return signals::activity_of(acc.values_SC, acc.rate_hz, acc.t0_s);
}

std::vector<double> marker_times(const formats::SensorRecording& recording) {
  std::vector<double> times;
  for (const auto& marker : recording.markers) times.push_back(marker.time_s);
  return times;
}

/// What to add to the times of `other`.
double offset_between(const formats::SensorRecording& reference, const formats::SensorRecording& other,
                      const AlignmentConfig& alignment) {
  signals::ClockMatch match;
  switch (alignment.by) {
    case Alignment::kStart:
      return 0;
    case Alignment::kUnix:
      require(
          reference.start_unix_s && other.start_unix_s, ErrorCode::kData,
          (reference.start_unix_s ? other : reference).source +
              ": does not say when it started; expected sensors.alignment.by: activity, markers or start");
      return *other.start_unix_s - *reference.start_unix_s;
    case Alignment::kActivity:
      match = signals::match_activity(activity_in(reference), activity_in(other), alignment.match);
      break;
    case Alignment::kMarkers:
      match = signals::match_events(marker_times(reference), marker_times(other), alignment.match);
      break;
  }
  require(match.is_usable(), ErrorCode::kData,
          fmt::format("{}: its clock does not match that of {}: {}; give sensors.offset_s, or settings of "
                      "sensors.alignment.match",
                      other.source, reference.source, match.refusal));
  return match.to_reference(0);
}

}  // namespace

formats::SensorRecording merge_recordings(std::vector<formats::SensorRecording> recordings,
                                          const AlignmentConfig& alignment) {
  require(!recordings.empty(), ErrorCode::kInternal, "merge_recordings: nothing to merge");
  formats::SensorRecording merged = std::move(recordings.front());
  const formats::SensorRecording reference = recordings.size() > 1 ? merged : formats::SensorRecording{};
  for (size_t i = 1; i < recordings.size(); ++i) {
    auto& other = recordings[i];
    const double offset_s = offset_between(reference, other, alignment);
    merged.notes.push_back(fmt::format("{}: times moved by {:.3f} s", other.source, offset_s));
    for (auto& stream : other.streams) {
      stream.t0_s += offset_s;
      for (double& t : stream.time_s) t += offset_s;
      const auto is_taken = [&](const std::string& name) {
        return std::any_of(merged.streams.begin(), merged.streams.end(),
                           [&](const auto& s) { return s.name == name; });
      };
      if (is_taken(stream.name)) stream.name += fmt::format("_{}", i + 1);
      merged.streams.push_back(std::move(stream));
    }
    for (auto& marker : other.markers) {
      marker.time_s += offset_s;
      merged.markers.push_back(std::move(marker));
    }
    merged.notes.insert(merged.notes.end(), other.notes.begin(), other.notes.end());
  }
  std::stable_sort(merged.markers.begin(), merged.markers.end(),
                   [](const auto& a, const auto& b) { return a.time_s < b.time_s; });
  return merged;
}

}  // namespace limbic::features
