// Arrays without a layout of their own (.mat, .npz, .npy): which is a signal, which its times, which its
// rate.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "byte_source.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/mat.h"
#include "limbic/formats/npy.h"
#include "sensor_files.h"
#include "sensor_parts.h"
#include "sensor_text.h"

namespace limbic::formats::detail {
namespace {

/// A vector is one column; a matrix gives "name#1", "name#2" ...
struct ArrayColumns {
  std::string parent;  ///< "data." of data.eda
  std::vector<RawColumn> columns;
};

std::string parent_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot + 1);
}

bool is_rate_name(const std::string& leaf) {
  static const char* const kNames[] = {"fs",   "sr",       "srate",     "samplingrate",      "samplerate",
                                       "rate", "sampfreq", "frequency", "samplingfrequency", "hz"};
  std::string plain;
  for (const char c : lower_case(leaf)) plain += c == '_' || c == ' ' ? "" : std::string(1, c);
  return std::any_of(std::begin(kNames), std::end(kNames), [&](const char* name) { return plain == name; });
}

class ArrayBuilder {
 public:
  ArrayBuilder(const std::string& path, const SensorReadOptions& options) : path_(path), options_(options) {}

  /// @param get  the element in a row and a column
  template <class Get>
  void add(const std::string& name, uint64_t rows, uint64_t columns, Get get) {
    names_.push_back(name);
    const std::string parent = parent_of(name);
    const std::string leaf = name.substr(parent.size());
    if (rows * columns == 1) {
      if (is_rate_name(leaf)) rates_.emplace(parent, get(0, 0));
      return;
    }
    if (rows * columns == 0) return;
    // Time runs down; a few long rows lie on their side.
    const bool is_turned = rows < columns && rows <= 64;
    const uint64_t num_samples = is_turned ? columns : rows;
    const uint64_t num_columns = is_turned ? rows : columns;
    if (num_columns > 4096) {
      recording_.notes.push_back(fmt::format("{} of {} x {} is no signal", shown(name), rows, columns));
      return;
    }
    auto& group = groups_[{parent, num_samples}];
    for (uint64_t c = 0; c < num_columns; ++c) {
      RawColumn column{num_columns == 1 ? name : fmt::format("{}#{}", name, c + 1), "", {}};
      column.values.reserve(num_samples);
      for (uint64_t s = 0; s < num_samples; ++s) {
        const double value = is_turned ? get(c, s) : get(s, c);
        column.values.push_back(std::isfinite(value) ? value : std::numeric_limits<double>::quiet_NaN());
      }
      group.push_back(std::move(column));
    }
  }

  SensorRecording build(const char* format) {
    recording_.format = format;
    std::string refusal;
    bool is_any_mapped = false;
    for (auto& [key, columns] : groups_) {
      const std::string& parent = key.first;
      SensorReadOptions here = options_;
      here.columns.clear();
      std::vector<std::string> leaves;
      for (const RawColumn& column : columns) {
        leaves.push_back(column.name.substr(parent.size()));
        for (const SensorColumn& map : options_.columns) {
          if (map.column == column.name) here.columns.push_back(map);
        }
      }
      if (here.columns.empty() && !options_.columns.empty()) continue;
      is_any_mapped = is_any_mapped || !here.columns.empty();
      std::optional<size_t> time_column;
      for (size_t i = 0; i < columns.size(); ++i) {
        if (!options_.time_column.empty() && columns[i].name == options_.time_column) time_column = i;
      }
      if (options_.time_column.empty()) time_column = find_time_column(leaves, here, path_);
      RowTimes times;
      if (time_column) {
        bool is_unix = false;
        times.time_s = to_seconds(std::move(columns[*time_column].values), options_.time_unit,
                                  leaves[*time_column], is_unix);
        for (size_t i = 0; i < times.time_s.size(); ++i) {
          if (!std::isfinite(times.time_s[i]) || (i > 0 && times.time_s[i] < times.time_s[i - 1])) {
            throw Error(ErrorCode::kData,
                        fmt::format("{}: {}: element {} is missing or before the one before it; times "
                                    "must not go back",
                                    path_, shown(columns[*time_column].name), i + 1));
          }
        }
        if (is_unix) recording_.start_unix_s = 0;
        columns.erase(columns.begin() + static_cast<int64_t>(*time_column));
        if (columns.empty()) continue;
      } else if (const auto rate = rates_.find(parent); rate != rates_.end()) {
        times.rate_hz = rate->second;
        if (!(times.rate_hz > 0)) times.rate_hz = rate_of(options_, "*", "*", times.rate_hz, path_);
      } else if (rates_.size() == 1) {
        times.rate_hz = rates_.begin()->second;
      }
      try {
        for (SensorStream& stream :
             build_streams(std::move(columns), std::move(times), here, path_, recording_.notes))
          recording_.streams.push_back(std::move(stream));
      } catch (const Error& error) {
        // An array without a rate may be no signal at all, unless it was asked for.
        if (error.code() != ErrorCode::kData || !options_.columns.empty()) throw;
        if (refusal.empty()) refusal = error.what();
      }
    }
    if (!options_.columns.empty() && !is_any_mapped) {
      const std::string& wanted = options_.columns.front().column;
      throw Error(
          ErrorCode::kConfig,
          fmt::format(
              "{}: no array {}{}; arrays: {}", path_, shown(wanted), core::did_you_mean(wanted, names_),
              core::join({names_.begin(),
                          names_.begin() + static_cast<int64_t>(std::min<size_t>(20, names_.size()))})));
    }
    if (recording_.streams.empty())
      throw Error(ErrorCode::kData, refusal.empty() ? path_ + ": no array of samples" : refusal);
    if (!refusal.empty()) recording_.notes.push_back("left out: " + refusal);
    return std::move(recording_);
  }

 private:
  std::string path_;
  const SensorReadOptions& options_;
  SensorRecording recording_;
  std::map<std::string, double> rates_;                                        // by parent
  std::map<std::pair<std::string, uint64_t>, std::vector<RawColumn>> groups_;  // by parent and length
  std::vector<std::string> names_;
};

}  // namespace

SensorRecording read_sensor_mat(const std::string& path, const SensorReadOptions& options) {
  const MatFile file = read_mat(path, options.max_bytes);
  ArrayBuilder builder(path, options);
  for (const MatVariable& variable : file.variables) {
    if (variable.is_text || variable.shape.size() != 2) continue;
    const uint64_t rows = variable.shape[0];
    builder.add(variable.name, rows, variable.shape[1],
                [&](uint64_t r, uint64_t c) { return variable.values[r + c * rows]; });
  }
  return builder.build("mat");
}

SensorRecording read_sensor_npz(const std::string& path, const SensorReadOptions& options) {
  ArrayBuilder builder(path, options);
  const auto add = [&](const std::string& name, const NpyArray& array) {
    if (!array.text.empty() || array.shape.size() > 2) return;
    const uint64_t rows = array.shape.empty() ? 1 : array.shape[0];
    const uint64_t columns = array.shape.size() == 2 ? array.shape[1] : 1;
    builder.add(name, rows, columns, [&](uint64_t r, uint64_t c) { return array.values[r * columns + c]; });
  };
  if (read_head(path, 6).substr(0, 2) == "PK") {
    for (const auto& [name, array] : read_npz(path, options.max_bytes)) add(name, array);
    return builder.build("npz");
  }
  const std::string file = base_name(path);
  add(file.substr(0, file.rfind('.')), read_npy(path, options.max_bytes));
  return builder.build("npy");
}

}  // namespace limbic::formats::detail
