#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/data/simulator.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"

namespace limbic::data {
namespace {

/// A line of labels.csv: what was felt and shown in [start, end).
struct LabelWindow {
  core::Timestamp start;
  core::Timestamp end;
  double valence = 0;
  double arousal = 0;
  std::string felt;
  std::string shown;
  std::map<std::string, std::string> said;  ///< task -> emotion: self_report, rater_1...
  std::map<std::string, double> reported;   ///< self_valence, self_arousal
};

constexpr const char* kSelfReport = "self_report";
bool is_rater(const std::string& column) {
  return column.rfind("rater_", 0) == 0;
}

std::vector<LabelWindow> read_windows(const std::string& path) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  std::vector<LabelWindow> windows;
  while (csv.next(row)) {
    LabelWindow window;
    const double start_s = row.real("start_s");
    const double end_s = row.real("end_s");
    if (start_s < 0 || end_s <= start_s || end_s > 1e6) {
      throw Error(ErrorCode::kData, fmt::format("{}: window [{}, {}) s; expected 0 <= start_s < end_s",
                                                row.where(), start_s, end_s));
    }
    window.start = core::Timestamp::from_seconds(start_s);
    window.end = core::Timestamp::from_seconds(end_s);
    window.valence = row.real("valence");
    window.arousal = row.real("arousal");
    window.felt = row.text("felt");
    window.shown = row.text("shown");
    const auto read_said = [&](const std::string& task, const std::string& column) {
      if (const std::string emotion(row.text(column)); !emotion.empty()) window.said[task] = emotion;
    };
    if (csv.has_column("self_felt")) read_said(kSelfReport, "self_felt");
    for (const auto& column : csv.columns()) {
      if (is_rater(column)) read_said(column, column);
    }
    for (const char* name : {"self_valence", "self_arousal"}) {
      if (!csv.has_column(name)) continue;
      if (const auto value = row.optional_real(name)) window.reported[name] = *value;
    }
    windows.push_back(std::move(window));
  }
  if (windows.empty()) throw Error(ErrorCode::kData, path + ": no windows");
  return windows;
}

constexpr const char* kMotion = "motion";
const std::vector<std::string> kMotionColumns{"gaze_x", "gaze_y", "lid",           "yaw",
                                              "pitch",  "roll",   "shoulder_lift", "torso_lean"};

/// Columns on the even grid of their t_s; a row with an empty or NaN value is a drop-out.
RawStream read_series(const std::string& path, const std::vector<std::string>& columns) {
  formats::CsvReader csv(path);
  formats::CsvRow row;
  std::vector<double> times;
  std::vector<float> values;
  std::vector<char> valid;
  while (csv.next(row)) {
    times.push_back(row.real("t_s"));
    valid.push_back(1);
    for (const auto& column : columns) {
      const auto value = row.optional_real(column);
      values.push_back(static_cast<float>(value.value_or(0.0)));
      if (!value) valid.back() = 0;
    }
    if (times.size() > 1 && times.back() <= times[times.size() - 2]) {
      throw Error(ErrorCode::kData, row.where() + ": t_s must rise");
    }
  }
  if (times.size() < 2 || times.front() < 0)
    throw Error(ErrorCode::kData, path + ": expected at least two rows from t_s >= 0 on");
  const double step_s = (times.back() - times.front()) / static_cast<double>(times.size() - 1);
  for (size_t i = 0; i < times.size(); ++i) {
    const double expected = times.front() + step_s * static_cast<double>(i);
    if (std::abs(times[i] - expected) > 0.1 * step_s) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: row {}: t_s {} is off the even grid ({} s); resample it first", path,
                              i + 1, times[i], step_s));
    }
  }
  RawStream stream;
  stream.rate_hz = std::round(1e6 / step_s) / 1e6;
  stream.t0 = core::Timestamp::from_seconds(times.front());
  stream.values = at::empty({static_cast<int64_t>(times.size()), static_cast<int64_t>(columns.size())},
                            at::TensorOptions(at::kFloat));
  std::copy(values.begin(), values.end(), stream.values.data_ptr<float>());
  stream.valid_T = at::empty({static_cast<int64_t>(valid.size())}, at::TensorOptions(at::kBool));
  for (size_t i = 0; i < valid.size(); ++i) stream.valid_T.data_ptr<bool>()[i] = valid[i] != 0;
  return stream;
}

using Attributes = std::map<std::string, std::string>;

std::map<std::string, Attributes> read_subjects(const std::string& path) {
  std::map<std::string, Attributes> subjects;
  if (!std::filesystem::exists(path)) return subjects;
  formats::CsvReader csv(path);
  formats::CsvRow row;
  while (csv.next(row)) {
    Attributes& attributes = subjects[row.text("subject")];
    for (const auto& column : csv.columns()) {
      if (column != "subject" && !row.text(column).empty()) attributes[column] = row.text(column);
    }
  }
  return subjects;
}

