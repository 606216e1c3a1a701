#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "import/physio/windows.h"
#include "import/pipeline.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/sensor_recording.h"

namespace limbic::data {
namespace mahnob_hci_import {

namespace fs = std::filesystem;

constexpr double kMargin_s = 30.0;  ///< recorded before and after every stimulus
constexpr double kRate_hz = 256.0;

/// Codes of feltEmo in the manual.
constexpr std::array<const char*, 13> kEmotions = {"neutral", "anger",     "disgust", "fear",  "joy",
                                                   "sadness", "surprise",  "scream",  "bored", "sleepy",
                                                   "unknown", "amusement", "anxiety"};
struct Scale {
  const char* attribute;
  const char* value;
};
constexpr std::array<Scale, 4> kScales = {{{"feltVlnc", "valence"},
                                           {"feltArsl", "arousal"},
                                           {"feltCtrl", "control"},
                                           {"feltPred", "predictability"}}};

struct Sensor {
  const char* stream;
  const char* unit;
  std::vector<std::string> channels;  ///< labels in the .bdf
};
const std::vector<Sensor>& sensors() {
  static const std::vector<Sensor> kSensors = {
      {"eeg", "microvolts", {"Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3",  "T7", "CP5", "CP1", "P3",
                             "P7",  "PO3", "O1", "Oz", "Pz",  "Fp2", "AF4", "Fz", "F4",  "F8",  "FC6",
                             "FC2", "Cz",  "C4", "T8", "CP6", "CP2", "P4",  "P8", "PO4", "O2"}},
      {"ecg", "microvolts", {"EXG1", "EXG2", "EXG3"}},
      {"skin_resistance", "as the device gives", {"GSR1"}},
      {"respiration", "as the device gives", {"Resp"}},
      {"temperature", "as the device gives", {"Temp"}}};
  return kSensors;
}

/// Attributes of the first start tag of a name. No more of XML is needed for session.xml, and no more is
/// read: nothing is included and no entity but the five of XML is known.
std::map<std::string, std::string> attributes_of(const std::string& text, const std::string& tag,
                                                 const std::string& path) {
  std::map<std::string, std::string> attributes;
  size_t at = 0;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  do {
    at = text.find("<" + tag, at);
    if (at == std::string::npos) return attributes;
    at += tag.size() + 1;
  } while (at < text.size() && !is_blank(text[at]) && text[at] != '>' && text[at] != '/');
  for (;;) {
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at >= text.size() || text[at] == '>' || text[at] == '/') return attributes;
    const size_t equals = text.find('=', at);
    const size_t quote = equals == std::string::npos ? equals : text.find_first_of("\"'", equals);
    const size_t end = quote == std::string::npos ? quote : text.find(text[quote], quote + 1);
    require(end != std::string::npos, ErrorCode::kData,
            fmt::format("{}: byte {}: an attribute of <{}> that is not name=\"value\"", path, at, tag));
    std::string name = text.substr(at, equals - at);
    while (!name.empty() && is_blank(name.back())) name.pop_back();
    std::string value;
    for (size_t i = quote + 1; i < end; ++i) {
      const auto entity = [&](const char* from, char to) {
        const std::string_view word(from);
        if (std::string_view(text).substr(i, word.size()) != word) return false;
        value += to;
        i += word.size() - 1;
        return true;
      };
      if (text[i] != '&' || !(entity("&amp;", '&') || entity("&lt;", '<') || entity("&gt;", '>') ||
                              entity("&quot;", '"') || entity("&apos;", '\'')))
        value += text[i];
    }
    attributes[name] = value;
    at = end + 1;
  }
}

std::optional<double> number_of(const std::map<std::string, std::string>& attributes, const std::string& name,
                                double low, double high, const std::string& path) {
  const auto found = attributes.find(name);
  if (found == attributes.end() || found->second.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  require(*end == '\0' && value >= low && value <= high, ErrorCode::kData,
          fmt::format("{}: {}=\"{}\"; expected {} to {}", path, name, found->second, low, high));
  return value;
}

std::vector<RawSample> read_session(const std::string& source, const std::string& folder,
                                    const ImportOptions& options) {
  const std::string xml = source + "/" + folder + "/session.xml";
  const std::string text = core::read_file(xml, 1 << 20);
  const auto session = attributes_of(text, "session", xml);
  const auto subject = attributes_of(text, "subject", xml);
  const auto text_of = [](const std::map<std::string, std::string>& from, const char* name) {
    const auto found = from.find(name);
    return found == from.end() ? std::string() : found->second;
  };
  // Sessions of implicit tagging, and pauses between stimuli, have no felt emotion.
  const auto emotion = number_of(session, "feltEmo", 0, kEmotions.size() - 1, xml);
  if (!emotion || text_of(session, "isStim") == "0") return {};
  require(!text_of(subject, "id").empty(), ErrorCode::kData, xml + ": no <subject id=\"...\">");
  RawSample whole;
  Sample& sample = whole.sample;
  const std::string number = folder;
  sample.id = "session_" + number;
  sample.corpus = "mahnob_hci";
  sample.subject = "subject_" + text_of(subject, "id");
  sample.session = number;
  sample.clip = sample.id;
  sample.labels["emotion"] = kEmotions[static_cast<size_t>(*emotion)];
  for (const Scale& scale : kScales) {
    if (const auto value = number_of(session, scale.attribute, 1, 9, xml))
      sample.values[scale.value] = *value;
  }
  if (const std::string media = text_of(session, "mediaFile"); !media.empty())
    sample.attributes["video"] = media;
  if (const std::string sex = text_of(subject, "gender"); !sex.empty()) sample.attributes["sex"] = sex;
  std::string bdf;
  for (const std::string& file : list_files(source + "/" + folder)) {
    if (extension_of(file) != "bdf") continue;
    require(bdf.empty(), ErrorCode::kData,
            fmt::format("{}/{}: two .bdf files; expected one a session", source, folder));
    bdf = file;
  }
  sample.source_path = folder + "/session.xml";
  sample.source_sha256 = core::sha256_file(xml);
  if (bdf.empty()) return {};  // a missing recording: nothing but the rating is left
  const std::string path = fmt::format("{}/{}/{}", source, folder, bdf);
  const formats::SensorRecording recording = formats::read_sensors(path);
  std::map<std::string, std::pair<const formats::SensorStream*, size_t>> channels;
  for (const formats::SensorStream& stream : recording.streams)
    for (size_t c = 0; c < stream.channels.size(); ++c) channels[stream.channels[c]] = {&stream, c};
  const double length_s = recording.end_s() - 2 * kMargin_s;
  require(length_s > 0, ErrorCode::kData,
          fmt::format("{}: {:.1f} s; expected more than the 30 s before and after the stimulus", path,
                      recording.end_s()));
  sample.t0 = core::Timestamp::from_seconds(kMargin_s);
  sample.duration = core::Timestamp::from_seconds(length_s);
  for (const Sensor& sensor : sensors()) {
    std::vector<std::pair<const formats::SensorStream*, size_t>> there;
    for (const std::string& channel : sensor.channels) {
      const auto found = channels.find(channel);
      if (found != channels.end()) there.push_back(found->second);
    }
    if (there.size() != sensor.channels.size()) continue;
    const size_t rows = there[0].first->num_samples();
    const double rate_hz = there[0].first->rate_hz;
    std::vector<double> values;
    values.reserve(rows * there.size());
    for (const auto& [stream, channel] : there)
      require(stream->num_samples() == rows && stream->rate_hz == rate_hz, ErrorCode::kData,
              fmt::format("{}: channels of {} differ in length or rate", path, sensor.stream));
    for (size_t t = 0; t < rows; ++t)
      for (const auto& [stream, channel] : there) values.push_back(stream->at(t, channel));
    whole.streams[sensor.stream] = series_stream(values, there.size(), rate_hz);
  }
  return cut_into_windows(whole, options);
}

}  // namespace mahnob_hci_import

// MAHNOB-HCI (Soleymani et al. 2012), emotion elicitation: Sessions/<n>/session.xml with the felt emotion and
// Part_*.bdf with the physiology. A sample is a window of a stimulus. The layout was read in the manual and
// in programs that use it.
ImportReport import_mahnob_hci(const std::string& source, const std::string& out,
                               const ImportOptions& options) {
  using namespace mahnob_hci_import;
  const std::string root = fs::is_directory(source + "/Sessions") ? source + "/Sessions" : source;
  DatasetInfo info;
  info.name = "mahnob_hci";
  info.licence = "research only, on request";
  info.citation =
      "M. Soleymani et al., A Multimodal Database for Affect Recognition and Implicit Tagging, IEEE "
      "Transactions on Affective Computing 3(1), 2012";
  info.importer = "mahnob_hci";
  info.label_spaces = {{"emotion", {kEmotions.begin(), kEmotions.end()}}};
  for (const Sensor& sensor : sensors())
    info.modalities[sensor.stream] = series_modality(sensor.channels, kRate_hz, sensor.unit);
  info.known_defects = {
      "sessions without a felt emotion (implicit tagging) or without a .bdf are left out",
      "the stimulus is taken to begin 30 s after the recording and to end 30 s before it, as the manual says",
      "skin_resistance is what the amplifier gives for GSR: resistance, not conductance",
      "gaze (.tsv) and video are not imported"};
  note_windows(options, info);
  std::vector<std::pair<std::string, std::string>> folders;  // by number, then name
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!entry.is_directory() || !fs::exists(entry.path() / "session.xml")) continue;
    const std::string name = entry.path().filename().string();
    folders.emplace_back(std::string(10 - std::min<size_t>(10, name.size()), '0') + name, name);
  }
  require(!folders.empty(), ErrorCode::kData, root + ": no <number>/session.xml in it");
  std::sort(folders.begin(), folders.end());
  std::vector<ImportItem> items;
  for (const auto& [key, folder] : folders) {
    items.push_back({folder, [root, folder = folder, &options](ImportWorker&) {
                       return read_session(root, folder, options);
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
