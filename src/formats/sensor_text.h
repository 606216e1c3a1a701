#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "byte_source.h"

namespace limbic::formats::detail {

/// Lines of a text in memory: LF, CRLF or CR; a UTF-8 byte order mark is skipped. Text of any length without
/// a copy, which CsvReader (files only) does not give.
class LineCursor {
 public:
  /// @throws Error(kData) when the text is binary or UTF-16
  LineCursor(std::string_view text, std::string name);
  /// The next line without its end; false at the end of the text.
  bool next(std::string_view& line);
  /// Of the line that next() gave, from 1.
  int64_t line() const { return line_; }
  /// The last line had no line end: what a writer that was killed leaves.
  bool is_torn() const { return is_torn_; }
  /// "name:line"
  std::string where() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::string_view text_;
  std::string name_;
  size_t next_ = 0;
  int64_t line_ = 0;
  bool is_torn_ = false;
};

/// Splits at `separator`; blanks and quotes around fields go ("" inside quotes is a quote). separator ' '
/// means any run of blanks.
void split_fields(std::string_view line, char separator, std::vector<std::string>& fields);
std::string_view trim(std::string_view text);
/// A number with '.' as the decimal point whatever the locale; infinite ones are none.
std::optional<double> parse_real(std::string_view text);
/// Empty, "nan", "n/a", "na", "null".
bool is_missing(std::string_view text);
/// Seconds since 1970 of "2024-05-01T12:00:00.25+02:00" ("T" or a blank; without a zone: UTC).
std::optional<double> parse_date_time(std::string_view text);
/// Days from 1970-01-01 in the Gregorian calendar. @param month, day  from 1
int64_t days_from_civil(int64_t year, int64_t month, int64_t day);

}  // namespace limbic::formats::detail
