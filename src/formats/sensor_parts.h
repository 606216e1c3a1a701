#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/formats/file_bundle.h"
#include "limbic/formats/sensor_recording.h"

namespace limbic::formats::detail {

// One reader a format. Times come out on the files' own clock; finish_recording moves them.
SensorRecording read_empatica(const FileBundle& files, const std::string& path,
                              const SensorReadOptions& options);
SensorRecording read_edf(const std::string& path, const SensorReadOptions& options);
SensorRecording read_xdf(const std::string& path, const SensorReadOptions& options);
SensorRecording read_bids(const std::string& path, const SensorReadOptions& options);
SensorRecording read_sensor_text(const std::string& path, const SensorReadOptions& options);
SensorRecording read_sensor_mat(const std::string& path, const SensorReadOptions& options);
SensorRecording read_sensor_npz(const std::string& path, const SensorReadOptions& options);
bool is_empatica(const FileBundle& files);
/// "ACC" for acc.csv and ACC.csv.gz, "tags" for tags.csv and tags_S01.csv, else empty.
std::string e4_kind(const std::string& name);
bool is_bids_name(std::string_view file_name);

/// The upper median of at least one value.
double median_of(std::vector<double> values);
/// Whether the options keep a stream.
bool is_wanted(const SensorReadOptions& options, std::string_view name, std::string_view modality);
/// The rate that the options give, if any.
std::optional<double> given_rate(const SensorReadOptions& options, std::string_view name,
                                 std::string_view modality);
/// The rate of a stream: the given one, else what the file declares. @throws Error(kData) unless finite and >
/// 0
double rate_of(const SensorReadOptions& options, std::string_view name, std::string_view modality,
               std::optional<double> declared, const std::string& where);

/// A column as a file gives it.
struct RawColumn {
  std::string name;
  std::string unit;
  std::vector<double> values;
};
/// When the rows of a table lie.
struct RowTimes {
  double rate_hz = 0;  ///< 0: see time_s
  double t0_s = 0;
  std::vector<double> time_s;  ///< never decreasing
};
/// Columns to streams: the options' column map and scales. Evenly spaced times become a rate, with NaN where
/// rows are left out.
std::vector<SensorStream> build_streams(std::vector<RawColumn> columns, RowTimes times,
                                        const SensorReadOptions& options, const std::string& where,
                                        std::vector<std::string>& notes);

/// Evenly spaced times with holes: sample i is number index[i] of a grid.
struct TimeGrid {
  double t0_s = 0;
  double rate_hz = 0;
  std::vector<int64_t> index;
};
std::optional<TimeGrid> find_grid(const std::vector<double>& time_s);
/// How long a stream may become by NaN in its gaps: guards against a file that declares a gap of a century.
bool is_gap_affordable(int64_t num_with_gaps, int64_t num_real);

/// Name of a time column among `names`: the options', else a usual one. nullopt: none.
std::optional<size_t> find_time_column(const std::vector<std::string>& names,
                                       const SensorReadOptions& options, const std::string& where);
/// Raw times to seconds. `is_unix` tells that they count from 1970.
std::vector<double> to_seconds(std::vector<double> raw, TimeUnit unit, std::string_view column_name,
                               bool& is_unix);
/// A rate written into a file's name: "ecg_1000hz.csv".
std::optional<double> rate_in_name(std::string_view file_name);

/// Groups of axes, selection, checks, clock 0, cut, order, unique names.
/// @param clock_0  by default the start of the earliest stream that is kept
void finish_recording(SensorRecording& recording, const SensorReadOptions& options,
                      std::optional<double> clock_0 = std::nullopt);

}  // namespace limbic::formats::detail
