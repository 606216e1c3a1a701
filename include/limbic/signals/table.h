#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace limbic::signals {

/// A missing number in every table and series of this room: never 0, never a sentinel.
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// What one column of a table says. The name carries the method where methods differ (jitter_local_praat).
struct Column {
  std::string name;  ///< snake_case, or the published name of a standard set (eGeMAPS)
  std::string unit;  ///< "Hz", "dB", "microsiemens", "s", "1" for pure numbers
  std::string doc;   ///< one phrase
};

/// Rows over time, as every analysis of this room gives them: one a frame, one a window or one a recording.
struct Table {
  std::vector<Column> columns;
  std::vector<double> start_s;    ///< R, seconds on the recording's clock
  std::vector<double> end_s;      ///< R, exclusive; equal to start_s for rows of an instant
  std::vector<double> values_RC;  ///< row after row; NaN = missing

  size_t num_rows() const { return start_s.size(); }
  size_t num_columns() const { return columns.size(); }
  double at(size_t row, size_t column) const { return values_RC[row * columns.size() + column]; }
  /// Appends a row. @throws Error(kInternal) unless there is one value a column
  void add_row(double row_start_s, double row_end_s, const std::vector<double>& values);
  /// Index of a column. @throws Error(kConfig) with the nearest name
  size_t column(const std::string& name) const;
};

/// Tables of the same rows side by side; times are those of the first. @throws Error(kInternal) for other
/// rows
Table beside(const std::vector<const Table*>& parts);

/// Something that happened: a skin conductance response, a beat, a fixation, a pause, a stretch of bad
/// signal.
struct SignalEvent {
  double onset_s = 0;
  double duration_s = 0;       ///< 0 for an instant
  std::string label;           ///< snake_case kind: "scr", "beat", "saccade", "pause", "motion"
  std::vector<double> values;  ///< as the analysis' event columns say; NaN = missing
};
struct EventTable {
  std::vector<Column> columns;      ///< of SignalEvent::values
  std::vector<SignalEvent> events;  ///< by onset
};

/// [start_s, end_s)
struct Interval {
  double start_s = 0;
  double end_s = 0;
};
/// Seconds that both have, at least 0.
double overlap_s(const Interval& a, const Interval& b);

}  // namespace limbic::signals
