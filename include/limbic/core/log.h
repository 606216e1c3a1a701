#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace limbic::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };
enum class Color { kAuto, kAlways, kNever };

/// One `key=value` of a log line.
struct Field {
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Field(std::string_view field_key, T field_value) : key(field_key), value(text(field_value)) {}
  Field(std::string_view field_key, std::string_view field_value)
      : key(field_key), value(quoted(field_value)) {}
  Field(std::string_view field_key, const char* field_value)
      : Field(field_key, std::string_view(field_value)) {}
  Field(std::string_view field_key, const std::string& field_value)
      : Field(field_key, std::string_view(field_value)) {}

  std::string key;
  std::string value;  ///< as printed: numbers in shortest form, text with blanks in quotes

 private:
  static std::string text(bool v) { return v ? "true" : "false"; }
  static std::string text(double v);
  static std::string text(float v);
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  static std::string text(T v) {
    return std::to_string(v);
  }
  static std::string quoted(std::string_view v);
};
using Fields = std::initializer_list<Field>;

/// Log lines have the shape `event key=value ...` and go to stderr (and to the file of set_file).
/// Thread-safe; a live progress bar is lifted out of the way. error: the command will fail. warn: a wish of
/// the user is not honoured. info: at most one line an epoch or phase. debug: per step.
void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

void set_level(Level level);
/// kAuto colours a terminal unless NO_COLOR is set.
void set_color(Color color);
bool use_color();
/// Also appends every line from kInfo up to `path`, in place of the file before; empty = no file. Not while
/// other threads log. @throws Error(kStorage)
void set_file(const std::string& path);

/// Writes raw text to stderr under the log's lock: for progress bars. `is_bar` text is erased before the next
/// log line and redrawn after it.
void screen(std::string_view text, bool is_bar);
bool stderr_is_terminal();

}  // namespace limbic::log
