#include "import/physio/continuous.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>

#include "import/words.h"
#include "limbic/core/error.h"
#include "limbic/formats/csv.h"

namespace limbic::data {
namespace continuous_import {

/// Without blanks and quotes around it.
std::string bare(std::string_view text) {
  const auto is_edge = [](char c) { return c == ' ' || c == '\t' || c == '\'' || c == '"'; };
  while (!text.empty() && is_edge(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_edge(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool is_time_name(const std::string& name) {
  const std::string plain = lower_case(name);
  return plain == "time" || plain == "timestamp" || plain == "frametime" || plain == "frame_time";
}

/// nullopt: not a number. Empty, "?" and any NaN are missing.
std::optional<double> number(const std::string& field) {
  const std::string text = bare(field);
  const std::string plain = lower_case(text);
  if (text.empty() || plain == "?" || plain == "nan" || plain == "-nan") return std::nan("");
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + (text[0] == '+' ? 1 : 0), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

char separator_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line(1 << 16, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<size_t>(file.gcount()));
  line = line.substr(0, line.find('\n'));
  for (const char c : {';', '\t'}) {
    if (line.find(c) != std::string::npos) return c;
  }
  return ',';
}

/// What the fields of a row are.
struct Columns {
  size_t time = SIZE_MAX;
  std::vector<size_t> values;
  std::vector<std::string> names;
  size_t num_fields = 0;

  void add(size_t field, const std::string& name, bool is_number) {
    num_fields = field + 1;
    if (!is_number) return;
    if (time == SIZE_MAX && is_time_name(name)) {
      time = field;
      return;
    }
    values.push_back(field);
    names.push_back(name);
  }
};

/// "@attribute 'name' numeric": its name and whether it is a number.
std::pair<std::string, bool> parse_attribute(const std::string& line) {
  size_t at = std::string("@attribute").size();
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  size_t end = 0;
  if (at < line.size() && (line[at] == '\'' || line[at] == '"'))
    end = line.find(line[at], at + 1);
  else
    end = line.find_first_of(" \t", at);
  end = std::min(end, line.size());
  const std::string name = bare(std::string_view(line).substr(at, end - at + 1));
  const std::string type = lower_case(bare(std::string_view(line).substr(std::min(line.size(), end + 1))));
  return {name, type.rfind("numeric", 0) == 0 || type.rfind("real", 0) == 0 || type.rfind("integer", 0) == 0};
}

}  // namespace continuous_import

RawStream TimedTable::stream() const {
  return series_stream(values_TF, columns.size(), rate_hz, core::Timestamp::from_seconds(t0_s));
}

TimedTable read_timed_table(const std::string& path, size_t max_rows) {
  using namespace continuous_import;
  const bool is_arff = extension_of(path) == "arff";
  formats::CsvOptions options;
  options.has_header = false;
  options.allow_ragged = true;
  options.quote = '\0';
  options.separator = is_arff ? ',' : separator_of(path);
  formats::CsvReader csv(path, options);
  formats::CsvRow row;
  Columns columns;
  TimedTable table;
  std::vector<double> times;
  bool is_in_data = !is_arff;
  while ((max_rows == 0 || times.size() < max_rows) && csv.next(row)) {
    if (is_arff && !is_in_data) {
      std::string line = row.text(size_t{0});
      for (size_t i = 1; i < row.size(); ++i) line += "," + row.text(i);
      const std::string start = lower_case(line.substr(0, 10));
      if (start == "@attribute") {
        const auto [name, is_number] = parse_attribute(line);
        columns.add(columns.num_fields, name, is_number);
      }
      is_in_data = start.rfind("@data", 0) == 0;
      continue;
    }
    if (is_arff && row.text(size_t{0}).rfind('%', 0) == 0) continue;
    if (!is_arff && columns.num_fields == 0) {
      require(row.size() >= 2, ErrorCode::kData,
              fmt::format("{}: one field; expected a time and values, separated by ';', ',' or tabs",
                          row.where()));
      const bool has_header = !number(row.text(1));
      if (has_header) {
        for (size_t i = 0; i < row.size(); ++i) {
          const std::string name = bare(row.text(i));
          const std::string plain = lower_case(name);
          columns.add(i, name,
                      !(plain == "name" || plain == "file" || plain == "filename" || plain == "participant"));
        }
        continue;
      }
      for (size_t i = 0; i < row.size(); ++i) {
        const bool is_first_number = columns.time == SIZE_MAX && number(row.text(i)).has_value();
        columns.add(i, is_first_number ? "time" : "", number(row.text(i)).has_value());
      }
    }
    require(columns.time != SIZE_MAX && !columns.values.empty(), ErrorCode::kData,
            path + ": no column 'time', 'timestamp' or 'frameTime' beside values");
    require(row.size() == columns.num_fields, ErrorCode::kData,
            fmt::format("{}: {} fields; expected {}", row.where(), row.size(), columns.num_fields));
    const auto value_at = [&](size_t field) {
      const auto value = number(row.text(field));
      require(value.has_value(), ErrorCode::kData,
              fmt::format("{}: '{}' is not a number", row.where(), row.text(field).substr(0, 40)));
      return *value;
    };
    times.push_back(value_at(columns.time));
    for (const size_t field : columns.values) table.values_TF.push_back(value_at(field));
  }
  require(times.size() >= 2, ErrorCode::kData,
          fmt::format("{}: {} rows; expected two or more", path, times.size()));
  table.columns = columns.names;
  table.t0_s = times.front();
  const double step_s = (times.back() - times.front()) / static_cast<double>(times.size() - 1);
  for (size_t i = 0; i < times.size(); ++i) {
    require(
        step_s > 0 && std::abs(times[i] - (times.front() + static_cast<double>(i) * step_s)) <= 0.6 * step_s,
        ErrorCode::kData,
        fmt::format("{}: row {} is at {} s; rows must be evenly spaced, here {} s apart on average", path,
                    i + 1, times[i], step_s));
  }
  table.rate_hz = 1 / step_s;
  // Times are rounded in the files; rates are not odd.
  for (const double scale : {1.0, 10.0}) {
    const double round = std::round(table.rate_hz * scale) / scale;
    if (round > 0 && std::abs(round - table.rate_hz) < 1e-3 * table.rate_hz) {
      table.rate_hz = round;
      break;
    }
  }
  return table;
}

std::string feature_stream_name(const std::string& file) {
  const std::string folders = file.substr(0, file.find_last_of('/') + 1);
  std::string name;
  std::string word;
  for (const char c : lower_case(folders)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
      continue;
    }
    const bool is_noise = word.empty() || word == "features" || word == "feature" || word == "recola" ||
                          word == "sewa" || word.rfind("avec", 0) == 0;
    if (!is_noise) name += (name.empty() ? "" : "_") + word;
    word.clear();
  }
  return name.empty() ? "features" : name;
}

void AnnotationTrack::add(const std::string& name, const TimedTable& table, size_t column,
                          const std::string& path) {
  const size_t num_rows = table.num_rows();
  if (tracks_.empty()) {
    t0_s_ = table.t0_s;
    rate_hz_ = table.rate_hz;
  }
  require(table.rate_hz == rate_hz_ && std::abs(table.t0_s - t0_s_) < 0.5 / rate_hz_, ErrorCode::kData,
          fmt::format(
              "{}: ratings at {} Hz from {} s; expected {} Hz from {} s as in the recording's other ratings",
              path, table.rate_hz, table.t0_s, rate_hz_, t0_s_));
  std::vector<double>& track = tracks_[name];
  require(track.empty(), ErrorCode::kData, fmt::format("{}: a second track of {}", path, name));
  for (size_t t = 0; t < num_rows; ++t) track.push_back(table.values_TF[t * table.columns.size() + column]);
  num_rows_ = std::max(num_rows_, num_rows);
}

RawStream AnnotationTrack::stream(const std::vector<std::string>& columns) const {
  std::vector<double> values(num_rows_ * columns.size(), std::nan(""));
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto track = tracks_.find(columns[c]);
    if (track == tracks_.end()) continue;
    for (size_t t = 0; t < track->second.size(); ++t) values[t * columns.size() + c] = track->second[t];
  }
  return series_stream(values, columns.size(), rate_hz_, core::Timestamp::from_seconds(t0_s_));
}

void add_mean_ratings(const std::vector<std::string>& columns, RawSample& raw) {
  const auto found = raw.streams.find(stream_name::kAnnotation);
  if (found == raw.streams.end()) return;
  const at::Tensor values_TF = found->second.values.contiguous();
  const auto* values = values_TF.data_ptr<float>();
  const auto num_rows = static_cast<size_t>(values_TF.size(0));
  std::map<std::string, std::pair<double, size_t>> gold, raters;  // sum and count by dimension
  for (size_t c = 0; c < columns.size(); ++c) {
    const size_t dot = columns[c].rfind('.');
    auto& [sum, count] = (columns[c].substr(0, dot) == "gold" ? gold : raters)[columns[c].substr(dot + 1)];
    for (size_t t = 0; t < num_rows; ++t) {
      const float value = values[t * columns.size() + c];
      if (!std::isnan(value)) sum += value, ++count;
    }
  }
  for (const auto* means : {&gold, &raters}) {
    for (const auto& [dimension, mean] : *means) {
      if (mean.second > 0)
        raw.sample.values.emplace(dimension, mean.first / static_cast<double>(mean.second));
    }
  }
}

void declare_features(const std::string& source, const std::map<std::string, ContinuousRecording>& recordings,
                      DatasetInfo& info) {
  for (const auto& [id, recording] : recordings) {
    for (const auto& [stream, file] : recording.features) {
      if (info.modalities.count(stream) != 0) continue;
      const TimedTable head = read_timed_table(source + "/" + file, 2);
      RawModality& modality = info.modalities[stream];
      const bool has_names = std::all_of(head.columns.begin(), head.columns.end(),
                                         [](const std::string& name) { return !name.empty(); });
      if (has_names) modality.columns = head.columns;
      modality.frame_shape = {static_cast<int64_t>(head.columns.size())};
      modality.may_be_missing = true;
    }
  }
}

void add_features(const std::string& source, const ContinuousRecording& recording, const DatasetInfo& info,
                  RawSample& whole) {
  for (const auto& [stream, file] : recording.features) {
    const TimedTable table = read_timed_table(source + "/" + file);
    const int64_t width = info.modalities.at(stream).frame_shape[0];
    require(static_cast<int64_t>(table.columns.size()) == width, ErrorCode::kData,
            fmt::format("{}/{}: {} columns of values; expected {} as in the first file of {}", source, file,
                        table.columns.size(), width, stream));
    whole.streams[stream] = table.stream();
  }
}

}  // namespace limbic::data
