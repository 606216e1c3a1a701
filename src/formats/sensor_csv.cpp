// Tables of numbers as text: CSV in all its dialects, and the '#' headers of OpenSignals (PLUX, BITalino) and
// BioSPPy.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "limbic/core/error.h"
#include "limbic/formats/jsonl.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

/// What the '#' lines before a table say.
struct TextHeader {
  std::string format = "csv";
  std::optional<double> rate_hz;
  std::optional<double> start_unix_s;
  std::string unit;
  std::vector<std::string> names;  ///< of all columns
  std::vector<bool>
      is_signal;  ///< false: counters and digital lines, left out unless a column map names them
};

void read_biosppy_line(const LineCursor& lines, std::string_view line, TextHeader& header) {
  const size_t split = line.find(":=");
  if (split == std::string_view::npos) return;
  const std::string key = lower_case(trim(line.substr(0, split)));
  const std::string_view value = trim(line.substr(split + 2));
  if (key == "sampling rate (hz)") {
    header.rate_hz = parse_real(value);
    if (!header.rate_hz) lines.fail(fmt::format("the sampling rate is {}; expected a number", shown(value)));
  }
  if (key == "units") header.unit = value;
  if (key == "labels") split_fields(value, '\t', header.names);
  header.format = "biosppy";
}

void read_opensignals_json(const LineCursor& lines, std::string_view line, TextHeader& header) {
  const auto devices = parse_json(std::string(line), lines.where());
  if (!devices.is_object() || devices.empty() || !devices.begin()->is_object())
    lines.fail("expected an object with one device");
  if (devices.size() > 1)
    lines.fail(fmt::format("{} devices in one file; export one file a device", devices.size()));
  const auto& device = *devices.begin();
  const auto texts = [&](const char* key) {
    std::vector<std::string> out;
    const auto found = device.find(key);
    if (found == device.end() || !found->is_array()) return out;
    for (const auto& item : *found) out.push_back(item.is_string() ? item.get<std::string>() : std::string());
    return out;
  };
  const auto rate = device.find("sampling rate");
  if (rate != device.end() && rate->is_number()) header.rate_hz = rate->get<double>();
  header.names = texts("column");
  const auto labels = texts("label");
  const auto sensors = texts("sensor");
  header.is_signal.assign(header.names.size(), false);
  for (size_t i = 0; i < header.names.size(); ++i) {
    const auto found = std::find(labels.begin(), labels.end(), header.names[i]);
    if (found == labels.end()) continue;
    header.is_signal[i] = true;
    const auto index = static_cast<size_t>(found - labels.begin());
    // "EDA" says more than "A3"; two sensors of a kind keep their labels.
    if (index < sensors.size() && !sensors[index].empty() && sensors[index] != "RAW" &&
        std::count(sensors.begin(), sensors.end(), sensors[index]) == 1) {
      header.names[i] = sensors[index];
    }
  }
  if (device.contains("date") && device.contains("time") && device["date"].is_string() &&
      device["time"].is_string()) {
    header.start_unix_s =
        parse_date_time(device["date"].get<std::string>() + " " + device["time"].get<std::string>());
  }
  header.unit = "counts";
  header.format = "opensignals";
}

char find_separator(std::string_view line) {
  for (const char c : {'\t', ';', ','}) {
    if (trim(line).find(c) != std::string_view::npos) return c;
  }
  return trim(line).find(' ') != std::string_view::npos ? ' ' : ',';
}

/// A field as a number; with ';' between fields a comma may be the decimal point.
std::optional<double> field_number(std::string_view field, char separator) {
  const auto value = parse_real(field);
  if (value || separator != ';' || field.find('.') != std::string_view::npos) return value;
  std::string point(field);
  std::replace(point.begin(), point.end(), ',', '.');
  return parse_real(point);
}

struct NumberTable {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  std::vector<bool> is_text;
  std::optional<size_t> time_column;
  bool has_dates = false;
};

