#include "import/generic/feature_tables.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/npy.h"

namespace limbic::data {
namespace feature_tables {

/// Frames must lie on a grid: their times may be off by rounding, not by more.
constexpr double kMaxJitterFrames = 0.5;

/// A row of a table on its way to a grid.
struct TimedRow {
  double time_s = 0;
  std::vector<double> values;
  bool is_valid = true;
  int64_t line = 0;
};

/// The usual frame rate that explains every time but for its rounding to milliseconds.
std::optional<double> usual_rate(const std::vector<TimedRow>& rows, double median_step) {
  constexpr double kRounding_s = 0.0011;  // of two times
  for (const double rate : {15.0, 24000 / 1001.0, 24.0, 25.0, 30000 / 1001.0, 30.0, 50.0, 60000 / 1001.0,
                            60.0, 100.0, 120.0, 125.0, 200.0, 250.0, 500.0, 1000.0}) {
    if (std::abs(median_step * rate - 1) > 0.05) continue;
    const bool fits = std::all_of(rows.begin(), rows.end(), [&](const TimedRow& row) {
      const double place = (row.time_s - rows.front().time_s) * rate;
      return std::abs(place - std::round(place)) <= kRounding_s * rate;
    });
    // At 1000 Hz a millisecond explains everything.
    if (fits && kRounding_s * rate < 0.25) return rate;
  }
  return std::nullopt;
}

/// Rows at their places on the grid of the median step; gaps become invalid frames.
FeatureFrames on_grid(const std::string& path, std::vector<std::string> columns, std::vector<TimedRow> rows) {
  require(!rows.empty(), ErrorCode::kData, path + ": no rows");
  FeatureFrames frames;
  const size_t width = columns.size();
  frames.columns = std::move(columns);
  std::vector<double> steps;
  for (size_t i = 1; i < rows.size(); ++i) {
    const double step = rows[i].time_s - rows[i - 1].time_s;
    require(step > 0, ErrorCode::kData,
            fmt::format("{}:{}: time {} does not go on from {}; expected one row a frame, in order", path,
                        rows[i].line, rows[i].time_s, rows[i - 1].time_s));
    steps.push_back(step);
  }
  if (steps.empty()) {
    frames.values_TF = rows.front().values;
    frames.is_valid_T = {static_cast<char>(rows.front().is_valid)};
    return frames;
  }
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2), steps.end());
  const double median = steps[steps.size() / 2];
  const double start_s = rows.front().time_s;
  const double length_s = rows.back().time_s - start_s;
  // Steps are rounded to milliseconds in these files: the mean over all of them is exact where none is
  // missing.
  const bool has_gaps =
      std::any_of(steps.begin(), steps.end(), [&](double step) { return step > 1.5 * median; });
  const double mean_step = length_s / static_cast<double>(rows.size() - 1);
  frames.rate_hz = usual_rate(rows, median).value_or(1 / (has_gaps ? median : mean_step));
  require(length_s * frames.rate_hz < 1e8, ErrorCode::kData, path + ": the times span too many frames");
  const auto num = static_cast<size_t>(std::lround(length_s * frames.rate_hz)) + 1;
  const double step = 1 / frames.rate_hz;
  require(start_s >= 0, ErrorCode::kData, path + ": negative time");
  frames.t0 = core::Timestamp::from_seconds(start_s);
  frames.values_TF.assign(num * width, 0.0);
  frames.is_valid_T.assign(num, 0);
  for (const auto& row : rows) {
    const double place = (row.time_s - start_s) / step;
    const auto i = static_cast<size_t>(std::lround(place));
    require(i < num && std::abs(place - static_cast<double>(i)) <= kMaxJitterFrames, ErrorCode::kData,
            fmt::format("{}:{}: time {} is on no grid of {:.4f} s", path, row.line, row.time_s, step));
    std::copy(row.values.begin(), row.values.end(),
              frames.values_TF.begin() + static_cast<std::ptrdiff_t>(i * width));
    frames.is_valid_T[i] = static_cast<char>(row.is_valid);
  }
  return frames;
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The columns of a table that are features.
struct FeatureColumns {
  std::vector<size_t> places;
  std::vector<std::string> names;
};

FeatureColumns columns_but(const formats::CsvReader& csv, std::initializer_list<const char*> others) {
  FeatureColumns features;
  for (size_t c = 0; c < csv.columns().size(); ++c) {
    if (is_one_of(csv.columns()[c], others)) continue;
    features.places.push_back(c);
    features.names.push_back(csv.columns()[c]);
  }
  return features;
}

/// A row whose missing features are NaN; one that has none is not valid.
TimedRow row_with_gaps(const formats::CsvRow& row, const FeatureColumns& features) {
  TimedRow timed;
  timed.line = row.line();
  timed.is_valid = false;
  for (const size_t c : features.places) {
    const auto value = row.optional_real(c);
    timed.values.push_back(value.value_or(std::nan("")));
    timed.is_valid = timed.is_valid || value.has_value();
  }
  return timed;
}

}  // namespace feature_tables

