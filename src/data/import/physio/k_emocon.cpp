#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace k_emocon_import {

namespace fs = std::filesystem;

constexpr double kSegment_s = 5.0;
constexpr double kMissingShare = 0.1;  ///< of a segment's samples that may be missing

struct Sensor {
  const char* file;  ///< E4_<file>.csv
  const char* stream;
  double rate_hz;
  const char* unit;
  std::array<const char*, 3> columns;  ///< in the file; unused ones null
};
constexpr std::array<Sensor, 5> kSensors{{
    {"ACC", "acc", 32.0, "1/64 g", {"x", "y", "z"}},
    {"BVP", "bvp", 64.0, "as the device gives", {"value", nullptr, nullptr}},
    {"EDA", "eda", 4.0, "microsiemens", {"value", nullptr, nullptr}},
    {"HR", "heart_rate", 1.0, "bpm", {"value", nullptr, nullptr}},
    {"TEMP", "temperature", 4.0, "degC", {"value", nullptr, nullptr}},
}};

size_t num_columns(const Sensor& sensor) {
  return static_cast<size_t>(std::count_if(sensor.columns.begin(), sensor.columns.end(),
                                           [](const char* c) { return c != nullptr; }));
}

struct View {
  const char* name;  ///< who rated
  const char* folder;
};
constexpr std::array<View, 3> kViews{{{"self", "self_annotations"},
                                      {"partner", "partner_annotations"},
                                      {"external", "aggregated_external_annotations"}}};

struct Debate {
  double start_ms = 0;  ///< unix
  double end_ms = 0;
};

/// The folder `name` at `root`, or one level below in a folder of the same name (as the archives unpack).
std::string folder_named(const std::string& root, const std::string& name) {
  if (fs::is_directory(root + "/" + name + "/" + name)) return root + "/" + name + "/" + name;
  return root + "/" + name;
}

std::map<int64_t, Debate> read_debates(const std::string& source) {
  const std::string path = folder_named(source, "metadata") + "/subjects.csv";
  require(fs::exists(path), ErrorCode::kData,
          path + ": missing; expected a table of pid, initTime, startTime, endTime (unix milliseconds)");
  formats::CsvReader csv(path);
  formats::CsvRow row;
  std::map<int64_t, Debate> debates;
  while (csv.next(row)) {
    const Debate debate{row.real("startTime"), row.real("endTime")};
    require(debate.end_ms > debate.start_ms, ErrorCode::kData, row.where() + ": endTime is before startTime");
    debates[row.integer("pid")] = debate;
  }
  return debates;
}

/// Whose device a folder's rows are of: four folders hold those of two people.
std::string device_of(int64_t person) {
  if (person == 29 || person == 31) return "A013E1";
  if (person == 30 || person == 32) return "A01A3A";
  return "";
}

/// One sensor over the debate on a regular grid from its start; NaN where the device sent nothing.
std::vector<double> read_sensor(const std::string& path, const Sensor& sensor, const Debate& debate,
                                const std::string& device) {
  const size_t width = num_columns(sensor);
  const double length_s = (debate.end_ms - debate.start_ms) / 1000;
  require(length_s < 86400, ErrorCode::kData, path + ": a debate of more than a day");
  const auto num = static_cast<size_t>(std::ceil(length_s * sensor.rate_hz));
  std::vector<double> grid(num * width, std::nan(""));
  formats::CsvReader csv(path);
  const bool has_device = csv.has_column("device_serial");
  formats::CsvRow row;
  while (csv.next(row)) {
    if (!device.empty() && has_device && row.text("device_serial") != device) continue;
    const double position = (row.real("timestamp") - debate.start_ms) / 1000 * sensor.rate_hz;
    if (position < -0.5 || position >= static_cast<double>(num) - 0.5) continue;
    const auto i = static_cast<size_t>(std::lround(position));
    for (size_t c = 0; c < width; ++c) grid[i * width + c] = row.real(sensor.columns[c]);
  }
  return grid;
}

/// Ratings by the end of their segment, in seconds of the debate.
std::map<double, std::map<std::string, double>> read_ratings(const std::string& source, int64_t person) {
  std::map<double, std::map<std::string, double>> ratings;
  const std::string root = folder_named(source, "emotion_annotations");
  for (const auto& view : kViews) {
    const std::string path = fmt::format("{}/{}/P{}.{}.csv", root, view.folder, person, view.name);
    if (!fs::exists(path)) continue;
    formats::CsvReader csv(path);
    formats::CsvRow row;
    while (csv.next(row)) {
      const double end_s = row.real("seconds");
      require(end_s >= kSegment_s && end_s < 86400, ErrorCode::kData,
              fmt::format("{}: seconds {}; expected the end of a segment of 5 s", row.where(), end_s));
      for (const auto& column : csv.columns()) {
        if (column == "seconds" || column.empty()) continue;
        // Categories that were not chosen are marked with an x or left empty.
        if (row.text(column) == "x" || row.text(column) == "X") {
          ratings[end_s][std::string(view.name) + "." + column] = 1;
        } else if (const auto value = row.optional_real(column)) {
          ratings[end_s][std::string(view.name) + "." + column] = *value;
        }
      }
    }
  }
  return ratings;
}

