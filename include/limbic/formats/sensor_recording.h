#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::formats {

/// One sensor's samples, evenly spaced (rate_hz > 0) or each with its own time (rate_hz == 0).
struct SensorStream {
  std::string name;  ///< as the file says: "EDA", "BioSemi", "chest ECG"; unique in its recording
  /// eda bvp ecg ppg ibi heart_rate temperature acc gyro mag respiration emg eeg gaze pupil photosensor other
  std::string modality = "other";
  std::vector<std::string> channels;  ///< C names
  std::string unit;    ///< "microsiemens", "g", "degC", "bpm", "s", ...; empty: the file does not say
  double rate_hz = 0;  ///< 0: irregular
  double t0_s = 0;     ///< of sample 0; irregular: where the stream starts, at or before the first sample
  std::vector<double> time_s;  ///< S, irregular streams only; never decreasing
  std::vector<double>
      values_SC;  ///< NaN = missing; a drop-out of a regular stream is NaN for as long as it lasted

  size_t num_samples() const { return channels.empty() ? 0 : values_SC.size() / channels.size(); }
  double at(size_t sample, size_t channel) const { return values_SC[sample * channels.size() + channel]; }
  double time_of(size_t sample) const {
    return rate_hz > 0 ? t0_s + static_cast<double>(sample) / rate_hz : time_s[sample];
  }
  /// One period after the last sample; irregular: the last sample's time.
  double end_s() const;
  /// One channel's values.
  std::vector<double> channel(size_t index) const;
};

/// A button press, an annotation, a stimulus.
struct SensorMarker {
  double time_s = 0;
  double duration_s = 0;  ///< 0: an instant
  std::string label;
};

/// What a set of sensor files holds, on one clock: 0 is where the earliest stream starts.
struct SensorRecording {
  std::string source;  ///< the path that was read
  std::string format;  ///< "empatica_e4", "edf+", "bdf", "xdf", "mat", "bids", "opensignals", "csv", "npz"
  std::optional<double> start_unix_s;  ///< of clock 0, when the files say
  double origin_s = 0;  ///< what the files' own clock says at clock 0 (LSL, BIDS, a time column)
  std::vector<SensorStream> streams;
  std::vector<SensorMarker> markers;  ///< by time
  std::vector<std::string> notes;     ///< what the reader had to decide or repair, one sentence each

  /// By name, else the only one of that modality. @throws Error(kData) with what there is
  const SensorStream& stream(std::string_view name_or_modality) const;
  bool has(std::string_view name_or_modality) const;
  /// Where the last stream ends.
  double end_s() const;
};

/// How a column (CSV, text), a variable (.mat) or an array (.npz) becomes a channel. Columns that share
/// `stream` become its channels, in this order.
struct SensorColumn {
  std::string column;    ///< name in the file, or "#3": the third
  std::string modality;  ///< empty: guessed from the name
  std::string unit;      ///< empty: as the file says
  double scale = 1;      ///< value = scale * stored + offset
  double offset = 0;
  std::string stream;               ///< empty: a stream of its own with the column's name
  std::optional<double> missing{};  ///< what the file stores where it has no value: 0, -1 ...
};

/// What the numbers of a time column are. kAuto: unix seconds, milli- or microseconds when they are as large
/// as those, dates "2024-05-01T12:00:00.5" when they are text, otherwise seconds.
enum class TimeUnit { kAuto, kSeconds, kMilliseconds, kMicroseconds };

struct SensorReadOptions {
  std::vector<std::string> streams;  ///< keep these only, by name or modality; empty: all
  std::map<std::string, double>
      rate_hz;  ///< rate instead of the file's, by name or modality; "*": all others
  double start_s =
      -std::numeric_limits<double>::infinity();  ///< keep [start_s, end_s) of the recording's clock;
  double end_s = std::numeric_limits<double>::infinity();  ///< times stay what they are
  std::vector<SensorColumn> columns;  ///< CSV, text, .mat, .npz: these and no others; empty: all, guessed
  std::string time_column;  ///< CSV, .mat, .npz; empty: "time", "timestamp", ...; "-": there is none
  TimeUnit time_unit = TimeUnit::kAuto;
  char separator = '\0';  ///< of CSV; '\0': found out
  uint64_t max_bytes =
      UINT64_C(4) << 30;  ///< of one file once unpacked, and of a recording's samples in memory
};

/// Reads a recording: an Empatica E4 folder or zip; EDF, EDF+, BDF, BDF+; XDF; MATLAB v4 to v7; BIDS _physio
/// and _stim with their .json and _events; OpenSignals and BioSPPy text; CSV; npy and npz. The content
/// decides, then the name. gzip is undone everywhere; zip archives are read in memory, nothing is unpacked to
/// disk.
/// @throws Error(kData) `path:line: what; expected; hint`, Error(kConfig) when options do not fit the file
SensorRecording read_sensors(const std::string& path, const SensorReadOptions& options = {});

/// The recordings under a folder (itself, or its direct subfolders and files), sorted by name.
std::vector<std::string> find_recordings(const std::string& folder);

/// Where a stream has nothing.
struct SensorGap {
  double start_s = 0;
  double end_s = 0;
};
/// Regular streams: runs in which every channel is NaN. Irregular: steps longer than `step_s`; for intervals
/// between beats (ibi), steps more than 1.5 times as long as the interval they end with.
std::vector<SensorGap> find_gaps(const SensorStream& stream, double step_s = 2.0);

/// The modality that a channel's name and unit suggest: "GSR" or "EDA [uS]" -> "eda"; "other" when none.
std::string guess_modality(std::string_view name, std::string_view unit = "");

}  // namespace limbic::formats