RawStream FeatureFrames::stream() const {
  RawStream out = series_stream(values_TF, columns.size(), rate_hz, t0);
  out.valid_T = at::empty({static_cast<int64_t>(is_valid_T.size())}, at::TensorOptions(at::kBool));
  for (size_t t = 0; t < is_valid_T.size(); ++t) out.valid_T.data_ptr<bool>()[t] = is_valid_T[t] != 0;
  return out;
}

FeatureFrames read_openface(const std::string& path, std::optional<int64_t> face_id) {
  using namespace feature_tables;
  formats::CsvReader csv(path);
  const size_t success = csv.column("success");
  const bool has_id = csv.has_column("face_id");
  FeatureColumns features = columns_but(csv, {"frame", "face_id", "timestamp", "success"});
  std::map<int64_t, std::vector<TimedRow>> rows_of_face;
  std::map<int64_t, int64_t> num_seen;
  formats::CsvRow row;
  while (csv.next(row)) {
    const int64_t face = has_id ? row.integer("face_id") : 0;
    TimedRow timed;
    timed.time_s = row.real("timestamp");
    timed.line = row.line();
    timed.is_valid = row.real(success) != 0;
    for (const size_t c : features.places) timed.values.push_back(row.real(c));
    num_seen[face] += timed.is_valid ? 1 : 0;
    rows_of_face[face].push_back(std::move(timed));
  }
  require(!rows_of_face.empty(), ErrorCode::kData, path + ": no rows");
  if (!face_id) {
    face_id = std::max_element(num_seen.begin(), num_seen.end(), [](const auto& a, const auto& b) {
                return a.second < b.second;
              })->first;
  }
  require(rows_of_face.count(*face_id) != 0, ErrorCode::kData, fmt::format("{}: no face {}", path, *face_id));
  auto frames = on_grid(path, std::move(features.names), std::move(rows_of_face.at(*face_id)));
  frames.tool = "openface";
  return frames;
}

FeatureFrames read_opensmile(const std::string& path) {
  using namespace feature_tables;
  formats::CsvOptions options;
  {
    formats::CsvOptions probe;
    probe.has_header = false;
    probe.allow_ragged = true;
    probe.separator = ';';
    probe.quote = '\'';
    formats::CsvReader csv(path, probe);
    formats::CsvRow first;
    require(csv.next(first), ErrorCode::kData, path + ": is empty");
    options.separator = first.size() > 1 ? ';' : ',';
  }
  options.quote = '\'';  // 'unknown' and file names
  formats::CsvReader csv(path, options);
  const char* const time_names[] = {"frameTime", "start", "time"};
  const auto* time_name = std::find_if(std::begin(time_names), std::end(time_names),
                                       [&](const char* name) { return csv.has_column(name); });
  FeatureColumns features =
      columns_but(csv, {"name", "frameIndex", "frameTime", "file", "start", "end", "time", "class"});
  require(!features.places.empty(), ErrorCode::kData, path + ":1: no feature columns");
  std::vector<TimedRow> rows;
  formats::CsvRow row;
  while (csv.next(row)) {
    TimedRow timed;
    timed.line = row.line();
    timed.time_s =
        time_name == std::end(time_names) ? static_cast<double>(rows.size()) : row.real(*time_name);
    for (const size_t c : features.places) timed.values.push_back(row.real(c));
    rows.push_back(std::move(timed));
  }
  require(
      time_name != std::end(time_names) || rows.size() <= 1, ErrorCode::kData,
      path + ": several rows and no frameTime: the summary of several files was appended; write one a file");
  auto frames = on_grid(path, std::move(features.names), std::move(rows));
  frames.tool = "opensmile";
  return frames;
}

