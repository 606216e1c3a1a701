#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace wesad_features_import {

constexpr double kWindow_s = 60.0;
constexpr std::array<const char*, 4> kConditions{"baseline", "stress", "amusement", "meditation"};

/// The sensor that a feature comes from; empty for columns that are no features.
std::string sensor_of(const std::string& column) {
  if (column == "raw_label" || column == "label" || column == "time_end_sec" || column == "subject_id")
    return "";
  const auto has = [&](const char* part) { return column.find(part) != std::string::npos; };
  if (has("acc_")) return "acc";
  if (has("hrv_")) return "bvp";
  if (has("temp_")) return "temperature";
  if (has("eda_") || has("scr_") || has("scl_")) return "eda";
  throw Error(ErrorCode::kData, "column '" + column +
                                    "' belongs to no sensor; expected acc, hrv, temp, eda, "
                                    "scr or scl in its name");
}

struct Window {
  int64_t line = 0;
  std::map<std::string, std::vector<double>> values;  ///< by sensor
  std::string condition, stress, subject;
  double end_s = 0;
};

}  // namespace wesad_features_import

// Features of WESAD's wrist device in windows of 60 s; source: the csv, or the folder with both strides, from
// which options.step_s chooses.
ImportReport import_wesad_features(const std::string& source, const std::string& out,
                                   const ImportOptions& options) {
  using namespace wesad_features_import;
  std::string path = source;
  if (std::filesystem::is_directory(source)) {
    const std::string name = fmt::format("WESAD_causal_features_stride{}.csv", options.step_s);
    path = source + "/dataset/" + name;
    if (!std::filesystem::exists(path)) path = source + "/" + name;
    require(std::filesystem::exists(path), ErrorCode::kData,
            source + ": no " + name + " here; --step chooses the stride (30 or 60)");
  }
  DatasetInfo info;
  info.name = "wesad_features";
  info.licence = "WESAD: research, non-commercial";
  info.citation =
      "P. Schmidt et al., Introducing WESAD, a Multimodal Dataset for Wearable Stress and Affect Detection, "
      "ICMI 2018";
  info.importer = "wesad_features";
  info.options = {{"table", std::filesystem::path(path).filename().string()}};
  info.label_spaces = {{"stress", {"non-stress", "stress"}},
                       {"condition", {kConditions.begin(), kConditions.end()}}};
  info.known_defects = {
      "z_ columns are scaled with each subject's own data",
      "conditions follow one order: the time of a window gives its label away and is no feature",
      "windows overlap where the stride is below 60 s"};
  std::map<std::string, std::vector<size_t>> columns_of;
  formats::CsvReader csv(path);
  for (size_t c = 0; c < csv.columns().size(); ++c) {
    try {
      if (const auto sensor = sensor_of(csv.columns()[c]); !sensor.empty()) columns_of[sensor].push_back(c);
    } catch (const Error& e) {
      throw e.in(path + ":1");
    }
  }
  for (const auto& [sensor, columns] : columns_of) {
    std::vector<std::string> names;
    for (const size_t c : columns) names.push_back(csv.columns()[c]);
    info.modalities[sensor] = series_modality(std::move(names), 0.0);
    info.modalities[sensor].device = "Empatica E4";
  }
  const std::string sha256 = core::sha256_file(path);
  std::map<std::string, int64_t> num_of_subject;
  std::vector<ImportItem> items;
  formats::CsvRow row;
  while (csv.next(row)) {
    auto window = std::make_shared<Window>();
    for (const auto& [sensor, columns] : columns_of)
      for (const size_t c : columns) window->values[sensor].push_back(row.real(c));
    const int64_t condition = row.integer("raw_label");
    require(condition >= 1 && condition <= 4, ErrorCode::kData,
            fmt::format("{}: raw_label {}; expected 1 to 4", row.where(), condition));
    window->condition = kConditions[static_cast<size_t>(condition - 1)];
    window->stress = row.text("label");
    window->subject = row.text("subject_id");
    window->end_s = row.real("time_end_sec");
    require((window->stress == "stress") == (condition == 2), ErrorCode::kData,
            fmt::format("{}: label '{}' contradicts raw_label {}", row.where(), window->stress, condition));
    const std::string id = fmt::format("{}_{:04}", window->subject, num_of_subject[window->subject]++);
    items.push_back({row.where(), [window, id, sha256,
                                   file = std::filesystem::path(path).filename().string()](ImportWorker&) {
                       std::vector<RawSample> samples(1);
                       Sample& sample = samples[0].sample;
                       sample.id = id;
                       sample.corpus = "wesad";
                       sample.subject = window->subject;
                       sample.clip = window->subject;
                       sample.t0 = core::Timestamp::from_seconds(std::max(0.0, window->end_s - kWindow_s));
                       sample.duration = core::Timestamp::from_seconds(kWindow_s);
                       sample.labels = {{"stress", window->stress}, {"condition", window->condition}};
                       sample.source_path = file;
                       sample.source_sha256 = sha256;
                       for (const auto& [sensor, values] : window->values)
                         samples[0].streams[sensor] = series_stream(values, values.size(), 0.0, sample.t0);
                       return samples;
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
