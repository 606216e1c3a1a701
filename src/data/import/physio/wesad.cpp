#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "import/physio/sensor_features.h"
#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/features/signal_analysis.h"
#include "limbic/formats/pickle.h"

namespace limbic::data {
namespace wesad_import {

namespace fs = std::filesystem;

constexpr double kChestRate_hz = 700.0;  ///< of the labels too
/// Samples of chest skin conductance that are averaged to one: 4 Hz, the rate of the wrist's. SCRs last
/// seconds.
constexpr size_t kEdaBlock = 175;
/// Labels 1 to 4; 0 is between the conditions, 5 to 7 "should be ignored" (readme of the corpus).
constexpr std::array<const char*, 4> kConditions = {"baseline", "stress", "amusement", "meditation"};

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

void average_blocks(formats::SensorStream& stream, size_t block) {
  std::vector<double> means;
  for (size_t i = 0; i + block <= stream.values_SC.size(); i += block) {
    double sum = 0;
    for (size_t k = i; k < i + block; ++k) sum += stream.values_SC[k];
    means.push_back(sum / static_cast<double>(block));
  }
  stream.values_SC = std::move(means);
  stream.rate_hz /= static_cast<double>(block);
}

struct Recordings {
  formats::SensorRecording wrist, chest;
  std::vector<double> labels;  ///< at 700 Hz
};

Recordings read_recordings(const std::string& path, const std::string& subject) {
  const auto root = formats::read_pickle(path);
  if (const auto name = root.find("subject"); name && name->text() != subject)
    name->fail(fmt::format("'{}' in the folder of {}", name->text(), subject));
  const auto wrist = root.at("signal").at("wrist");
  const auto chest = root.at("signal").at("chest");
  Recordings out;
  out.wrist.source = out.chest.source = path;
  out.wrist.format = out.chest.format = "wesad";
  out.wrist.streams = {
      sensor(wrist, "EDA", "eda", 1, 4, "microsiemens"), sensor(wrist, "BVP", "bvp", 1, 64, ""),
      sensor(wrist, "TEMP", "temperature", 1, 4, "degC"), sensor(wrist, "ACC", "acc", 3, 32, "g", 1.0 / 64)};
  out.chest.streams = {sensor(chest, "EDA", "eda", 1, kChestRate_hz, "microsiemens"),
                       sensor(chest, "ECG", "ecg", 1, kChestRate_hz, "mV")};
  average_blocks(out.chest.streams[0], kEdaBlock);
  out.labels = root.at("label").reals();
  return out;
}

std::vector<RawSample> read_subject(const std::string& source, const std::string& subject,
                                    const ImportOptions& options) {
  const std::string file = subject + "/" + subject + ".pkl";
  const Recordings recordings = read_recordings(source + "/" + file, subject);
  const std::string sha256 = core::sha256_file(source + "/" + file);
  const auto& labels = recordings.labels;
  std::vector<RawSample> samples;
  std::vector<signals::Interval> windows;
  for (size_t begin = 0, end = 0; begin < labels.size(); begin = end) {
    while (end < labels.size() && labels[end] == labels[begin]) ++end;
    const double label = labels[begin];
    require(label >= 0 && label <= 7 && label == std::floor(label), ErrorCode::kData,
            fmt::format("{}/{}: label {} at {:.3f} s; expected 0 to 7", source, file, label,
                        static_cast<double>(begin) / kChestRate_hz));
    if (label < 1 || label > 4) continue;
    const signals::Interval extent{static_cast<double>(begin) / kChestRate_hz,
                                   static_cast<double>(end) / kChestRate_hz};
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
      sample.labels["condition"] = kConditions[static_cast<size_t>(label) - 1];
      sample.labels["stress"] = label == 2 ? "stress" : "non-stress";
      sample.source_path = file;
      sample.source_sha256 = sha256;
      samples.push_back(std::move(raw));
      windows.push_back(window);
    }
  }
  add_sensor_features(recordings.wrist, kWrist, windows, samples);
  add_sensor_features(recordings.chest, kChest, windows, samples);
  return samples;
}

}  // namespace wesad_import

// WESAD as published: S2/S2.pkl to S17/S17.pkl, pickles of Python 2: {"signal": {"wrist": ACC (1/64 g), BVP,
// EDA, TEMP at 32, 64, 4 and 4 Hz; "chest": ACC, ECG, EMG, EDA, Temp, Resp at 700 Hz}, "label" at 700 Hz,
// "subject"}. Both devices are on one clock there; their own files (E4 zip, RespiBAN text) are not.
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
                        "S1 and S12 are not published: their sensors failed"};
  std::vector<std::string> subjects;
  require(fs::is_directory(source), ErrorCode::kData,
          source + ": not a folder; expected S2/S2.pkl ... in it");
  for (const auto& entry : fs::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name.size() > 1 && name[0] == 'S' &&
        name.find_first_not_of("0123456789", 1) == std::string::npos &&
        fs::exists(entry.path() / (name + ".pkl")))
      subjects.push_back(name);
  }
  require(!subjects.empty(), ErrorCode::kData,
          source +
              ": no S2/S2.pkl, S3/S3.pkl ... here; the devices' own files (S2_E4_Data.zip, S2_respiban.txt) "
              "lie on two "
              "clocks and are not read");
  std::sort(subjects.begin(), subjects.end());
  std::vector<ImportItem> items;
  for (const auto& subject : subjects) {
    items.push_back({subject, [source, subject](ImportWorker& worker) {
                       return read_subject(source, subject, worker.options());
                     }});
  }
  const Recordings first =
      read_recordings(source + "/" + subjects[0] + "/" + subjects[0] + ".pkl", subjects[0]);
  declare_sensor_features(first.wrist, kWrist, "Empatica E4", info);
  declare_sensor_features(first.chest, kChest, "RespiBAN", info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
