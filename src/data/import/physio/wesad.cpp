#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "import/physio/sensor_features.h"
#include "import/physio/wesad.h"
#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/features/signal_analysis.h"
#include "limbic/formats/pickle.h"

namespace limbic::data {
namespace wesad_import {

namespace fs = std::filesystem;

const std::vector<SensorFeatures> kWrist = {
    {"eda", "eda"}, {"heart", "heart"}, {"temperature", "temperature"}, {"imu", "imu"}};
const std::vector<SensorFeatures> kChest = {{"chest_eda", "eda"}, {"chest_heart", "heart"}};

/// (T, C) of a device's sensor, scaled. @throws Error(kData) unless it has `num_channels`
formats::SensorStream sensor(const formats::PickleValue& device, const char* key, const char* modality,
                             size_t num_channels, double rate_hz, const char* unit, double scale = 1) {
  const auto value = device.at(key);
  const auto array = value.array();
  const auto& shape = array.shape();
  if (!array.is_number() || shape.empty() || shape.size() > 2 ||
      (shape.size() == 2 ? shape[1] : 1) != num_channels || shape[0] == 0)
    value.fail(fmt::format("expected numbers of samples x {}", num_channels));
  formats::SensorStream stream;
  stream.name = key;
  stream.modality = modality;
  stream.channels =
      num_channels == 3 ? std::vector<std::string>{"x", "y", "z"} : std::vector<std::string>{key};
  stream.unit = unit;
  stream.rate_hz = rate_hz;
  stream.values_SC = value.reals();
  if (scale != 1) {
    for (double& x : stream.values_SC) x *= scale;
  }
  return stream;
}

/// Runs of one label; those that are no condition are left out.
std::vector<ConditionInterval> intervals_of(const std::vector<double>& labels, const std::string& path) {
  std::vector<ConditionInterval> intervals;
  for (size_t begin = 0, end = 0; begin < labels.size(); begin = end) {
    while (end < labels.size() && labels[end] == labels[begin]) ++end;
    const double label = labels[begin];
    require(label >= 0 && label <= 7 && label == std::floor(label), ErrorCode::kData,
            fmt::format("{}: label {} at {:.3f} s; expected 0 to 7", path, label,
                        static_cast<double>(begin) / kChestRate_hz));
    if (label < 1 || label > 4) continue;
    intervals.push_back(
        {{static_cast<double>(begin) / kChestRate_hz, static_cast<double>(end) / kChestRate_hz},
         static_cast<size_t>(label) - 1});
  }
  return intervals;
}

std::string pickle_file(const std::string& subject) {
  return subject + "/" + subject + ".pkl";
}

Recordings read_pickled_recordings(const std::string& source, const std::string& subject) {
  Recordings out;
  out.file = pickle_file(subject);
  const std::string path = source + "/" + out.file;
  const auto root = formats::read_pickle(path);
  if (const auto name = root.find("subject"); name && name->text() != subject)
    name->fail(fmt::format("'{}' in the folder of {}", name->text(), subject));
  const auto wrist = root.at("signal").at("wrist");
  const auto chest = root.at("signal").at("chest");
  out.wrist.source = out.chest.source = path;
  out.wrist.format = out.chest.format = "wesad";
  out.wrist.streams = {
      sensor(wrist, "EDA", "eda", 1, 4, "microsiemens"), sensor(wrist, "BVP", "bvp", 1, 64, ""),
      sensor(wrist, "TEMP", "temperature", 1, 4, "degC"), sensor(wrist, "ACC", "acc", 3, 32, "g", 1.0 / 64)};
  out.chest.streams = {sensor(chest, "EDA", "eda", 1, kChestRate_hz, "microsiemens"),
                       sensor(chest, "ECG", "ecg", 1, kChestRate_hz, "mV")};
  average_blocks(out.chest.streams[0]);
  out.conditions = intervals_of(root.at("label").reals(), path);
  return out;
}

bool has_pickle(const std::string& source, const std::string& subject) {
  return fs::exists(source + "/" + pickle_file(subject));
}

std::vector<RawSample> read_subject(const std::string& source, const std::string& subject,
                                    const ImportOptions& options) {
  const Recordings recordings = has_pickle(source, subject) ? read_pickled_recordings(source, subject)
                                                            : read_raw_recordings(source, subject);
  const std::string sha256 = core::sha256_file(source + "/" + recordings.file);
  std::vector<RawSample> samples;
  std::vector<signals::Interval> windows;
  for (const auto& [extent, condition] : recordings.conditions) {
    if (extent.end_s - extent.start_s < options.window_s) continue;
    for (const auto& window : features::windows_of(extent, options.window_s, options.step_s)) {
      RawSample raw;
      Sample& sample = raw.sample;
      sample.id = fmt::format("{}_{:04}", subject, samples.size());
      sample.corpus = "wesad";
      sample.subject = subject;
      sample.clip = subject;
      sample.t0 = core::Timestamp::from_seconds(window.start_s);
      sample.duration = core::Timestamp::from_seconds(window.end_s - window.start_s);
      const std::string name = kConditions[condition];
      sample.labels["condition"] = name;
      sample.labels["stress"] = name == "stress" ? "stress" : "non-stress";
      sample.attributes = recordings.attributes;
      sample.source_path = recordings.file;
      sample.source_sha256 = sha256;
      samples.push_back(std::move(raw));
      windows.push_back(window);
    }
  }
  add_sensor_features(recordings.wrist, kWrist, windows, samples);
  add_sensor_features(recordings.chest, kChest, windows, samples);
  return samples;
}

void average_blocks(formats::SensorStream& stream) {
  constexpr size_t kBlock = 175;
  std::vector<double> means;
  for (size_t i = 0; i + kBlock <= stream.values_SC.size(); i += kBlock) {
    double sum = 0;
    for (size_t k = i; k < i + kBlock; ++k) sum += stream.values_SC[k];
    means.push_back(sum / static_cast<double>(kBlock));
  }
  stream.values_SC = std::move(means);
  stream.rate_hz /= static_cast<double>(kBlock);
}

}  // namespace wesad_import

// WESAD as published: S2/S2.pkl to S17/S17.pkl, pickles of Python 2: {"signal": {"wrist": ACC (1/64 g), BVP,
// EDA, TEMP at 32, 64, 4 and 4 Hz; "chest": ACC, ECG, EMG, EDA, Temp, Resp at 700 Hz}, "label" at 700 Hz,
// "subject"}. Both devices are on one clock there. Subjects without one are read from the devices' own files,
// see wesad_raw.cpp.
ImportReport import_wesad(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace wesad_import;
  DatasetInfo info;
  info.name = "wesad";
  info.licence = "research, non-commercial";
  info.citation =
      "P. Schmidt et al., Introducing WESAD, a Multimodal Dataset for Wearable Stress and Affect Detection, "
      "ICMI 2018";
  info.importer = "wesad";
  note_windows(options, info);
  info.label_spaces = {{"condition", {kConditions.begin(), kConditions.end()}},
                       {"stress", {"non-stress", "stress"}}};
  info.known_defects = {"conditions are long and few: the time of a window gives its label away",
                        "chest skin conductance is averaged to 4 Hz before it is analysed",
                        "S1 and S12 are not published: their sensors failed",
                        "times are those of S2.pkl; of a subject without it, the RespiBAN's own, which begin "
                        "earlier, and its wrist is put on them by its movement (attributes wrist_clock_*)"};
  std::vector<std::string> subjects;
  require(fs::is_directory(source), ErrorCode::kData,
          source + ": not a folder; expected S2/S2.pkl ... in it");
  for (const auto& entry : fs::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name.size() > 1 && name[0] == 'S' &&
        name.find_first_not_of("0123456789", 1) == std::string::npos &&
        (has_pickle(source, name) || has_device_files(source, name)))
      subjects.push_back(name);
  }
  require(!subjects.empty(), ErrorCode::kData,
          source + ": no S2/S2.pkl, S3/S3.pkl ... here, and no S2/S2_respiban.txt with S2/S2_E4_Data.zip");
  std::sort(subjects.begin(), subjects.end());
  std::vector<ImportItem> items;
  for (const auto& subject : subjects) {
    items.push_back({subject, [source, subject](ImportWorker& worker) {
                       return read_subject(source, subject, worker.options());
                     }});
  }
  const std::string& head = subjects[0];
  const Recordings first =
      has_pickle(source, head) ? read_pickled_recordings(source, head) : read_devices(source, head);
  declare_sensor_features(first.wrist, kWrist, "Empatica E4", info);
  declare_sensor_features(first.chest, kChest, "RespiBAN", info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
