#include "limbic/formats/sensor_recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats {
namespace {

/// Words of a channel's name, lower case, with runs of letters apart from digits: "GSR1 (uS)" -> gsr us.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  char before = 0;
  for (const char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_letter = is_upper || (c >= 'a' && c <= 'z');
    const bool is_after_lower = before >= 'a' && before <= 'z';
    if (!is_letter || (is_upper && is_after_lower)) words.emplace_back();
    if (is_letter) words.back() += static_cast<char>(is_upper ? c + 32 : c);
    before = c;
  }
  return words;
}

bool is_recording_file(const std::string& name) {
  const std::string lower = detail::lower_case(name);
  for (const char* end : {".edf", ".bdf", ".xdf", ".xdfz", ".mat"}) {
    if (detail::ends_with(lower, end)) return true;
  }
  return false;
}

/// Folders of a folder, sorted.
std::vector<std::string> subfolders(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code ec;
  for (auto entry = std::filesystem::directory_iterator(folder, ec);
       !ec && entry != std::filesystem::directory_iterator(); entry.increment(ec)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) out.push_back(entry->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

SensorRecording read_folder(const std::string& path, const SensorReadOptions& options) {
  const FileBundle files(path, options.max_bytes);
  if (detail::is_empatica(files)) return detail::read_empatica(files, path, options);
  std::vector<std::string> found = find_recordings(path);
  const size_t num_found = found.size();
  if (num_found == 1) {
    SensorReadOptions same = options;
    return read_sensors(found.front(), same);
  }
  found.resize(std::min<size_t>(num_found, 5));
  for (std::string& name : found) name = detail::base_name(name);
  throw Error(
      ErrorCode::kData,
      num_found == 0
          ? path + ": no sensor recording; expected EDA.csv, ACC.csv ... of an Empatica E4, or name a file"
          : fmt::format("{}: {} recordings; name one: {}{}", path, num_found, core::join(found),
                        num_found > 5 ? ", ..." : ""));
}

/// One file of an E4 folder, named by itself: EDA.csv whose first line is a unix time and not a header.
bool is_e4_file(const std::string& name, const std::string& head) {
  const std::string kind = detail::e4_kind(name);
  if (kind.empty() || kind == "tags") return false;
  return detail::ends_with(name, ".gz") || std::strtod(head.c_str(), nullptr) > 1e8;
}

SensorRecording read_file(const std::string& path, const SensorReadOptions& options) {
  const std::string head = detail::read_head(path, 512);
  const std::string name = detail::lower_case(detail::base_name(path));
  using namespace std::string_literals;
  const auto starts = [&](const std::string& magic) { return head.compare(0, magic.size(), magic) == 0; };
  if (head.empty()) throw Error(ErrorCode::kData, path + ": empty; expected a sensor recording");
  if (starts("PK\x03\x04") || starts("PK\x05\x06")) {
    const FileBundle files(path, options.max_bytes);
    const auto& names = files.names();
    const bool is_npz = !names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& n) {
      return detail::ends_with(n, ".npy");
    });
    if (is_npz) return detail::read_sensor_npz(path, options);
    if (detail::is_empatica(files)) return detail::read_empatica(files, path, options);
    throw Error(ErrorCode::kData, path +
                                      ": a zip archive without EDA.csv, ACC.csv ... of an Empatica E4 in one "
                                      "folder; unpack it and name the recording inside");
  }
  if (starts("\x93NUMPY")) return detail::read_sensor_npz(path, options);
  if (starts("XDF:")) return detail::read_xdf(path, options);
  if (starts("0       ") || starts("\xff"s + "BIOSEMI")) return detail::read_edf(path, options);
  if (starts("MATLAB ") || detail::ends_with(name, ".mat")) return detail::read_sensor_mat(path, options);
  if (detail::is_bids_name(name)) return detail::read_bids(path, options);
  for (const auto& [end, wanted] :
       {std::pair{".edf", "EDF begins with '0' and 7 blanks"},
        std::pair{".bdf", "BDF begins with byte 255 and BIOSEMI"},
        std::pair{".xdf", "XDF begins with 'XDF:'"}, std::pair{".zip", "zip begins with PK"}}) {
    if (detail::ends_with(name, end)) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: byte 0: {}, here it is {}; is the file damaged or something else?", path,
                              wanted, detail::shown(head.substr(0, 8))));
    }
  }
  if (head.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kData,
                path +
                    ": a binary file of unknown kind; known: Empatica E4 folder or zip, EDF, "
                    "BDF, XDF, MATLAB .mat, npy, npz, BIDS and other text");
  }
  if (is_e4_file(name, head) && options.columns.empty() && options.time_column.empty()) {
    SensorReadOptions only = options;
    only.streams = {detail::e4_kind(name)};
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return detail::read_empatica(FileBundle(folder.empty() ? "." : folder, options.max_bytes), path, only);
  }
  return detail::read_sensor_text(path, options);
}

}  // namespace

double SensorStream::end_s() const {
  if (rate_hz > 0) return t0_s + static_cast<double>(num_samples()) / rate_hz;
  return time_s.empty() ? t0_s : time_s.back();
}

std::vector<double> SensorStream::channel(size_t index) const {
  if (index >= channels.size())
    throw Error(ErrorCode::kInternal, fmt::format("stream '{}' has no channel {}", name, index));
  std::vector<double> out(num_samples());
  for (size_t i = 0; i < out.size(); ++i) out[i] = at(i, index);
  return out;
}

bool SensorRecording::has(std::string_view name_or_modality) const {
  return std::any_of(streams.begin(), streams.end(), [&](const SensorStream& s) {
    return s.name == name_or_modality || s.modality == name_or_modality;
  });
}

