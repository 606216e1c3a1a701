#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace limbic::formats {

struct CsvOptions {
  char separator = ',';
  char quote = '"';        ///< '\0': quotes are text (BIDS .tsv)
  bool has_header = true;  ///< false: columns have no names, rows are read by index
  bool trim = false;       ///< true: blanks around unquoted fields go; names and numbers are always trimmed
  bool allow_ragged = false;  ///< true: rows may differ in length (Empatica E4: one number, then columns)
};

class CsvReader;

/// One record of a CSV file. Valid while its reader lives.
class CsvRow {
 public:
  /// By column name or index. @throws Error(kData) `path:line: column 'x': ...`
  const std::string& text(std::string_view column) const;
  const std::string& text(size_t column) const;
  /// A finite number, '.' as the decimal point whatever the locale.
  double real(std::string_view column) const;
  double real(size_t column) const;
  int64_t integer(std::string_view column) const;
  int64_t integer(size_t column) const;
  /// nullopt for an empty field and for any spelling of NaN.
  std::optional<double> optional_real(std::string_view column) const;
  std::optional<double> optional_real(size_t column) const;

  size_t size() const { return fields_.size(); }
  /// Line of the file where the record begins, from 1.
  int64_t line() const { return line_; }
  /// "path:line", for error messages of the caller.
  std::string where() const;

 private:
  friend class CsvReader;
  std::string at(size_t column) const;

  const CsvReader* reader_ = nullptr;
  std::vector<std::string> fields_;
  int64_t line_ = 0;
};

/// Streams a CSV file (RFC 4180) of any size: UTF-8 with or without BOM; LF, CRLF or CR; quoted fields with
/// line ends and doubled quotes. Blank lines are skipped. Refused: NUL, text that is not UTF-8, a record over
/// 1 MiB or 65536 fields, a row that is not as long as the header (unless allow_ragged), text after a closing
/// quote.
class CsvReader {
 public:
  /// @throws Error(kData)
  explicit CsvReader(const std::string& path, CsvOptions options = {});
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  /// The next record into `row`, reusing its memory; false at the end. @throws Error(kData)
  bool next(CsvRow& row);

  /// Names of the header, trimmed; empty without one.
  const std::vector<std::string>& columns() const { return columns_; }
  bool has_column(std::string_view name) const { return find(name).has_value(); }
  /// Index of a column. @throws Error(kData) with the nearest name
  size_t column(std::string_view name) const;
  const std::string& path() const { return path_; }

 private:
  struct Input;
  bool read_record(CsvRow& row);
  std::optional<size_t> find(std::string_view name) const;

  std::string path_;
  CsvOptions options_;
  std::unique_ptr<Input> input_;
  std::vector<std::string> columns_;
  std::optional<size_t> num_fields_;
};

struct CsvWriterOptions {
  char separator = ',';
  std::optional<int>
      decimals;  ///< digits after the point of every real; default: the shortest that reads back exactly
};

/// Streams a CSV file that appears under its name at finish(). Lines end in LF; fields are quoted where they
/// must be.
///
///   CsvWriter csv(path, {"time_s", "label"});
///   csv.add(0.5).add("happy");
///   csv.end_row();
///   csv.finish();
class CsvWriter {
 public:
  /// @throws Error(kStorage)
  CsvWriter(const std::string& path, const std::vector<std::string>& columns, CsvWriterOptions options = {});
  ~CsvWriter();
  CsvWriter(const CsvWriter&) = delete;
  CsvWriter& operator=(const CsvWriter&) = delete;

  CsvWriter& add(std::string_view text);
  CsvWriter& add(const char* text) { return add(std::string_view(text)); }
  CsvWriter& add(const std::string& text) { return add(std::string_view(text)); }
  CsvWriter& add(double value);  ///< NaN is an empty field, Inf "inf"
  CsvWriter& add(float value);   ///< shortest form of the float, not of its double
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  CsvWriter& add(Integer value) {
    static_assert(!std::is_same_v<Integer, bool>,
                  "write 0/1 or words, whichever the column's readers expect");
    return add_raw(std::to_string(value));
  }
  CsvWriter& add_empty() { return add(std::string_view()); }
  /// @throws Error(kInternal) unless the row has one field for every column
  void end_row();
  /// Makes the file appear; without it nothing is left behind.
  void finish();

 private:
  struct Output;
  template <class Real>
  CsvWriter& add_real(Real value);
  CsvWriter& add_raw(std::string_view text);

  CsvWriterOptions options_;
  std::unique_ptr<Output> output_;
  size_t num_columns_ = 0;
  size_t num_fields_ = 0;
  int64_t num_rows_ = 0;
};

}  // namespace limbic::formats