/// Rows into columns. Every refusal names the line.
NumberTable read_table(LineCursor& lines, std::string_view line, const TextHeader& header,
                       const SensorReadOptions& options, std::vector<std::string>& notes) {
  NumberTable table;
  const char separator = options.separator != '\0' ? options.separator : find_separator(line);
  std::vector<std::string> fields;
  split_fields(line, separator, fields);
  // OpenSignals ends its lines with a separator.
  const auto drop_last_empty = [&](size_t wanted) {
    if (fields.size() == wanted + 1 && fields.back().empty()) fields.pop_back();
  };
  const bool is_header = std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
    return !is_missing(field) && !field_number(field, separator) && !parse_date_time(field);
  });
  if (is_header) {
    if (!fields.empty() && fields.back().empty()) fields.pop_back();
    table.names = fields;
  } else {
    if (!header.names.empty()) drop_last_empty(header.names.size());
    for (size_t i = 0; i < fields.size(); ++i)
      table.names.push_back(header.names.size() == fields.size() ? header.names[i]
                                                                 : fmt::format("column {}", i + 1));
  }
  const size_t num_columns = table.names.size();
  table.columns.resize(num_columns);
  table.is_text.assign(num_columns, false);
  table.time_column = find_time_column(table.names, options, lines.where());
  double time_before = -std::numeric_limits<double>::infinity();
  for (bool has_line = is_header ? lines.next(line) : true; has_line; has_line = lines.next(line)) {
    if (trim(line).empty() || line.front() == '#') continue;
    split_fields(line, separator, fields);
    drop_last_empty(num_columns);
    std::string what;
    if (fields.size() != num_columns)
      what = fmt::format("{} fields; expected {}", fields.size(), num_columns);
    for (size_t c = 0; what.empty() && c < num_columns; ++c) {
      auto value = field_number(fields[c], separator);
      const bool is_time = table.time_column == c;
      if (is_time && !value) {
        value = parse_date_time(fields[c]);
        table.has_dates = table.has_dates || value.has_value();
      }
      if (is_time && !value)
        what = fmt::format("column '{}': {} is no time", table.names[c], shown(fields[c]));
      if (is_time && value) {
        if (*value < time_before) {
          what = fmt::format("column '{}': time {} comes after {}; times must not go back; sort the file",
                             table.names[c], *value, time_before);
        }
        time_before = *value;
      }
      if (!value && !is_time && !table.is_text[c] && !is_missing(fields[c])) {
        const auto& before = table.columns[c];
        const bool is_first =
            std::all_of(before.begin(), before.end(), [](double v) { return std::isnan(v); });
        if (!is_first)
          what = fmt::format("column '{}': {} is not a number", table.names[c], shown(fields[c]));
        table.is_text[c] = true;
      }
      if (what.empty())
        table.columns[c].push_back(table.is_text[c]
                                       ? std::numeric_limits<double>::quiet_NaN()
                                       : value.value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    if (what.empty()) continue;
    if (lines.is_torn()) {
      notes.push_back(fmt::format("the file ends within line {}; that row is left out", lines.line()));
      for (auto& column : table.columns) {
        const size_t whole = table.columns.back().size();
        if (column.size() > whole) column.resize(whole);
      }
      break;
    }
    lines.fail(what);
  }
  return table;
}

/// Intervals between beats, one after the other, are no samples at a rate: each ends where the next begins.
void spread_intervals(SensorStream& stream, std::vector<std::string>& notes) {
  std::vector<double> sorted;
  for (const double v : stream.values_SC) {
    if (std::isfinite(v)) sorted.push_back(v);
  }
  if (sorted.empty()) return;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<int64_t>(sorted.size() / 2), sorted.end());
  const bool is_ms = stream.unit == "ms" || (stream.unit.empty() && sorted[sorted.size() / 2] > 10);
  std::vector<double> kept;
  double time = stream.t0_s;
  for (const double v : stream.values_SC) {
    const double interval = is_ms ? v / 1000 : v;
    if (!(interval > 0)) continue;
    time += interval;
    stream.time_s.push_back(time);
    kept.push_back(interval);
  }
  notes.push_back(fmt::format("{}: intervals between beats; beats lie at their sums", shown(stream.name)));
  stream.values_SC = std::move(kept);
  stream.rate_hz = 0;
  stream.unit = "s";
}

}  // namespace

SensorRecording read_sensor_text(const std::string& path, const SensorReadOptions& options) {
  SensorRecording recording;
  const std::string text = read_unpacked(path, options.max_bytes);
  LineCursor lines(text, path);
  TextHeader header;
  std::string_view line;
  bool has_line = false;
  bool expects_json = false;
  while ((has_line = lines.next(line))) {
    if (trim(line).empty()) continue;
    if (line.front() != '#') break;
    const std::string_view comment = trim(line.substr(1));
    if (comment.substr(0, 30) == "OpenSignals Text File Format")
      expects_json = true;
    else if (expects_json && !comment.empty() && comment.front() == '{')
      read_opensignals_json(lines, comment, header);
    else
      read_biosppy_line(lines, comment, header);
  }
  recording.format = header.format;
  recording.start_unix_s = header.start_unix_s;
  if (header.start_unix_s)
    recording.notes.push_back("the start is local time without a zone; it is taken as UTC");
  if (!has_line) {
    throw Error(ErrorCode::kData, path + ": no samples; expected a table of numbers");
  }
  NumberTable table = read_table(lines, line, header, options, recording.notes);

  RowTimes times;
  if (table.time_column) {
    bool is_unix = false;
    const size_t index = *table.time_column;
    times.time_s =
        to_seconds(std::move(table.columns[index]), table.has_dates ? TimeUnit::kSeconds : options.time_unit,
                   table.names[index], is_unix);
    if (is_unix) recording.start_unix_s = 0;
  } else {
    times.rate_hz = header.rate_hz.value_or(0);
    if (header.rate_hz && !(*header.rate_hz > 0))
      times.rate_hz = rate_of(options, "*", "*", header.rate_hz, path);
    if (!header.rate_hz) {
      if (const auto rate = rate_in_name(path); rate && options.rate_hz.empty()) {
        times.rate_hz = *rate;
        recording.notes.push_back(fmt::format("the rate of {:g} Hz is taken from the file's name", *rate));
      }
    }
  }
  std::vector<RawColumn> columns;
  for (size_t c = 0; c < table.names.size(); ++c) {
    if (table.time_column == c) continue;
    if (options.columns.empty() && c < header.is_signal.size() && !header.is_signal[c]) continue;
    if (table.is_text[c]) {
      recording.notes.push_back(fmt::format("column {} holds text; it is left out", shown(table.names[c])));
      continue;
    }
    columns.push_back({table.names[c], header.unit, std::move(table.columns[c])});
  }
  if (columns.empty()) throw Error(ErrorCode::kData, path + ": no column of numbers");
  if (columns.front().values.empty()) throw Error(ErrorCode::kData, path + ": a header and no samples");
  // Intervals need no rate; what is not intervals does.
  const bool is_intervals = !table.time_column && options.rate_hz.empty() && columns.size() == 1 &&
                            guess_modality(columns[0].name) == "ibi";
  if (is_intervals && times.rate_hz == 0) times.rate_hz = 1;
  recording.streams = build_streams(std::move(columns), std::move(times), options, path, recording.notes);
  for (SensorStream& stream : recording.streams) {
    if (is_intervals && stream.modality == "ibi") spread_intervals(stream, recording.notes);
  }
  return recording;
}

}  // namespace limbic::formats::detail
