#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "import/physio/sensor_features.h"
#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/features/signal_analysis.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/sensor_recording.h"

namespace limbic::data {
namespace {

const std::vector<SensorFeatures> kStressPredictSensors = {
    {"eda", "eda"}, {"heart", "heart"}, {"temperature", "temperature"}, {"imu", "imu"}};

/// A line of intervals.csv: what the protocol was in [start, end), unix seconds.
struct Phase {
  std::string name;
  double start_unix_s = 0;
  double end_unix_s = 0;
  bool is_stress = false;
};

std::map<std::string, std::vector<Phase>> read_phases(const std::string& path) {
  require(std::filesystem::exists(path), ErrorCode::kData,
          path + ": missing; expected a table of participant, phase, start_unix, end_unix, stress");
  formats::CsvReader csv(path);
  formats::CsvRow row;
  std::map<std::string, std::vector<Phase>> phases;
  while (csv.next(row)) {
    const Phase phase{row.text("phase"), row.real("start_unix"), row.real("end_unix"),
                      row.integer("stress") != 0};
    require(phase.end_unix_s > phase.start_unix_s, ErrorCode::kData,
            row.where() + ": the phase ends before it begins");
    phases[row.text("participant")].push_back(phase);
  }
  return phases;
}

std::vector<RawSample> read_participant(const std::string& source, const std::string& participant,
                                        const std::vector<Phase>& phases, const ImportOptions& options) {
  const auto recording = formats::read_sensors(source + "/" + participant);
  require(recording.start_unix_s.has_value(), ErrorCode::kData,
          source + "/" + participant + ": the recording has no start time, so the phases cannot be placed");
  std::vector<RawSample> samples;
  std::vector<signals::Interval> windows;
  for (const auto& phase : phases) {
    const signals::Interval extent{phase.start_unix_s - *recording.start_unix_s,
                                   phase.end_unix_s - *recording.start_unix_s};
    if (extent.end_s - extent.start_s < options.window_s) continue;
    for (const auto& window : features::windows_of(extent, options.window_s, options.step_s)) {
      if (window.start_s < 0 || window.end_s > recording.end_s()) continue;
      RawSample raw;
      Sample& sample = raw.sample;
      sample.id = fmt::format("{}_{:04}", participant, samples.size());
      sample.corpus = "stress_predict";
      sample.subject = participant;
      sample.clip = participant;
      sample.t0 = core::Timestamp::from_seconds(window.start_s);
      sample.duration = core::Timestamp::from_seconds(window.end_s - window.start_s);
      sample.labels["stress"] = phase.is_stress ? "stress" : "rest";
      sample.attributes["phase"] = phase.name;
      sample.source_path = participant;
      samples.push_back(std::move(raw));
      windows.push_back(window);
    }
  }
  // The phases' order in the file is that of time; windows of overlapping ones would not be.
  require(std::is_sorted(windows.begin(), windows.end(),
                         [](const auto& a, const auto& b) { return a.start_s < b.start_s; }),
          ErrorCode::kData,
          source + "/intervals.csv: the phases of " + participant + " are not in order of time");
  add_sensor_features(recording, kStressPredictSensors, windows, samples);
  samples.erase(
      std::remove_if(samples.begin(), samples.end(), [](const RawSample& s) { return s.streams.empty(); }),
      samples.end());
  return samples;
}

}  // namespace

ImportReport import_stress_predict(const std::string& source, const std::string& out,
                                   const ImportOptions& options) {
  const auto phases = read_phases(source + "/intervals.csv");
  DatasetInfo info;
  info.name = "stress_predict";
  info.licence = "MIT";
  info.citation =
      "T. Iqbal et al., Stress monitoring using wearable sensors: a pilot study and stress-predict "
      "dataset, Sensors 22(21):8135, 2022";
  info.importer = "stress_predict";
  note_windows(options, info);
  info.label_spaces = {{"stress", {"rest", "stress"}}};
  info.known_defects = {
      "S06, S18, S19 and S30 have missing button tags: trust the times of their phases less",
      "skin conductance of about half the people is weak (mean 0.14 to 0.5 microsiemens)"};
  std::vector<ImportItem> items;
  for (const auto& [participant, of_participant] : phases) {
    if (!std::filesystem::is_directory(source + "/" + participant)) continue;
    items.push_back({participant, [&, source = source, participant = participant](ImportWorker& worker) {
                       return read_participant(source, participant, phases.at(participant), worker.options());
                     }});
  }
  require(!items.empty(), ErrorCode::kData,
          source + ": no participant of intervals.csv has a folder here (S01, S02...)");
  declare_sensor_features(formats::read_sensors(source + "/" + items.front().path), kStressPredictSensors, "",
                          info);
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