FeatureFrames read_pyfeat(const std::string& path, double frame_rate_hz) {
  using namespace feature_tables;
  formats::CsvReader csv(path);
  FeatureColumns features = columns_but(
      csv, {"", "input", "frame", "approx_time", "FrameHeight", "FrameWidth", "Identity", "face_id"});
  require(frame_rate_hz > 0, ErrorCode::kConfig, path + ": Py-Feat counts frames; say the video's rate_hz");
  const size_t frame = csv.column("frame");
  const bool has_score = csv.has_column("FaceScore");
  std::vector<TimedRow> rows;
  std::vector<double> scores;
  formats::CsvRow row;
  while (csv.next(row)) {
    TimedRow timed = row_with_gaps(row, features);
    timed.time_s = row.real(frame) / frame_rate_hz;
    const double score = has_score ? row.optional_real("FaceScore").value_or(0.0) : 0.0;
    // Several faces of one frame: the surest.
    if (!rows.empty() && rows.back().time_s == timed.time_s) {
      if (score > scores.back()) rows.back() = std::move(timed), scores.back() = score;
      continue;
    }
    rows.push_back(std::move(timed));
    scores.push_back(score);
  }
  auto frames = on_grid(path, std::move(features.names), std::move(rows));
  frames.tool = "pyfeat";
  return frames;
}

FeatureFrames read_feature_csv(const std::string& path, double rate_hz) {
  using namespace feature_tables;
  formats::CsvReader csv(path);
  std::optional<size_t> time;
  for (size_t c = 0; c < csv.columns().size(); ++c)
    if (is_one_of(csv.columns()[c], {"time", "timestamp", "t_s", "time_s"})) time = c;
  FeatureColumns features = columns_but(csv, {"time", "timestamp", "t_s", "time_s"});
  require(!features.places.empty(), ErrorCode::kData, path + ":1: no feature columns");
  std::vector<TimedRow> rows;
  formats::CsvRow row;
  while (csv.next(row)) {
    TimedRow timed = row_with_gaps(row, features);
    if (time) {
      timed.time_s = row.real(*time);
    } else if (rate_hz > 0) {
      timed.time_s = static_cast<double>(rows.size()) / rate_hz;
    } else {
      require(rows.empty(), ErrorCode::kData,
              row.where() +
                  ": a second row and neither a time column nor rate_hz; one row describes a recording");
    }
    rows.push_back(std::move(timed));
  }
  auto frames = on_grid(path, std::move(features.names), std::move(rows));
  frames.tool = "csv";
  return frames;
}

FeatureFrames read_feature_array(const std::string& path, double rate_hz) {
  FeatureFrames frames;
  formats::NpyArray array;
  if (extension_of(path) == "npz") {
    auto arrays = formats::read_npz(path);
    const auto values = arrays.find("values");
    require(values != arrays.end() || arrays.size() == 1, ErrorCode::kData,
            path + ": several arrays and none is called 'values'");
    array = values != arrays.end() ? values->second : arrays.begin()->second;
    if (const auto columns = arrays.find("columns"); columns != arrays.end())
      frames.columns = columns->second.text;
  } else {
    array = formats::read_npy(path);
  }
  require((array.shape.size() == 1 || array.shape.size() == 2) && !array.values.empty(), ErrorCode::kData,
          path + ": expected an array of (frames, features) or (features,)");
  const size_t width = array.shape.back();
  const size_t num = array.values.size() / width;
  require(num == 1 || rate_hz > 0, ErrorCode::kData, fmt::format("{}: {} frames and no rate_hz", path, num));
  require(frames.columns.empty() || frames.columns.size() == width, ErrorCode::kData,
          fmt::format("{}: {} names of columns for {} features", path, frames.columns.size(), width));
  for (size_t c = frames.columns.size(); c < width; ++c) frames.columns.push_back(fmt::format("f{}", c));
  frames.values_TF = std::move(array.values);
  frames.is_valid_T.assign(num, 1);
  frames.rate_hz = num == 1 ? 0.0 : rate_hz;
  frames.tool = "numpy";
  return frames;
}

FeatureFrames read_feature_file(const std::string& path, const std::string& format, double rate_hz) {
  const std::vector<std::string> known{"openface", "opensmile", "pyfeat", "csv", "npy", "npz"};
  std::string chosen = format.empty() ? extension_of(path) : format;
  if (format.empty() && chosen == "csv") {
    formats::CsvOptions options;
    options.allow_ragged = true;
    options.quote = '\0';
    const formats::CsvReader csv(path, options);
    if (csv.has_column("success") && csv.has_column("confidence")) chosen = "openface";
    if (csv.has_column("FaceRectX")) chosen = "pyfeat";
  }
  if (chosen == "openface") return read_openface(path);
  if (chosen == "opensmile") return read_opensmile(path);
  if (chosen == "pyfeat") return read_pyfeat(path, rate_hz);
  if (chosen == "csv") return read_feature_csv(path, rate_hz);
  if (chosen == "npy" || chosen == "npz") return read_feature_array(path, rate_hz);
  throw Error(ErrorCode::kConfig, fmt::format("{}: no feature format '{}'; there are {}{}", path, chosen,
                                              core::join(known), core::did_you_mean(chosen, known)));
}

}  // namespace limbic::data