std::vector<RawSample> read_session(const std::string& source, const std::string& folder,
                                    const Attributes& attributes, double arousal_cut, ImportWorker& worker) {
  const std::string relative = "sessions/" + folder + "/video.mp4";
  const std::string video = source + "/" + relative;
  const size_t mark = folder.rfind('_');
  std::map<std::string, RawStream> whole;
  whole[stream_name::kFace] = read_face_clip(video, worker);
  if (has_sound(video)) whole[stream_name::kAudioWave] = read_sound(video);
  const std::string eda_path = source + "/sessions/" + folder + "/eda.csv";
  if (std::filesystem::exists(eda_path)) whole[stream_name::kEda] = read_series(eda_path, {"eda_us"});
  const std::string motion_path = source + "/sessions/" + folder + "/motion.csv";
  if (std::filesystem::exists(motion_path)) whole[kMotion] = read_series(motion_path, kMotionColumns);
  const std::string hash = core::sha256_file(video);

  std::vector<RawSample> samples;
  for (const auto& window : read_windows(source + "/sessions/" + folder + "/labels.csv")) {
    RawSample raw;
    Sample& sample = raw.sample;
    sample.id = fmt::format("{}_{:04}", folder, samples.size());
    sample.corpus = "simulated";
    sample.subject = folder.substr(0, mark);
    sample.session = folder.substr(mark + 1);
    sample.clip = folder;
    sample.t0 = window.start;
    sample.duration = window.end - window.start;
    if (!window.felt.empty()) sample.labels["emotion"] = window.felt;
    if (!window.shown.empty()) sample.labels["shown"] = window.shown;
    if (!window.felt.empty() && !window.shown.empty())
      sample.labels["masked"] = window.felt == window.shown ? "no" : "yes";
    sample.labels["arousal"] = window.arousal >= arousal_cut ? "high" : "low";
    sample.labels.insert(window.said.begin(), window.said.end());
    sample.values = {{"valence", window.valence}, {"arousal", window.arousal}};
    sample.values.insert(window.reported.begin(), window.reported.end());
    sample.attributes = attributes;
    sample.source_path = relative;
    sample.source_sha256 = hash;
    for (const auto& [name, stream] : whole) {
      RawStream part = cut_stream(stream, window.start, window.end);
      if (part.values.size(0) > 0) raw.streams[name] = std::move(part);
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

}  // namespace

ImportReport import_simulated(const std::string& source, const std::string& out,
                              const ImportOptions& options) {
  namespace fs = std::filesystem;
  if (!fs::exists(source + "/corpus.json") || !fs::is_directory(source + "/sessions")) {
    throw Error(
        ErrorCode::kData,
        source +
            ": no simulated corpus; expected corpus.json and sessions/ as `limbic simulate` writes them");
  }
  const nlohmann::json corpus = formats::read_json(source + "/corpus.json");
  const auto subjects = read_subjects(source + "/subjects.csv");
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(source + "/sessions")) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename().string();
    if (const size_t mark = name.rfind('_');
        mark == std::string::npos || mark == 0 || mark + 1 == name.size()) {
      throw Error(ErrorCode::kData, entry.path().string() + ": expected a folder named <subject>_<session>");
    }
    folders.push_back(name);
  }
  std::sort(folders.begin(), folders.end());

  DatasetInfo info;
  info.name = "simulated";
  info.licence = "made by limbic simulate; no people";
  info.importer = "simulated";
  info.options = {{"face_size", std::to_string(options.face_size)},
                  {"face_channels", std::to_string(options.face_channels)},
                  {"face_rate_hz", fmt::format("{}", options.face_rate_hz)}};
  if (const auto seed = corpus.find("seed"); seed != corpus.end()) info.options["seed"] = seed->dump();
  info.known_defects = {"synthetic: numbers on it say nothing about people"};

  double arousal_cut = SimulatorConfig{}.arousal_cut;
  if (const auto config = corpus.find("config"); config != corpus.end() && config->is_object())
    arousal_cut = config->value("arousal_cut", arousal_cut);

  std::set<std::string> felt;
  std::set<std::string> shown;
  std::map<std::string, std::set<std::string>> said;
  bool has_eda = false;
  bool has_motion = false;
  std::vector<ImportItem> items;
  for (const auto& folder : folders) {
    for (const auto& window : read_windows(source + "/sessions/" + folder + "/labels.csv")) {
      felt.insert(window.felt);
      shown.insert(window.shown);
      for (const auto& [task, emotion] : window.said) said[task].insert(emotion);
    }
    has_motion = has_motion || fs::exists(source + "/sessions/" + folder + "/motion.csv");
    has_eda = has_eda || fs::exists(source + "/sessions/" + folder + "/eda.csv");
    const auto at = subjects.find(folder.substr(0, folder.rfind('_')));
    const Attributes attributes = at == subjects.end() ? Attributes{} : at->second;
    items.push_back({"sessions/" + folder, [=](ImportWorker& worker) {
                       return read_session(source, folder, attributes, arousal_cut, worker);
                     }});
  }
  // The corpus may fix the order of its classes; names that occur decide otherwise.
  const auto space = [&](const char* task, std::set<std::string> names) {
    names.erase("");
    affect::LabelSpace result{task, {}};
    if (const auto classes = corpus.find("classes"); classes != corpus.end() && classes->is_array()) {
      for (const auto& name : *classes) {
        if (name.is_string()) result.classes.push_back(name.get<std::string>());
      }
    }
    for (const auto& name : names) {
      if (std::find(result.classes.begin(), result.classes.end(), name) == result.classes.end())
        result.classes.push_back(name);
    }
    return result;
  };
  for (auto& candidate : {space("emotion", felt), space("shown", shown)}) {
    if (!candidate.classes.empty()) info.label_spaces.push_back(candidate);
  }
  info.label_spaces.push_back({"arousal", {"low", "high"}});
  if (!felt.empty() && !shown.empty()) info.label_spaces.push_back({"masked", {"no", "yes"}});
  for (const auto& [task, names] : said) info.label_spaces.push_back(space(task.c_str(), names));
  info.modalities[stream_name::kFace] = face_modality(options, false);
  info.modalities[stream_name::kAudioWave] = wave_modality();
  if (has_eda) info.modalities[stream_name::kEda] = {"series", 4.0, "microsiemens", {1}};
  if (has_motion) {
    // Its rate is that of the pictures, which corpora differ in.
    info.modalities[kMotion] = {
        "series", 0.0, "", {static_cast<int64_t>(kMotionColumns.size())}, kMotionColumns};
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
