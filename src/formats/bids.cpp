// BIDS continuous recordings: <run>[_recording-x]_physio.tsv[.gz] or _stim.tsv[.gz] without a header row,
// their .json, and the run's _events.tsv.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "limbic/core/error.h"
#include "limbic/formats/jsonl.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

/// "sub-01_task-rest_physio.tsv.gz" -> sub-01_task-rest, physio
struct BidsName {
  std::string entities;
  std::string suffix;
};
BidsName bids_name(const std::string& file_name) {
  const std::string stem = file_name.substr(0, file_name.find('.'));
  const size_t split = stem.rfind('_');
  if (split == std::string::npos) return {"", stem};
  return {stem.substr(0, split), stem.substr(split + 1)};
}

std::set<std::string> parts_of(const std::string& entities) {
  std::set<std::string> parts;
  for (size_t at = 0; at < entities.size();) {
    const size_t end = std::min(entities.find('_', at), entities.size());
    parts.insert(entities.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string run_of(const std::string& entities) {
  std::string run;
  for (size_t at = 0; at < entities.size();) {
    const size_t end = std::min(entities.find('_', at), entities.size());
    const std::string part = entities.substr(at, end - at);
    if (part.compare(0, 10, "recording-") != 0) run += (run.empty() ? "" : "_") + part;
    at = end + 1;
  }
  return run;
}

/// The file's metadata. Inheritance: a .json in this folder or above it, up to the data set's root, whose
/// entities the file has, too; nearer and more specific ones win key by key.
nlohmann::json read_sidecar(const std::string& folder, const BidsName& name, const std::string& path) {
  const std::set<std::string> own = parts_of(name.entities);
  std::vector<std::vector<std::pair<size_t, std::string>>> levels;
  std::filesystem::path level = folder.empty() ? "." : folder;
  for (int up = 0; up < 5; ++up) {
    auto& found = levels.emplace_back();
    std::error_code ec;
    bool is_root = false;
    for (auto entry = std::filesystem::directory_iterator(level, ec);
         !ec && entry != std::filesystem::directory_iterator(); entry.increment(ec)) {
      const std::string file = entry->path().filename().string();
      is_root = is_root || file == "dataset_description.json";
      if (!ends_with(file, ".json")) continue;
      const BidsName other = bids_name(file);
      const std::set<std::string> theirs = parts_of(other.entities);
      if (other.suffix == name.suffix && std::includes(own.begin(), own.end(), theirs.begin(), theirs.end()))
        found.emplace_back(theirs.size(), entry->path().string());
    }
    std::sort(found.begin(), found.end());
    if (is_root) break;
    level /= "..";
  }
  nlohmann::json merged = nlohmann::json::object();
  bool is_any = false;
  for (auto it = levels.rbegin(); it != levels.rend(); ++it) {
    for (const auto& [count, file] : *it) {
      const auto json = read_json(file);
      if (!json.is_object()) throw Error(ErrorCode::kData, file + ": expected an object");
      merged.update(json);
      is_any = true;
    }
  }
  if (!is_any) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: no {}_{}.json beside it; BIDS needs SamplingFrequency, StartTime and "
                            "Columns there",
                            path, name.entities, name.suffix));
  }
  return merged;
}

