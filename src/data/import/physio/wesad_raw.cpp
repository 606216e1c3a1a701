// The devices' own files of WESAD. Facts are from wesad_readme.pdf, sections II and III.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "import/physio/wesad.h"
#include "limbic/core/error.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/signals/dsp/clock.h"

namespace limbic::data::wesad_import {
namespace {

constexpr size_t kFirstSensorColumn = 3;  ///< after the line number and a column to ignore; from 1
constexpr size_t kNumRespibanSensors = 8;
constexpr double kVcc_V = 3.0;
constexpr double kCounts = 65536.0;                     ///< 16 bit
constexpr double kAccMin = 28000.0, kAccMax = 38000.0;  ///< counts at -1 g and at 1 g

/// value = scale * counts + offset
struct RespibanSensor {
  const char* name;  ///< in the header
  const char* stream;
  const char* modality;
  const char* unit;
  double scale;
  double offset;
};
constexpr std::array<RespibanSensor, 6> kRespibanSensors = {{
    {"ECG", "ECG", "ecg", "mV", kVcc_V / kCounts, -0.5 * kVcc_V},
    {"EDA", "EDA", "eda", "microsiemens", kVcc_V / kCounts / 0.12, 0},
    {"EMG", "EMG", "emg", "mV", kVcc_V / kCounts, -0.5 * kVcc_V},
    {"TEMP", "TEMP", "temperature", "degC", 1, 0},  // not linear, see thermistor_degC
    {"XYZ", "ACC", "acc", "g", 2 / (kAccMax - kAccMin), -2 * kAccMin / (kAccMax - kAccMin) - 1},
    {"RESPIRATION", "RESP", "respiration", "%", 100 / kCounts, -50},
}};

/// A thermistor against 10 kOhm (Steinhart and Hart); NaN where the circuit is open or short.
double thermistor_degC(double counts) {
  const double v = counts * kVcc_V / (kCounts - 1);
  if (!(v > 0 && v < kVcc_V)) return std::numeric_limits<double>::quiet_NaN();
  const double log_ohm = std::log(1e4 * v / (kVcc_V - v));
  return 1 / (1.12764514e-3 + 2.34282709e-4 * log_ohm + 8.77303013e-8 * log_ohm * log_ohm * log_ohm) - 273.15;
}

/// Names of the sensors in columns 3 to 10, by the JSON in line 2.
std::vector<std::string> sensors_in_header(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), ErrorCode::kData, path + ": missing");
  std::string head(size_t{64} << 10, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  const size_t first_end = head.find('\n');
  const size_t second_end = first_end == std::string::npos ? first_end : head.find('\n', first_end + 1);
  require(head.rfind("# OpenSignals Text File Format", 0) == 0 && second_end != std::string::npos &&
              head[first_end + 1] == '#',
          ErrorCode::kData,
          path + ":1: not a file of OpenSignals; expected its name in line 1, and '# {...}' in line 2");
  const std::string where = path + ":2";
  const auto devices = formats::parse_json(head.substr(first_end + 2, second_end - first_end - 2), where);
  require(devices.is_object() && devices.size() == 1 && devices.begin()->is_object(), ErrorCode::kData,
          where + ": expected an object with one device");
  const auto& device = *devices.begin();
  const auto rate = device.find("sampling rate");
  require(rate != device.end() && rate->is_number() && rate->get<double>() == kChestRate_hz, ErrorCode::kData,
          where + ": expected a sampling rate of 700 Hz, that of the RespiBAN in WESAD");
  if (const auto bits = device.find("resolution"); bits != device.end() && bits->is_array()) {
    require(std::all_of(bits->begin(), bits->end(), [](const auto& b) { return b == 16; }), ErrorCode::kData,
            where + ": expected a resolution of 16 bit of every channel");
  }
  std::vector<std::string> names;
  if (const auto sensors = device.find("sensor"); sensors != device.end() && sensors->is_array()) {
    for (const auto& sensor : *sensors) names.push_back(sensor.is_string() ? sensor.get<std::string>() : "");
  }
  const auto count = [&](const char* name) { return std::count(names.begin(), names.end(), name); };
  require(names.size() == kNumRespibanSensors && count("ECG") == 1 && count("EDA") == 1 && count("XYZ") == 3,
          ErrorCode::kData,
          where + ": expected 8 sensors: ECG, EDA, three times XYZ; and EMG, TEMP, RESPIRATION");
  return names;
}

/// "7.08" -> 428 s. A zero at the end is not written: "50.3" is 50 min 30 s.
double parse_minutes_seconds(const std::string& text, const std::string& where) {
  const std::string_view view = text;
  const size_t point = std::min(view.find('.'), view.size());
  const std::string_view whole = view.substr(0, point);
  const std::string_view rest = point < view.size() ? view.substr(point + 1) : "0";
  int minutes = -1, seconds = -1;
  const auto parsed = [](std::string_view digits, int& value) {
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && stop == digits.data() + digits.size() && value >= 0;
  };
  const bool is_read =
      parsed(whole, minutes) && parsed(rest, seconds) && whole.size() <= 4 && rest.size() <= 2;
  if (is_read && rest.size() == 1) seconds *= 10;
  require(is_read && seconds < 60, ErrorCode::kData,
          fmt::format("{}: '{}' is no time; expected minutes.seconds such as 7.08", where, text));
  return 60.0 * minutes + seconds;
}

std::string e4_path(const std::string& source, const std::string& subject) {
  const std::string folder = fmt::format("{}/{}/{}_E4_Data", source, subject, subject);
  return std::filesystem::is_directory(folder) ? folder : folder + ".zip";
}

std::string respiban_file(const std::string& subject) {
  return fmt::format("{}/{}_respiban.txt", subject, subject);
}

signals::TimeSeries activity_of(const formats::SensorRecording& recording) {
  const auto& acc = recording.stream("acc");
  return signals::activity_of(acc.values_SC, acc.rate_hz, acc.t0_s);
}

/// The wrist's clock against the chest's, by the movement of both.
signals::ClockMatch match_clocks(const formats::SensorRecording& chest, const formats::SensorRecording& wrist,
                                 const std::string& subject) {
  const signals::TimeSeries reference = activity_of(chest), other = activity_of(wrist);
  signals::ClockMatchConfig config;
  config.max_offset_s = 3600;  // one session: nobody wore a device alone for an hour
  // Over minutes, unrelated movement correlates by chance; over half of a recording it does not.
  config.min_overlap_s =
      std::max(1.0, 0.5 * std::min(reference.end_s() - reference.t0_s, other.end_s() - other.t0_s));
  config.estimate_drift = true;  // two hours of two quartz clocks
  const auto match = signals::match_activity(reference, other, config);
  if (match.is_usable()) return match;
  // Windows too few or too still to show a drift may still agree on an offset.
  config.estimate_drift = false;
  const auto steady = signals::match_activity(reference, other, config);
  require(
      steady.is_usable(), ErrorCode::kData,
      fmt::format("{}: {} and {} share no movement by which their clocks could be matched: {}; expected the "
                  "double taps on the chest in both; without them only {}.pkl, which is synchronised, can "
                  "be read",
                  subject, wrist.source, chest.source, steady.refusal, subject));
  return steady;
}

void move_to_reference(const signals::ClockMatch& match, formats::SensorRecording& recording) {
  for (auto& stream : recording.streams) {
    stream.t0_s = match.to_reference(stream.t0_s);
    stream.rate_hz /= 1 + match.drift;
  }
}

}  // namespace

