#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "import/pipeline.h"
#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/log.h"
#include "limbic/formats/sensor_recording.h"

namespace limbic::data {
namespace sensors_import {

namespace fs = std::filesystem;

constexpr const char* kMarkers = "markers";

/// Files that may hold a recording and may as well hold something else.
bool is_table(const std::string& path) {
  std::string name = path;
  if (extension_of(name) == "gz") name = fs::path(name).stem().string();
  const std::string extension = extension_of(name);
  return extension == "csv" || extension == "tsv" || extension == "txt";
}

/// Recordings below `folder`, deepest included, sorted; relative to it.
std::vector<std::string> recordings_below(const std::string& folder) {
  std::set<std::string> found;
  std::vector<std::string> folders{folder};
  for (auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied);
       at != fs::recursive_directory_iterator(); ++at) {
    std::error_code ec;
    if (at->is_directory(ec) && !at->is_symlink(ec)) folders.push_back(at->path().string());
  }
  for (const auto& below : folders) {
    for (const auto& path : formats::find_recordings(below))
      found.insert(fs::path(path).lexically_relative(folder).string());
  }
  for (const auto& file : list_files(folder))
    if (is_table(file)) found.insert(file);
  // The files of an Empatica folder are one recording.
  std::vector<std::string> recordings;
  for (const auto& path : found) {
    const std::string parent = fs::path(path).parent_path().string();
    if (found.count(parent.empty() ? "." : parent) == 0) recordings.push_back(path);
  }
  return recordings;
}

/// Streams of a recording under the names of the store: the modality where it has one stream of it, else the
/// stream's own name; with the number of channels when that differs between recordings.
std::map<std::string, const formats::SensorStream*> named_streams(const formats::SensorRecording& recording) {
  std::map<std::string, int> num_of_modality;
  for (const auto& stream : recording.streams) ++num_of_modality[stream.modality];
  std::map<std::string, const formats::SensorStream*> named;
  for (const auto& stream : recording.streams) {
    if (stream.num_samples() == 0) continue;
    const bool is_only = stream.modality != "other" && num_of_modality[stream.modality] == 1;
    named[is_only ? stream.modality : stream.name] = &stream;
  }
  return named;
}

/// A stream without its samples.
struct StreamLook {
  std::vector<std::string> channels;
  double rate_hz = 0;
  std::string unit;
};

RawStream stream_of(const formats::SensorStream& sensor) {
  const size_t num_channels = sensor.channels.size();
  if (sensor.rate_hz > 0)
    return series_stream(sensor.values_SC, num_channels, sensor.rate_hz,
                         core::Timestamp::from_seconds(std::max(0.0, sensor.t0_s)));
  std::vector<double> timed;
  timed.reserve(sensor.num_samples() * (num_channels + 1));
  for (size_t i = 0; i < sensor.num_samples(); ++i) {
    timed.push_back(sensor.time_s[i]);
    for (size_t c = 0; c < num_channels; ++c) timed.push_back(sensor.at(i, c));
  }
  return series_stream(timed, num_channels + 1, 0.0);
}

std::string markers_text(const std::vector<formats::SensorMarker>& markers) {
  std::string text = "time_s\tduration_s\tlabel\n";
  for (const auto& marker : markers) {
    std::string label = marker.label;
    for (auto& c : label)
      if (c == '\t' || c == '\n' || c == '\r') c = ' ';
    text += fmt::format("{}\t{}\t{}\n", marker.time_s, marker.duration_s, label);
  }
  return text;
}

}  // namespace sensors_import

// Whatever formats::read_sensors reads, one sample a recording: whole, unlabelled, every stream at its own
// rate. Irregular streams (beats) have their times in a first column and rate 0.
ImportReport import_sensors(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace sensors_import;
  const auto recordings = recordings_below(source);
  DatasetInfo info;
  info.name = corpus_name(source, "sensors");
  info.importer = "sensors";
  info.known_defects = {"people are unknown: splits cannot be grouped by subject"};
  // What each recording's streams look like, without their samples; widths name those apart that differ.
  std::vector<std::pair<std::string, std::map<std::string, StreamLook>>> readable;
  std::map<std::string, std::set<size_t>> widths;
  bool has_markers = false;
  for (const auto& path : recordings) {
    formats::SensorRecording recording;
    try {
      recording = formats::read_sensors(source + "/" + path);
    } catch (const Error& e) {
      // A table or text that is no recording (a questionnaire, a read-me) is not a damaged one.
      if (e.code() != ErrorCode::kData || !is_table(path)) throw;
      log::warn("not_a_recording", {{"path", path}, {"reason", e.what()}});
      continue;
    }
    std::map<std::string, StreamLook> looks;
    for (const auto& [name, stream] : named_streams(recording)) {
      looks[name] = {stream->channels, stream->rate_hz, stream->unit};
      widths[name].insert(stream->channels.size());
    }
    if (looks.empty()) continue;
    readable.emplace_back(path, std::move(looks));
    has_markers = has_markers || !recording.markers.empty();
  }
  const auto store_name = [&widths](const std::string& name, size_t num_channels) {
    return widths.at(name).size() == 1 ? name : fmt::format("{}_{}", name, num_channels);
  };
  for (const auto& [path, looks] : readable) {
    for (const auto& [name, look] : looks) {
      const std::string key = store_name(name, look.channels.size());
      const bool is_regular = look.rate_hz > 0;
      if (const auto known = info.modalities.find(key); known != info.modalities.end()) {
        if (known->second.rate_hz != look.rate_hz) known->second.rate_hz = 0;
        require(
            (known->second.columns.front() == "time_s") == !is_regular, ErrorCode::kData,
            source + "/" + path + ": '" + name + "' is regular in one recording and irregular in another");
        continue;
      }
      auto columns = look.channels;
      if (!is_regular) columns.insert(columns.begin(), "time_s");
      info.modalities[key] = series_modality(columns, look.rate_hz, look.unit);
      info.modalities[key].may_be_missing = true;
    }
  }
  if (has_markers) info.modalities[kMarkers] = text_modality();
  std::vector<ImportItem> items;
  for (const auto& entry : readable) {
    const std::string& path = entry.first;
    items.push_back({path, [source, path, corpus = info.name, store_name](ImportWorker&) {
                       const auto recording = formats::read_sensors(source + "/" + path);
                       std::vector<RawSample> samples(1);
                       Sample& sample = samples[0].sample;
                       sample.id = path;
                       sample.corpus = corpus;
                       sample.clip = path;
                       sample.duration = core::Timestamp::from_seconds(std::max(0.0, recording.end_s()));
                       if (recording.start_unix_s)
                         sample.attributes["start_unix_s"] = fmt::format("{:.6f}", *recording.start_unix_s);
                       sample.attributes["format"] = recording.format;
                       sample.source_path = path;
                       if (!fs::is_directory(source + "/" + path))
                         sample.source_sha256 = core::sha256_file(source + "/" + path);
                       for (const auto& [name, stream] : named_streams(recording))
                         samples[0].streams[store_name(name, stream->channels.size())] = stream_of(*stream);
                       if (!recording.markers.empty())
                         samples[0].streams[kMarkers] = text_stream(markers_text(recording.markers));
                       return samples;
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
