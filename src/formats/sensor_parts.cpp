#include "sensor_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "sensor_files.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

/// The axis that a name ends with (x, y, z), and the name without it.
struct AxisName {
  std::string stem;
  char axis = 0;
};
AxisName axis_of(const std::string& name) {
  if (name.size() < 2) return {};
  const char last = lower_case(name).back();
  if (last < 'x' || last > 'z') return {};
  std::string stem = name.substr(0, name.size() - 1);
  while (stem.size() > 1 &&
         (stem.back() == '_' || stem.back() == ' ' || stem.back() == '-' || stem.back() == '.'))
    stem.pop_back();
  return {stem, last};
}

const SensorColumn* find_map(const SensorReadOptions& options, const std::vector<RawColumn>& columns,
                             size_t index) {
  for (const SensorColumn& map : options.columns) {
    if (map.column == columns[index].name || map.column == fmt::format("#{}", index + 1)) return &map;
  }
  return nullptr;
}

bool is_axes_modality(const std::string& modality) {
  return modality == "acc" || modality == "gyro" || modality == "mag" || modality == "gaze";
}

/// acc_x, acc_y, acc_z become one stream acc with channels x, y, z.
void merge_axes(std::vector<SensorStream>& streams) {
  for (size_t i = 0; i < streams.size(); ++i) {
    SensorStream& first = streams[i];
    const AxisName axis = first.channels.size() == 1 ? axis_of(first.name) : AxisName{};
    if (axis.axis != 'x' || !is_axes_modality(first.modality)) continue;
    size_t count = 1;
    for (; i + count < streams.size() && count < 3; ++count) {
      const SensorStream& next = streams[i + count];
      const AxisName other = next.channels.size() == 1 ? axis_of(next.name) : AxisName{};
      if (other.axis != 'x' + static_cast<char>(count) || other.stem != axis.stem ||
          next.unit != first.unit || next.rate_hz != first.rate_hz || next.t0_s != first.t0_s ||
          next.time_s != first.time_s || next.values_SC.size() != first.values_SC.size()) {
        break;
      }
    }
    if (count == 1) continue;
    std::vector<double> merged(first.values_SC.size() * count);
    for (size_t c = 0; c < count; ++c) {
      for (size_t s = 0; s < first.values_SC.size(); ++s) merged[s * count + c] = streams[i + c].values_SC[s];
    }
    first.name = axis.stem;
    first.channels.clear();
    for (size_t c = 0; c < count; ++c)
      first.channels.emplace_back(1, static_cast<char>('x' + static_cast<char>(c)));
    first.values_SC = std::move(merged);
    streams.erase(streams.begin() + static_cast<int64_t>(i) + 1,
                  streams.begin() + static_cast<int64_t>(i + count));
  }
}

// Differences and products of such times and rates are finite, whatever a file says.
constexpr double kMinRateHz = 1e-6;
constexpr double kMaxRateHz = 1e9;
bool is_time(double time_s) {
  return std::abs(time_s) <= 1e15;
}

}  // namespace

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool is_wanted(const SensorReadOptions& options, std::string_view name, std::string_view modality) {
  if (options.streams.empty()) return true;
  return std::any_of(options.streams.begin(), options.streams.end(),
                     [&](const std::string& wish) { return wish == name || wish == modality; });
}

std::optional<double> given_rate(const SensorReadOptions& options, std::string_view name,
                                 std::string_view modality) {
  for (const std::string_view key : {name, modality, std::string_view("*")}) {
    const auto found = options.rate_hz.find(std::string(key));
    if (found != options.rate_hz.end()) return found->second;
  }
  return std::nullopt;
}

