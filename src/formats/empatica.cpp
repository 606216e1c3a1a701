// Empatica E4 exports: one CSV a sensor. Line 1 is the start in unix seconds, line 2 the rate, then samples.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

struct E4Sensor {
  const char* file;
  const char* modality;
  const char* unit;
  double scale;
  std::vector<std::string> channels;
};

const std::array<E4Sensor, 5>& e4_sensors() {
  static const std::array<E4Sensor, 5> kSensors = {{
      {"ACC", "acc", "g", 1.0 / 64, {"x", "y", "z"}},
      {"BVP", "bvp", "", 1, {"bvp"}},
      {"EDA", "eda", "microsiemens", 1, {"eda"}},
      {"TEMP", "temperature", "degC", 1, {"temperature"}},
      {"HR", "heart_rate", "bpm", 1, {"heart_rate"}},
  }};
  return kSensors;
}

/// Fields of a line of numbers into `row`; NaN for a missing one. @returns what is wrong, or empty
std::string read_numbers(std::string_view line, std::vector<double>& row) {
  row.clear();
  for (;;) {
    const size_t end = std::min(line.find(','), line.size());
    const std::string_view field = line.substr(0, end);
    const auto value = parse_real(field);
    if (!value && !is_missing(field)) return fmt::format("{} is not a number", shown(trim(field)));
    row.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
    if (end == line.size()) return "";
    line.remove_prefix(end + 1);
  }
}

/// The session's start: line 1 of every file.
double read_start(const LineCursor& lines, std::string_view line) {
  const auto start = parse_real(line.substr(0, line.find(',')));
  if (!start)
    lines.fail(
        fmt::format("{} is no start time; expected unix seconds, as an Empatica E4 writes", shown(line)));
  if (!(*start >= 0 && *start < 1e11))
    lines.fail(fmt::format("a start of {} s; expected unix seconds between 0 and 1e11", *start));
  return *start;
}

struct E4File {
  SensorStream stream;
  bool is_present = false;  ///< false: an empty file
};

E4File read_sensor_file(const std::string& text, const std::string& where, const E4Sensor& sensor,
                        const SensorReadOptions& options, std::vector<std::string>& notes) {
  LineCursor lines(text, where);
  std::string_view line;
  E4File file;
  if (!lines.next(line)) {
    notes.push_back(fmt::format("{} is empty; there is no such stream", sensor.file));
    return file;
  }
  SensorStream& stream = file.stream;
  stream.name = sensor.file;
  stream.modality = sensor.modality;
  stream.channels = sensor.channels;
  stream.unit = sensor.unit;
  stream.t0_s = read_start(lines, line);
  if (!lines.next(line))
    lines.fail("the file ends after the start time; expected the sampling rate in line 2");
  const std::string_view first = line.substr(0, line.find(','));
  const auto declared = parse_real(first);
  if (!declared && !is_missing(first)) lines.fail(fmt::format("{} is no sampling rate in Hz", shown(first)));
  stream.rate_hz = rate_of(options, stream.name, stream.modality,
                           declared.value_or(std::numeric_limits<double>::quiet_NaN()), lines.where());

  const size_t num_channels = sensor.channels.size();
  stream.values_SC.reserve(text.size() / 8);
  std::vector<double> row;
  while (lines.next(line)) {
    if (num_channels == 1 && line.empty()) {
      // A blank line between samples is a sample that is missing; at the end it is nothing.
      stream.values_SC.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    if (line.empty()) continue;
    std::string what = read_numbers(line, row);
    if (what.empty() && row.size() != num_channels)
      what = fmt::format("{} numbers; {} has {} a line", row.size(), sensor.file, num_channels);
    if (!what.empty()) {
      if (lines.is_torn()) {
        notes.push_back(
            fmt::format("{} ends within line {}; that sample is left out", sensor.file, lines.line()));
        break;
      }
      lines.fail(what);
    }
    for (const double value : row) stream.values_SC.push_back(value * sensor.scale);
  }
  while (num_channels == 1 && !stream.values_SC.empty() && std::isnan(stream.values_SC.back()))
    stream.values_SC.pop_back();
  stream.values_SC.shrink_to_fit();
  if (stream.num_samples() == 0) notes.push_back(fmt::format("{} has a header and no samples", sensor.file));
  file.is_present = true;
  return file;
}

E4File read_ibi_file(const std::string& text, const std::string& where, std::vector<std::string>& notes) {
  LineCursor lines(text, where);
  std::string_view line;
  E4File file;
  if (!lines.next(line)) return file;  // short sessions have none
  SensorStream& stream = file.stream;
  stream.name = "IBI";
  stream.modality = "ibi";
  stream.channels = {"ibi"};
  stream.unit = "s";
  stream.t0_s = read_start(lines, line);
  std::vector<double> row;
  while (lines.next(line)) {
    if (line.empty()) continue;
    std::string what = read_numbers(line, row);
    if (what.empty() && row.size() != 2) what = "expected `offset,interval` in seconds";
    if (what.empty() && !(row[0] >= 0)) what = fmt::format("an offset of {} s; expected 0 or more", row[0]);
    if (what.empty() && !(row[1] > 0))
      what = fmt::format("an interval of {} s; expected more than 0", row[1]);
    if (what.empty() && !stream.time_s.empty() && stream.t0_s + row[0] < stream.time_s.back())
      what = fmt::format("offset {} s comes after {} s; beats must be in order of time", row[0],
                         stream.time_s.back() - stream.t0_s);
    if (!what.empty()) {
      if (lines.is_torn()) {
        notes.push_back(fmt::format("IBI ends within line {}; that beat is left out", lines.line()));
        break;
      }
      lines.fail(what);
    }
    stream.time_s.push_back(stream.t0_s + row[0]);
    stream.values_SC.push_back(row[1]);
  }
  file.is_present = true;
  return file;
}

void read_tags(const std::string& text, const std::string& where, SensorRecording& recording) {
  LineCursor lines(text, where);
  std::string_view line;
  while (lines.next(line)) {
    if (trim(line).empty()) continue;
    const auto time = parse_real(line.substr(0, line.find(',')));
    if (!time) lines.fail(fmt::format("{} is no time; expected unix seconds, one tag a line", shown(line)));
    if (!(*time >= 0 && *time < 1e11))
      lines.fail(fmt::format("a tag at {} s; expected unix seconds between 0 and 1e11", *time));
    recording.markers.push_back({*time, 0, "tag"});
  }
}

}  // namespace