formats::SensorRecording read_respiban(const std::string& path) {
  const auto names = sensors_in_header(path);
  formats::SensorReadOptions options;
  options.time_column = "-";
  for (size_t i = 0; i < names.size(); ++i) {
    for (const auto& sensor : kRespibanSensors) {
      if (names[i] == sensor.name)
        options.columns.push_back({fmt::format("#{}", kFirstSensorColumn + i), sensor.modality, sensor.unit,
                                   sensor.scale, sensor.offset, sensor.stream});
    }
  }
  auto recording = formats::read_sensors(path, options);
  for (auto& stream : recording.streams) {
    if (stream.modality == "acc") stream.channels = {"x", "y", "z"};
    if (stream.modality != "temperature") continue;
    for (double& value : stream.values_SC) value = thermistor_degC(value);
  }
  return recording;
}

std::vector<ConditionInterval> read_schedule(const std::string& path, const std::string& subject,
                                             double recorded_s) {
  /// In the release S2.pkl labels a condition 10 s less at either end than S2_quest.csv lasts.
  constexpr double kMargin_s = 10;
  const std::map<std::string, size_t> conditions = {
      {"Base", 0}, {"TSST", 1}, {"Fun", 2}, {"Medi 1", 3}, {"Medi 2", 3}};
  struct Line {
    std::string where;
    std::vector<std::string> fields;
  };
  std::map<std::string, Line> lines;
  formats::CsvOptions options;
  options.separator = ';';
  options.quote = '\0';
  options.has_header = false;
  options.trim = true;
  options.allow_ragged = true;
  formats::CsvReader csv(path, options);
  formats::CsvRow row;
  while (csv.next(row)) {
    const std::string& key = row.text(size_t{0});
    if (key != "# Subj" && key != "# ORDER" && key != "# START" && key != "# END") continue;
    Line line{row.where(), {}};
    for (size_t i = 1; i < row.size(); ++i) line.fields.push_back(row.text(i));
    while (!line.fields.empty() && line.fields.back().empty()) line.fields.pop_back();
    const bool is_new = lines.emplace(key, std::move(line)).second;
    require(is_new, ErrorCode::kData, fmt::format("{}: a second line '{}'", row.where(), key));
  }
  if (const auto name = lines.find("# Subj"); name != lines.end()) {
    require(name->second.fields == std::vector{subject}, ErrorCode::kData,
            fmt::format("{}: not of {}, in whose folder it lies", name->second.where, subject));
  }
  for (const char* key : {"# ORDER", "# START", "# END"})
    require(lines.count(key) > 0, ErrorCode::kData, fmt::format("{}: no line '{}'", path, key));
  const Line &order = lines["# ORDER"], &start = lines["# START"], &end = lines["# END"];
  require(!order.fields.empty(), ErrorCode::kData, order.where + ": no conditions");
  for (const Line* times : {&start, &end}) {
    require(times->fields.size() == order.fields.size(), ErrorCode::kData,
            fmt::format("{}: {} times of {} conditions", times->where, times->fields.size(),
                        order.fields.size()));
  }
  std::vector<ConditionInterval> intervals;
  for (size_t i = 0; i < order.fields.size(); ++i) {
    const std::string& name = order.fields[i];
    const double start_s = parse_minutes_seconds(start.fields[i], start.where);
    const double end_s = parse_minutes_seconds(end.fields[i], end.where);
    require(start_s < end_s, ErrorCode::kData,
            fmt::format("{}: '{}' ends at {}, before it starts at {}", end.where, name, end.fields[i],
                        start.fields[i]));
    if (name == "bRead" || name == "sRead" || name == "fRead") continue;  // "please ignore" (readme)
    const auto found = conditions.find(name);
    require(found != conditions.end(), ErrorCode::kData,
            fmt::format("{}: condition '{}'; expected Base, TSST, Fun, Medi 1, Medi 2, bRead, sRead or fRead",
                        order.where, name));
    require(end_s <= recorded_s + 1, ErrorCode::kData,
            fmt::format("{}: '{}' ends at {:.0f} s; the RespiBAN recorded {:.0f} s", end.where, name, end_s,
                        recorded_s));
    intervals.push_back({{start_s, end_s}, found->second});
  }
  std::sort(intervals.begin(), intervals.end(),
            [](const auto& a, const auto& b) { return a.extent.start_s < b.extent.start_s; });
  for (size_t i = 1; i < intervals.size(); ++i) {
    require(intervals[i].extent.start_s >= intervals[i - 1].extent.end_s, ErrorCode::kData,
            fmt::format("{}: a condition starts at {:.0f} s, before another ends at {:.0f} s", start.where,
                        intervals[i].extent.start_s, intervals[i - 1].extent.end_s));
  }
  for (auto& interval : intervals) {
    interval.extent.start_s += kMargin_s;
    interval.extent.end_s = std::max(interval.extent.start_s, interval.extent.end_s - kMargin_s);
  }
  return intervals;
}

