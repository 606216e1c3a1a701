#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "import/physio/windows.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/sensor_recording.h"

namespace limbic::data {
namespace walk_imu_import {

constexpr double kRateHz = 24.0;
const std::array<const char*, 9> kColumns{"condition", "emotion", "ax", "ay", "az", "gx", "gy", "gz", "hr"};
constexpr std::array<const char*, 3> kConditions{"movie", "music", "music while walking"};
constexpr std::array<const char*, 3> kEmotions{"sad", "neutral", "happy"};

/// "ew10" of "mo_ew10_accdata_30_1_108-1033.csv.gz"
std::string person_of(const std::string& file) {
  const std::string name = std::filesystem::path(file).filename().string();
  const size_t begin = name.find("_ew");
  const size_t end = name.find('_', begin + 1);
  require(begin != std::string::npos && end != std::string::npos, ErrorCode::kData,
          file + ": no person in the name; expected <condition>_ew<number>_*.csv");
  return name.substr(begin + 1, end - begin - 1);
}

/// Every walk of one person (a stretch of one condition and one emotion), cut into windows.
std::vector<RawSample> read_person(const std::string& source, const std::string& file,
                                   const ImportOptions& options) {
  formats::SensorReadOptions reading;
  for (const char* name : kColumns) {
    formats::SensorColumn column;
    column.column = name;
    column.stream = "all";
    reading.columns.push_back(column);
  }
  reading.time_column = "-";
  reading.rate_hz["*"] = kRateHz;
  const std::string path = source + "/" + file;
  const auto recording = formats::read_sensors(path, reading);
  const auto& table = recording.stream("all");
  const std::string person = person_of(file);
  const std::string sha256 = core::sha256_file(path);
  std::vector<RawSample> samples;
  const size_t num_rows = table.num_samples();
  int64_t walk_idx = 0;
  for (size_t begin = 0, end = 0; begin < num_rows; begin = end, ++walk_idx) {
    const auto same = [&](size_t i) {
      return table.at(i, 0) == table.at(begin, 0) && table.at(i, 1) == table.at(begin, 1);
    };
    for (end = begin; end < num_rows && same(end); ++end) {
    }
    const double condition = table.at(begin, 0);
    const double emotion = table.at(begin, 1) + 1;
    require((condition == 0 || condition == 1 || condition == 2) &&
                (emotion == 0 || emotion == 1 || emotion == 2),
            ErrorCode::kData,
            fmt::format("{}: row {}: condition {}, emotion {}; expected 0 to 2 and -1 to 1", path, begin + 2,
                        condition, emotion - 1));
    RawSample whole;
    Sample& sample = whole.sample;
    sample.corpus = "walk_imu";
    sample.subject = person;
    sample.session = kConditions[static_cast<size_t>(condition)];
    sample.clip = fmt::format("{}_walk{}", person, walk_idx);
    sample.id = sample.clip;
    sample.t0 = core::Timestamp::from_seconds(static_cast<double>(begin) / kRateHz);
    sample.duration = core::Timestamp::from_seconds(static_cast<double>(end - begin) / kRateHz);
    sample.labels["emotion"] = kEmotions[static_cast<size_t>(emotion)];
    sample.source_path = file;
    sample.source_sha256 = sha256;
    std::vector<double> imu, heart;
    for (size_t i = begin; i < end; ++i) {
      for (size_t c = 2; c < 8; ++c) imu.push_back(table.at(i, c));
      heart.push_back(table.at(i, 8));
    }
    whole.streams["imu"] = series_stream(imu, 6, kRateHz, sample.t0);
    whole.streams["heart_rate"] = series_stream(heart, 1, kRateHz, sample.t0);
    for (auto& part : cut_into_windows(whole, options)) samples.push_back(std::move(part));
  }
  return samples;
}

}  // namespace walk_imu_import

// Walking with induced emotion, smart watch (Quiroz et al. 2018):
// walking_data/<condition>_ew<person>_*.csv.gz.
ImportReport import_walk_imu(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace walk_imu_import;
  DatasetInfo info;
  info.name = "walk_imu";
  info.licence = "MIT";
  info.citation =
      "J. C. Quiroz, E. Geangu, M. H. Yong, Emotion Recognition Using Smart Watch Sensor Data: Mixed-Design "
      "Study, JMIR Mental Health 5(3):e10153, 2018";
  info.importer = "walk_imu";
  note_windows(options, info);
  info.label_spaces = {{"emotion", {kEmotions.begin(), kEmotions.end()}}};
  info.modalities["imu"] =
      series_modality({"ax", "ay", "az", "gx", "gy", "gz"}, kRateHz, "as the watch gives");
  info.modalities["imu"].role = "wrist";
  info.modalities["heart_rate"] = series_modality({"hr"}, kRateHz, "bpm");
  info.modalities["heart_rate"].role = "wrist";
  info.known_defects = {
      "each emotion of a person is one walk: emotion and time are confounded; split by subject or by time "
      "blocks, never by shuffled windows"};
  std::vector<ImportItem> items;
  for (const auto& file : list_files(source)) {
    const std::string name = std::filesystem::path(file).filename().string();
    // features_sample/ holds the authors' features of some of these recordings.
    if (name.find("_accdata_") == std::string::npos || name.rfind("features_", 0) == 0) continue;
    items.push_back(
        {file, [source, file](ImportWorker& worker) { return read_person(source, file, worker.options()); }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