std::string e4_kind(const std::string& name) {
  const std::string lower = lower_case(base_name(name));
  const size_t dot = lower.find('.');
  if (dot == std::string::npos) return "";
  const std::string end = lower.substr(dot);
  if (end != ".csv" && end != ".csv.gz") return "";
  const std::string stem = lower.substr(0, dot);
  if (stem.compare(0, 4, "tags") == 0) return "tags";
  if (stem == "ibi") return "IBI";
  for (const E4Sensor& sensor : e4_sensors()) {
    if (stem == lower_case(sensor.file)) return sensor.file;
  }
  return "";
}

bool is_empatica(const FileBundle& files) {
  return std::any_of(files.names().begin(), files.names().end(), [](const std::string& name) {
    const std::string kind = e4_kind(name);
    return !kind.empty() && kind != "tags";
  });
}

SensorRecording read_empatica(const FileBundle& files, const std::string& path,
                              const SensorReadOptions& options) {
  SensorRecording recording;
  recording.format = "empatica_e4";
  std::map<std::string, std::string> chosen;  // kind -> file
  std::string folder;
  for (const std::string& name : files.names()) {
    const std::string kind = e4_kind(name);
    if (kind.empty()) continue;
    const std::string parent = name.substr(0, name.size() - base_name(name).size());
    if (chosen.empty()) folder = parent;
    if (parent != folder) {
      throw Error(ErrorCode::kData, fmt::format("{}: two recordings, {} and {}; keep one folder an archive",
                                                path, shown(chosen.begin()->second), shown(name)));
    }
    const auto [place, is_new] = chosen.emplace(kind, name);
    if (!is_new)
      recording.notes.push_back(fmt::format("{} is there twice; {} is read", kind, shown(place->second)));
  }

  for (const E4Sensor& sensor : e4_sensors()) {
    const auto found = chosen.find(sensor.file);
    if (found == chosen.end() || !is_wanted(options, sensor.file, sensor.modality)) continue;
    E4File file = read_sensor_file(files.read(found->second), files.where(found->second), sensor, options,
                                   recording.notes);
    if (file.is_present) recording.streams.push_back(std::move(file.stream));
  }
  if (const auto found = chosen.find("IBI"); found != chosen.end() && is_wanted(options, "IBI", "ibi")) {
    E4File file = read_ibi_file(files.read(found->second), files.where(found->second), recording.notes);
    if (file.is_present) recording.streams.push_back(std::move(file.stream));
  }
  if (const auto found = chosen.find("tags"); found != chosen.end())
    read_tags(files.read(found->second), files.where(found->second), recording);

  double earliest = std::numeric_limits<double>::infinity();
  double latest = 0;
  for (const SensorStream& stream : recording.streams) {
    earliest = std::min(earliest, stream.t0_s);
    latest = std::max(latest, stream.t0_s);
  }
  if (recording.streams.empty()) {
    if (!options.streams.empty())
      throw Error(ErrorCode::kConfig, fmt::format("{}: no stream {}", path, shown(options.streams.front())));
    throw Error(ErrorCode::kData, path + ": every sensor file is empty; the session was not recorded");
  }
  if (latest - earliest > 86400) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: streams start {:.0f} s apart; files of different sessions are "
                            "mixed in this folder",
                            path, latest - earliest));
  }
  for (SensorStream& stream : recording.streams) {
    stream.t0_s -= earliest;
    for (double& time : stream.time_s) time -= earliest;
  }
  int64_t num_outside = 0;
  double end = 0;
  for (const SensorStream& stream : recording.streams) end = std::max(end, stream.end_s());
  for (SensorMarker& marker : recording.markers) {
    marker.time_s -= earliest;
    num_outside += marker.time_s < 0 || marker.time_s > end ? 1 : 0;
  }
  if (num_outside > 0)
    recording.notes.push_back(fmt::format("{} tags lie outside the recording", num_outside));
  recording.start_unix_s = earliest;
  return recording;
}

}  // namespace limbic::formats::detail