/// The debate's sound: one file for both people, "p1.p2.wav".
std::string sound_of(const std::string& source, int64_t person) {
  const std::string folder = folder_named(source, "debate_audios");
  if (!fs::is_directory(folder)) return "";
  for (const auto& file : list_files(folder)) {
    const std::string name = "." + stem_of(file) + ".";
    if (name.find(fmt::format(".p{}.", person)) != std::string::npos) return folder + "/" + file;
  }
  return "";
}

std::vector<RawSample> read_person(const std::string& source, int64_t person, const Debate& debate) {
  RawSample whole;
  const std::string folder = fmt::format("{}/{}", folder_named(source, "e4_data"), person);
  core::Sha256 hash;
  for (const auto& sensor : kSensors) {
    const std::string path = fmt::format("{}/E4_{}.csv", folder, sensor.file);
    if (!fs::exists(path)) continue;
    const std::string digest = core::sha256_file(path);
    hash.update(digest.data(), digest.size());
    whole.streams[sensor.stream] = series_stream(read_sensor(path, sensor, debate, device_of(person)),
                                                 num_columns(sensor), sensor.rate_hz);
  }
  if (const auto sound = sound_of(source, person); !sound.empty())
    whole.streams[stream_name::kAudioWave] = read_sound(sound);
  const std::string sha256 = hash.hex();
  std::vector<RawSample> samples;
  for (const auto& [end_s, values] : read_ratings(source, person)) {
    RawSample raw;
    Sample& sample = raw.sample;
    sample.id = fmt::format("P{}_{:04}", person, std::lround(end_s));
    sample.corpus = "k_emocon";
    sample.subject = fmt::format("P{}", person);
    // People debate in pairs: 1 with 2, 3 with 4...
    const int64_t first = person % 2 == 1 ? person : person - 1;
    sample.dialogue = fmt::format("p{}.p{}", first, first + 1);
    sample.session = sample.dialogue;
    sample.clip = sample.subject;
    sample.t0 = core::Timestamp::from_seconds(end_s - kSegment_s);
    sample.duration = core::Timestamp::from_seconds(kSegment_s);
    sample.values = values;
    for (const auto& view : kViews) {
      for (const char* dimension : {"arousal", "valence"}) {
        const auto at = values.find(fmt::format("{}.{}", view.name, dimension));
        // Low is 1 or 2, high 3 to 5, as the authors' baseline has it.
        if (at != values.end())
          sample.labels[fmt::format("{}_{}", view.name, dimension)] = at->second >= 2.5 ? "high" : "low";
      }
    }
    sample.source_path = fs::path(folder).lexically_relative(source).string();
    sample.source_sha256 = sha256;
    for (const auto& [name, stream] : whole.streams) {
      RawStream part = cut_stream(stream, sample.t0, sample.t0 + sample.duration);
      if (is_complete(part, kSegment_s, kMissingShare)) raw.streams[name] = std::move(part);
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

}  // namespace k_emocon_import

// K-EmoCon (Park et al. 2020): e4_data/<n>/E4_*.csv, emotion_annotations/*/P<n>.*.csv, metadata/subjects.csv,
// debate_audios/p1.p2.wav. A sample is an annotated segment of 5 s.
ImportReport import_k_emocon(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace k_emocon_import;
  const auto debates = read_debates(source);
  DatasetInfo info;
  info.name = "k_emocon";
  info.licence = "research only, on request";
  info.citation =
      "C. Y. Park et al., K-EmoCon, a multimodal sensor dataset for continuous emotion recognition in "
      "naturalistic conversations, Scientific Data 7:293, 2020";
  info.importer = "k_emocon";
  for (const auto& view : kViews)
    for (const char* dimension : {"arousal", "valence"})
      info.label_spaces.push_back({fmt::format("{}_{}", view.name, dimension), {"low", "high"}});
  for (const auto& sensor : kSensors) {
    std::vector<std::string> columns;
    for (size_t c = 0; c < num_columns(sensor); ++c)
      columns.push_back(num_columns(sensor) == 1 ? sensor.stream : sensor.columns[c]);
    auto& modality = info.modalities[sensor.stream];
    modality = series_modality(columns, sensor.rate_hz, sensor.unit);
    modality.may_be_missing = true;
    modality.role = "wrist";
    modality.device = "Empatica E4";
  }
  info.modalities[stream_name::kAudioWave] = wave_modality();
  info.known_defects = {"folders 29 to 32 hold rows of two devices: those of the person's own are kept",
                        "several people lack sensors, annotations or video; see the paper's table",
                        "sound is of both debaters; who speaks is not marked"};
  std::vector<ImportItem> items;
  for (const auto& [person, debate] : debates) {
    items.push_back({fmt::format("P{}", person), [source, person = person, debate = debate](ImportWorker&) {
                       return read_person(source, person, debate);
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