double rate_of(const SensorReadOptions& options, std::string_view name, std::string_view modality,
               std::optional<double> declared, const std::string& where) {
  const auto given = given_rate(options, name, modality);
  if (given && !(std::isfinite(*given) && *given > 0))
    throw Error(ErrorCode::kConfig, fmt::format("rate_hz of '{}' is {}; it must be positive", name, *given));
  if (given) return *given;
  if (!declared) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: no sampling rate and no time column for '{}'; give the rate "
                            "in Hz, or name the time column",
                            where, name));
  }
  if (!(std::isfinite(*declared) && *declared > 0)) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: a sampling rate of {} Hz for '{}'; it must be positive; give "
                            "the true one if you know it",
                            where, *declared, name));
  }
  return *declared;
}

bool is_gap_affordable(int64_t num_with_gaps, int64_t num_real) {
  return num_with_gaps <= 50 * num_real + 10'000'000;
}

std::optional<TimeGrid> find_grid(const std::vector<double>& time_s) {
  const size_t n = time_s.size();
  if (n < 3) return std::nullopt;
  std::vector<double> steps(n - 1);
  for (size_t i = 0; i + 1 < n; ++i) steps[i] = time_s[i + 1] - time_s[i];
  const double period = median_of(steps);
  if (!(period > 0) || !std::isfinite(period) || !std::isfinite(1 / period)) return std::nullopt;
  TimeGrid grid;
  grid.index.resize(n);
  // Least squares of time over index, both from the first sample.
  double sum_k = 0, sum_kk = 0, sum_t = 0, sum_kt = 0;
  for (size_t i = 1; i < n; ++i) {
    const double jump = std::round(steps[i - 1] / period);
    if (!(jump >= 1 && jump <= 1e12)) return std::nullopt;
    grid.index[i] = grid.index[i - 1] + static_cast<int64_t>(jump);
    if (!is_gap_affordable(grid.index[i], static_cast<int64_t>(n))) return std::nullopt;
    const auto k = static_cast<double>(grid.index[i]);
    const double t = time_s[i] - time_s[0];
    sum_k += k;
    sum_kk += k * k;
    sum_t += t;
    sum_kt += k * t;
  }
  const auto count = static_cast<double>(n);
  double slope = (count * sum_kt - sum_k * sum_t) / (count * sum_kk - sum_k * sum_k);
  if (!(slope > 0)) return std::nullopt;
  const auto last = static_cast<double>(grid.index.back());
  // Times written with few digits: prefer the whole rate when it ends at the same sample.
  const double whole_rate = 1 / slope >= 1 ? std::round(1 / slope) : 1 / std::round(slope);
  if (std::abs(1 / whole_rate - slope) * last < 0.1 * slope) slope = 1 / whole_rate;
  const double intercept = (sum_t - slope * sum_k) / count;
  for (size_t i = 0; i < n; ++i) {
    const double residual = time_s[i] - time_s[0] - intercept - slope * static_cast<double>(grid.index[i]);
    if (std::abs(residual) > 0.3 * slope) return std::nullopt;
  }
  grid.t0_s = std::abs(intercept) < 0.01 * slope ? time_s[0] : time_s[0] + intercept;
  grid.rate_hz = 1 / slope;
  return grid;
}