void read_continuous(const FileBundle& files, const std::string& folder, const std::string& file_name,
                     const SensorReadOptions& options, SensorRecording& recording) {
  const std::string where = files.where(file_name);
  const auto meta = read_sidecar(folder, bids_name(file_name), where);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kData, where + ": its .json: " + what);
  };
  if (!meta.contains("Columns") || !meta["Columns"].is_array())
    fail("Columns is missing; expected a list of names");
  std::vector<RawColumn> columns;
  for (const auto& item : meta["Columns"]) {
    if (!item.is_string()) fail("Columns holds something that is not a name");
    RawColumn column{item.get<std::string>(), "", {}};
    if (meta.contains(column.name) && meta[column.name].is_object()) {
      const auto& about = meta[column.name];
      if (about.contains("Units") && about["Units"].is_string())
        column.unit = about["Units"].get<std::string>();
    }
    columns.push_back(std::move(column));
  }
  RowTimes times;
  if (meta.contains("SamplingFrequency")) {
    if (!meta["SamplingFrequency"].is_number()) fail("SamplingFrequency is not a number of Hz");
    times.rate_hz = rate_of(options, "*", "*", meta["SamplingFrequency"].get<double>(), where);
  }
  if (meta.contains("StartTime")) {
    if (!meta["StartTime"].is_number()) fail("StartTime is not a number of seconds");
    times.t0_s = meta["StartTime"].get<double>();
  } else {
    recording.notes.push_back(fmt::format("{}: no StartTime; it is taken as 0", file_name));
  }
  const std::string text = files.read(file_name);
  LineCursor lines(text, where);
  std::string_view line;
  std::vector<std::string> fields;
  while (lines.next(line)) {
    if (trim(line).empty()) continue;
    split_fields(line, '\t', fields);
    if (fields.size() != columns.size()) {
      if (lines.is_torn()) break;
      lines.fail(fmt::format("{} fields; its .json names {} columns", fields.size(), columns.size()));
    }
    for (size_t c = 0; c < columns.size(); ++c) {
      const auto value = parse_real(fields[c]);
      if (!value && !is_missing(fields[c])) {
        lines.fail(fmt::format("column '{}': {} is not a number{}", columns[c].name, shown(fields[c]),
                               lines.line() == 1 ? "; a BIDS physio table has no header row" : ""));
      }
      columns[c].values.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
    }
  }
  // The column map may name columns of another file of the run.
  SensorReadOptions here = options;
  here.columns.erase(std::remove_if(here.columns.begin(), here.columns.end(),
                                    [&](const SensorColumn& map) {
                                      return std::none_of(
                                          columns.begin(), columns.end(),
                                          [&](const RawColumn& c) { return c.name == map.column; });
                                    }),
                     here.columns.end());
  if (here.columns.empty() && !options.columns.empty()) return;
  for (SensorStream& stream :
       build_streams(std::move(columns), std::move(times), here, where, recording.notes))
    recording.streams.push_back(std::move(stream));
}

void read_events(const FileBundle& files, const std::string& file_name, SensorRecording& recording) {
  const std::string text = files.read(file_name);
  LineCursor lines(text, files.where(file_name));
  std::string_view line;
  if (!lines.next(line)) return;
  std::vector<std::string> names, fields;
  split_fields(line, '\t', names);
  const auto find = [&](const char* name) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  const size_t onset = find("onset"), duration = find("duration");
  if (onset == names.size()) lines.fail("no column 'onset'; expected onset, duration and trial_type");
  while (lines.next(line)) {
    if (trim(line).empty()) continue;
    split_fields(line, '\t', fields);
    if (fields.size() != names.size())
      lines.fail(fmt::format("{} fields; the header has {}", fields.size(), names.size()));
    const auto time = parse_real(fields[onset]);
    if (!time && is_missing(fields[onset])) continue;
    if (!time) lines.fail(fmt::format("onset {} is not a number of seconds", shown(fields[onset])));
    SensorMarker marker{*time, 0, "event"};
    if (duration < names.size()) marker.duration_s = std::max(0.0, parse_real(fields[duration]).value_or(0));
    for (const char* column : {"trial_type", "value", "stim_file"}) {
      const size_t at = find(column);
      if (at == names.size() || is_missing(fields[at])) continue;
      marker.label = fields[at];
      break;
    }
    recording.markers.push_back(std::move(marker));
  }
}

}  // namespace

bool is_bids_name(std::string_view file_name) {
  const std::string lower = lower_case(file_name);
  for (const char* end : {"_physio.tsv", "_physio.tsv.gz", "_stim.tsv", "_stim.tsv.gz"}) {
    if (ends_with(lower, end)) return true;
  }
  return false;
}

SensorRecording read_bids(const std::string& path, const SensorReadOptions& options) {
  SensorRecording recording;
  recording.format = "bids";
  const std::string own = base_name(path);
  const std::string folder = path.substr(0, path.size() - own.size());
  const FileBundle files(folder.empty() ? "." : folder, options.max_bytes);
  const std::string run = run_of(bids_name(own).entities);
  // BIDS keeps one clock a run: all that belongs to it is one recording.
  for (const std::string& name : files.names()) {
    if (is_bids_name(name) && run_of(bids_name(name).entities) == run)
      read_continuous(files, folder, name, options, recording);
  }
  for (const std::string& name : files.names()) {
    const BidsName events = bids_name(name);
    if (events.suffix == "events" && (ends_with(name, ".tsv") || ends_with(name, ".tsv.gz")) &&
        events.entities == run)
      read_events(files, name, recording);
  }
  return recording;
}

}  // namespace limbic::formats::detail
