#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "limbic/signals/table.h"

namespace limbic::features {

/// Before an hour of work: @throws Error(kConfig) unless the path ends in .csv or .npz
void check_table_path(const std::string& path);

/// What stands before the columns of a table.
struct TableLayout {
  std::vector<signals::Column> columns;
  bool is_instant = false;  ///< rows are of an instant: one time_s column in place of start_s and end_s
  bool has_file = false;    ///< rows of several recordings: a file column first
};

/// Writes rows to one file under its final name at finish(): .csv (streamed), .npz (one array a column).
/// Beside it goes a .json of the same name: unit and meaning of every column, and `facts` of how they were
/// made.
class TableWriter {
 public:
  /// @throws Error(kConfig) for another extension, Error(kStorage)
  static std::unique_ptr<TableWriter> create(const std::string& path, const TableLayout& layout,
                                             const std::vector<std::pair<std::string, std::string>>& facts);
  virtual ~TableWriter() = default;
  /// @param file  of these rows, for the file column
  virtual void add(const signals::Table& rows, const std::string& file = "") = 0;
  virtual void finish() = 0;
};

/// BIDS-like events: onset, duration, label and the values' columns; tab-separated when the path ends in
/// .tsv.
void write_events(const std::string& path, const signals::EventTable& events);

}  // namespace limbic::features