std::vector<SensorStream> build_streams(std::vector<RawColumn> columns, RowTimes times,
                                        const SensorReadOptions& options, const std::string& where,
                                        std::vector<std::string>& notes) {
  for (const SensorColumn& map : options.columns) {
    if (!std::isfinite(map.scale) || map.scale == 0 || !std::isfinite(map.offset)) {
      throw Error(ErrorCode::kConfig,
                  fmt::format("column {}: scale {} and offset {}; expected finite numbers, "
                              "scale not 0",
                              shown(map.column), map.scale, map.offset));
    }
    bool is_there = false;
    std::vector<std::string> names;
    for (size_t i = 0; i < columns.size(); ++i) {
      names.push_back(columns[i].name);
      is_there = is_there || columns[i].name == map.column || map.column == fmt::format("#{}", i + 1);
    }
    if (!is_there) {
      throw Error(ErrorCode::kConfig, fmt::format("{}: no column {}{}; columns: {}", where, shown(map.column),
                                                  core::did_you_mean(map.column, names), core::join(names)));
    }
  }
  std::optional<TimeGrid> grid;
  if (!times.time_s.empty()) grid = find_grid(times.time_s);
  if (grid) {
    const int64_t num_left_out = grid->index.back() + 1 - static_cast<int64_t>(grid->index.size());
    if (num_left_out > 0)
      notes.push_back(
          fmt::format("{} rows are left out of even times; they are missing values now", num_left_out));
    times.rate_hz = grid->rate_hz;
    times.t0_s = grid->t0_s;
  }

  // Which columns make which stream.
  struct Group {
    SensorStream stream;
    std::vector<size_t> members;
  };
  std::vector<Group> groups;
  for (size_t i = 0; i < columns.size(); ++i) {
    const SensorColumn* map = options.columns.empty() ? nullptr : find_map(options, columns, i);
    if (!options.columns.empty() && map == nullptr) continue;
    RawColumn& column = columns[i];
    const std::string unit = map != nullptr && !map->unit.empty() ? map->unit : column.unit;
    if (map != nullptr && map->missing) {
      for (double& value : column.values) {
        if (value == *map->missing) value = std::numeric_limits<double>::quiet_NaN();
      }
    }
    if (map != nullptr && (map->scale != 1 || map->offset != 0)) {
      for (double& value : column.values) value = map->scale * value + map->offset;
    }
    Group* group = nullptr;
    if (map != nullptr && !map->stream.empty()) {
      for (Group& g : groups) group = g.stream.name == map->stream ? &g : group;
    }
    if (group == nullptr) {
      group = &groups.emplace_back();
      group->stream.name = map != nullptr && !map->stream.empty() ? map->stream : column.name;
      group->stream.modality =
          map != nullptr && !map->modality.empty() ? map->modality : guess_modality(column.name, unit);
      group->stream.unit = unit;
    }
    group->stream.channels.push_back(column.name);
    group->members.push_back(i);
  }

  std::vector<SensorStream> streams;
  uint64_t num_bytes = 0;
  for (Group& group : groups) {
    SensorStream& stream = group.stream;
    const size_t num_rows = columns[group.members[0]].values.size();
    for (const size_t member : group.members) {
      require(columns[member].values.size() == num_rows, ErrorCode::kData, [&] {
        return fmt::format("{}: '{}' has {} values and '{}' {}; channels of one stream need as many", where,
                           columns[group.members[0]].name, num_rows, columns[member].name,
                           columns[member].values.size());
      }());
    }
    const bool has_times = !times.time_s.empty();
    if (has_times && num_rows != times.time_s.size()) {
      throw Error(ErrorCode::kData, fmt::format("{}: {} times for the {} values of '{}'", where,
                                                times.time_s.size(), num_rows, stream.name));
    }
    const auto given = given_rate(options, stream.name, stream.modality);
    if (has_times && !grid && !given) {
      stream.t0_s = times.time_s.front();
      stream.time_s = times.time_s;
    } else {
      const auto declared = times.rate_hz != 0 ? std::optional<double>(times.rate_hz) : std::nullopt;
      stream.rate_hz = rate_of(options, stream.name, stream.modality, declared, where);
      stream.t0_s = has_times && !grid ? times.time_s.front() : times.t0_s;
    }
    const size_t num_channels = group.members.size();
    const bool has_holes = grid && !given;
    const size_t num_samples = has_holes ? static_cast<size_t>(grid->index.back()) + 1 : num_rows;
    // What no row is there for is not in the file: many columns with a long gap take more than they had.
    num_bytes += 8 * num_samples * num_channels;
    if (num_samples > num_rows && num_bytes > options.max_bytes) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: with the gaps in its times '{}' has {} samples, and all columns need more "
                              "than {} bytes; read fewer columns",
                              where, stream.name, num_samples, options.max_bytes));
    }
    stream.values_SC.assign(num_samples * num_channels, std::numeric_limits<double>::quiet_NaN());
    for (size_t c = 0; c < num_channels; ++c) {
      std::vector<double>& values = columns[group.members[c]].values;
      for (size_t r = 0; r < num_rows; ++r) {
        const size_t sample = has_holes ? static_cast<size_t>(grid->index[r]) : r;
        stream.values_SC[sample * num_channels + c] = values[r];
      }
      values = {};
    }
    streams.push_back(std::move(stream));
  }
  return streams;
}