bool has_device_files(const std::string& source, const std::string& subject) {
  return std::filesystem::exists(source + "/" + respiban_file(subject)) ||
         std::filesystem::exists(e4_path(source, subject));
}

Recordings read_devices(const std::string& source, const std::string& subject) {
  Recordings out;
  out.file = respiban_file(subject);
  const std::string e4 = e4_path(source, subject);
  require(std::filesystem::exists(e4), ErrorCode::kData,
          e4 + ": missing; expected the Empatica E4's files beside those of the RespiBAN");
  out.chest = read_respiban(source + "/" + out.file);
  formats::SensorReadOptions options;
  options.streams = {"EDA", "BVP", "TEMP", "ACC"};  // HR, IBI and tags are derived, "to be ignored" (readme)
  out.wrist = formats::read_sensors(e4, options);
  for (const auto& stream : options.streams)
    require(out.wrist.has(stream), ErrorCode::kData, fmt::format("{}: no {}.csv", e4, stream));
  for (auto& stream : out.chest.streams) {
    if (stream.modality == "eda") average_blocks(stream);
  }
  return out;
}

Recordings read_raw_recordings(const std::string& source, const std::string& subject) {
  Recordings out = read_devices(source, subject);
  out.conditions = read_schedule(fmt::format("{}/{}/{}_quest.csv", source, subject, subject), subject,
                                 out.chest.stream("ecg").end_s());
  const auto match = match_clocks(out.chest, out.wrist, subject);
  move_to_reference(match, out.wrist);
  out.attributes = {{"wrist_clock_offset_s", fmt::format("{:.3f}", match.to_reference(0))},
                    {"wrist_clock_drift", fmt::format("{:.2e}", match.drift)},
                    {"wrist_clock_correlation", fmt::format("{:.3f}", match.correlation)},
                    {"wrist_clock_confidence", fmt::format("{:.3f}", match.confidence)}};
  return out;
}

}  // namespace limbic::data::wesad_import