const SensorStream& SensorRecording::stream(std::string_view name_or_modality) const {
  const SensorStream* found = nullptr;
  std::vector<std::string> names;
  int count = 0;
  for (const SensorStream& s : streams) {
    if (s.name == name_or_modality) return s;
    names.push_back(s.name);
    if (s.modality != name_or_modality) continue;
    found = &s;
    ++count;
  }
  if (count == 1) return *found;
  throw Error(ErrorCode::kData,
              fmt::format("{}: {} stream {}{}; streams: {}", source, count == 0 ? "no" : "more than one",
                          detail::shown(name_or_modality), core::did_you_mean(name_or_modality, names),
                          core::join(names)));
}

double SensorRecording::end_s() const {
  double end = 0;
  for (const SensorStream& s : streams) end = std::max(end, s.end_s());
  return end;
}

SensorRecording read_sensors(const std::string& path, const SensorReadOptions& options) {
  std::error_code ec;
  const bool is_folder = std::filesystem::is_directory(path, ec);
  if (!is_folder && !std::filesystem::exists(path, ec))
    throw Error(ErrorCode::kData, path + ": no such file or folder");
  SensorRecording recording = is_folder ? read_folder(path, options) : read_file(path, options);
  if (recording.source.empty()) {  // a reader that knows its clock 0 has finished by itself
    recording.source = path;
    detail::finish_recording(recording, options);
  }
  return recording;
}

std::vector<std::string> find_recordings(const std::string& folder) {
  const FileBundle files(folder, UINT64_C(1) << 20);
  if (detail::is_empatica(files)) return {folder};
  std::vector<std::string> found;
  std::string bids_before;
  for (const std::string& name : files.names()) {
    const std::string lower = detail::lower_case(name);
    if (detail::is_bids_name(lower)) {
      // The files of one run are one recording.
      const std::string prefix = lower.substr(0, std::min(lower.find("_recording-"), lower.rfind('_')));
      if (prefix != bids_before) found.push_back(folder + "/" + name);
      bids_before = prefix;
    } else if (is_recording_file(lower)) {
      found.push_back(folder + "/" + name);
    }
  }
  for (const std::string& sub : subfolders(folder)) {
    if (detail::is_empatica(FileBundle(sub, UINT64_C(1) << 20))) found.push_back(sub);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<SensorGap> find_gaps(const SensorStream& stream, double step_s) {
  std::vector<SensorGap> gaps;
  const size_t num_channels = stream.channels.size();
  const size_t n = stream.num_samples();
  if (stream.rate_hz > 0) {
    size_t begin = n;  // of the run of missing samples that is open
    for (size_t i = 0; i <= n; ++i) {
      bool is_missing = i < n;
      for (size_t c = 0; is_missing && c < num_channels; ++c) is_missing = std::isnan(stream.at(i, c));
      if (is_missing && begin == n) begin = i;
      if (!is_missing && begin < n) {
        gaps.push_back(
            {stream.time_of(begin), stream.time_of(begin) + static_cast<double>(i - begin) / stream.rate_hz});
        begin = n;
      }
    }
    return gaps;
  }
  for (size_t i = 1; i < n; ++i) {
    const double step = stream.time_s[i] - stream.time_s[i - 1];
    const double longest = stream.modality == "ibi" ? 1.5 * stream.at(i, 0) : step_s;
    if (step > longest) gaps.push_back({stream.time_s[i - 1], stream.time_s[i]});
  }
  return gaps;
}

std::string guess_modality(std::string_view name, std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 45> kWords = {{
      {"eda", "eda"},
      {"gsr", "eda"},
      {"scl", "eda"},
      {"scr", "eda"},
      {"electrodermal", "eda"},
      {"bvp", "bvp"},
      {"ecg", "ecg"},
      {"ekg", "ecg"},
      {"ppg", "ppg"},
      {"pleth", "ppg"},
      {"pulse", "ppg"},
      {"oximeter", "ppg"},
      {"ibi", "ibi"},
      {"rri", "ibi"},
      {"rr", "ibi"},
      {"nn", "ibi"},
      {"hr", "heart_rate"},
      {"bpm", "heart_rate"},
      {"temp", "temperature"},
      {"temperature", "temperature"},
      {"skt", "temperature"},
      {"acc", "acc"},
      {"accelerometer", "acc"},
      {"acceleration", "acc"},
      {"accel", "acc"},
      {"gyro", "gyro"},
      {"gyroscope", "gyro"},
      {"gyr", "gyro"},
      {"mag", "mag"},
      {"magnetometer", "mag"},
      {"resp", "respiration"},
      {"rsp", "respiration"},
      {"respiratory", "respiration"},
      {"respiration", "respiration"},
      {"breathing", "respiration"},
      {"emg", "emg"},
      {"eeg", "eeg"},
      {"gaze", "gaze"},
      {"por", "gaze"},
      {"pupil", "pupil"},
      {"photosensor", "photosensor"},
      {"photo", "photosensor"},
      {"photodiode", "photosensor"},
      {"lux", "photosensor"},
      {"heartrate", "heart_rate"},
  }};
  for (const std::string& word : words_of(name)) {
    for (const auto& [known, modality] : kWords) {
      if (word == known) return std::string(modality);
    }
  }
  const std::string lower = detail::lower_case(unit);
  if (lower == "bpm") return "heart_rate";
  if (lower == "us" || lower == "microsiemens" || unit == "\xc2\xb5S") return "eda";
  return "other";
}

}  // namespace limbic::formats