std::optional<size_t> find_time_column(const std::vector<std::string>& names,
                                       const SensorReadOptions& options, const std::string& where) {
  if (options.time_column == "-") return std::nullopt;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!options.time_column.empty() &&
        (names[i] == options.time_column || options.time_column == fmt::format("#{}", i + 1)))
      return i;
  }
  if (!options.time_column.empty()) {
    throw Error(ErrorCode::kConfig,
                fmt::format("{}: no time column {}{}; columns: {}", where, shown(options.time_column),
                            core::did_you_mean(options.time_column, names), core::join(names)));
  }
  static constexpr std::array<std::string_view, 22> kNames = {
      "time",        "time_s",    "time [s]",   "time(s)",    "time (s)", "t",
      "t_s",         "timestamp", "timestamps", "time_stamp", "unix",     "unix_time",
      "time_ms",     "time_us",   "time(ms)",   "time (ms)",  "datetime", "timestamp_ms",
      "timestamp_s", "seconds",   "sec",        "lsl_time"};
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string lower = lower_case(names[i]);
    if (std::find(kNames.begin(), kNames.end(), lower) != kNames.end()) return i;
  }
  return std::nullopt;
}

std::vector<double> to_seconds(std::vector<double> raw, TimeUnit unit, std::string_view column_name,
                               bool& is_unix) {
  const double first = raw.empty() ? 0 : std::abs(raw.front());
  double scale = 1;
  is_unix = false;
  if (unit == TimeUnit::kAuto) {
    // 1e9 s is the year 2001; as milliseconds of a recording's own clock it would be 11 days.
    const std::string lower = lower_case(column_name);
    if (first >= 1e15 && first < 1e16)
      scale = 1e-6;
    else if (first >= 1e12 && first < 1e13)
      scale = 1e-3;
    else if (lower.find("ms") != std::string::npos)
      scale = 1e-3;
    else if (ends_with(lower, "_us"))
      scale = 1e-6;
  } else {
    scale = unit == TimeUnit::kMilliseconds ? 1e-3 : unit == TimeUnit::kMicroseconds ? 1e-6 : 1;
  }
  is_unix = first * scale >= 1e9 && first * scale < 1e10;
  for (double& value : raw) value = scale == 1 ? value : scale == 1e-3 ? value / 1e3 : value / 1e6;
  return raw;
}

std::optional<double> rate_in_name(std::string_view file_name) {
  const std::string lower = lower_case(base_name(file_name));
  const size_t end = lower.find("hz");
  if (end == std::string::npos) return std::nullopt;
  size_t begin = end;
  while (begin > 0 && ((lower[begin - 1] >= '0' && lower[begin - 1] <= '9') || lower[begin - 1] == '.'))
    --begin;
  if (begin == end) return std::nullopt;
  return parse_real(std::string_view(lower).substr(begin, end - begin));
}

void finish_recording(SensorRecording& recording, const SensorReadOptions& options,
                      std::optional<double> clock_0) {
  if (!(options.start_s < options.end_s))
    throw Error(ErrorCode::kConfig,
                fmt::format("start_s {} is not before end_s {}", options.start_s, options.end_s));
  auto& streams = recording.streams;
  merge_axes(streams);
  std::vector<std::string> names;
  for (const SensorStream& stream : streams) names.push_back(stream.name);
  streams.erase(
      std::remove_if(streams.begin(), streams.end(),
                     [&](const SensorStream& s) { return !is_wanted(options, s.name, s.modality); }),
      streams.end());
  if (streams.empty() && !options.streams.empty()) {
    throw Error(ErrorCode::kConfig,
                fmt::format("{}: no stream {}{}", recording.source, shown(options.streams.front()),
                            names.empty() ? std::string() : "; streams: " + core::join(names)));
  }
  std::set<std::string> seen;
  double origin = std::numeric_limits<double>::infinity();
  for (SensorStream& stream : streams) {
    const std::string name = stream.name;
    for (int number = 2; !seen.insert(stream.name).second; ++number)
      stream.name = fmt::format("{} {}", name, number);
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::kData, fmt::format("{}: stream {}: {}", recording.source, shown(name), what));
    };
    if (stream.channels.empty() || stream.values_SC.size() % stream.channels.size() != 0)
      fail("ragged samples");
    if (!is_time(stream.t0_s)) fail(fmt::format("starts at {} s; expected at most 1e15 s", stream.t0_s));
    if (stream.rate_hz != 0 && !(stream.rate_hz >= kMinRateHz && stream.rate_hz <= kMaxRateHz)) {
      fail(fmt::format("a rate of {} Hz; expected {} to {}; give the true one if you know it", stream.rate_hz,
                       kMinRateHz, kMaxRateHz));
    }
    for (const double time : stream.time_s) {
      if (!is_time(time)) fail(fmt::format("a sample at {} s; expected at most 1e15 s", time));
    }
    origin = std::min(origin, stream.t0_s);
  }
  if (streams.empty()) {
    for (const SensorMarker& marker : recording.markers) origin = std::min(origin, marker.time_s);
  }
  if (clock_0) origin = *clock_0;
  if (!std::isfinite(origin)) origin = 0;
  recording.origin_s += origin;
  if (recording.start_unix_s) *recording.start_unix_s += origin;
  for (SensorStream& stream : streams) {
    stream.t0_s -= origin;
    for (double& time : stream.time_s) time -= origin;
    const size_t num_channels = stream.channels.size();
    const size_t n = stream.num_samples();
    size_t first = 0, last = n;
    if (stream.rate_hz > 0) {
      const auto index_of = [&](double time) {
        // The first sample at or after `time`, with room for rounding.
        const double index = std::ceil((time - stream.t0_s) * stream.rate_hz - 1e-6);
        return static_cast<size_t>(std::clamp(index, 0.0, static_cast<double>(n)));
      };
      first = index_of(options.start_s);
      last = std::max(first, index_of(options.end_s));
      stream.t0_s += static_cast<double>(first) / stream.rate_hz;
    } else {
      const auto& times = stream.time_s;
      first =
          static_cast<size_t>(std::lower_bound(times.begin(), times.end(), options.start_s) - times.begin());
      last = static_cast<size_t>(std::lower_bound(times.begin(), times.end(), options.end_s) - times.begin());
      stream.time_s.erase(stream.time_s.begin() + static_cast<int64_t>(last), stream.time_s.end());
      stream.time_s.erase(stream.time_s.begin(), stream.time_s.begin() + static_cast<int64_t>(first));
      stream.t0_s = std::max(stream.t0_s, options.start_s);
    }
    auto& values = stream.values_SC;
    values.erase(values.begin() + static_cast<int64_t>(last * num_channels), values.end());
    values.erase(values.begin(), values.begin() + static_cast<int64_t>(first * num_channels));
  }
  for (SensorMarker& marker : recording.markers) marker.time_s -= origin;
  auto& markers = recording.markers;
  markers.erase(std::remove_if(markers.begin(), markers.end(),
                               [&](const SensorMarker& m) {
                                 return m.time_s >= options.end_s ||
                                        m.time_s + m.duration_s < options.start_s;
                               }),
                markers.end());
  std::stable_sort(markers.begin(), markers.end(),
                   [](const SensorMarker& a, const SensorMarker& b) { return a.time_s < b.time_s; });
}

}  // namespace limbic::formats::detail
