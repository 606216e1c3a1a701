#include "sensor_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "limbic/core/error.h"
#include "sensor_files.h"

namespace limbic::formats::detail {

LineCursor::LineCursor(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
  if (text_.substr(0, 2) == "\xFF\xFE" || text_.substr(0, 2) == "\xFE\xFF")
    throw Error(ErrorCode::kData,
                name_ + ": the text is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)");
}

bool LineCursor::next(std::string_view& line) {
  if (next_ >= text_.size()) return false;
  ++line_;
  const std::string_view rest = text_.substr(next_);
  size_t size = rest.find_first_of("\n\r");
  is_torn_ = size == std::string_view::npos;
  if (is_torn_) size = rest.size();
  line = rest.substr(0, size);
  next_ += size;
  if (!is_torn_) next_ += rest.substr(size, 2) == "\r\n" ? 2 : 1;
  if (std::memchr(line.data(), '\0', line.size()) != nullptr) fail("a NUL byte; this is not a text file");
  return true;
}

std::string LineCursor::where() const {
  return fmt::format("{}:{}", name_, line_);
}

void LineCursor::fail(const std::string& what) const {
  throw Error(ErrorCode::kData, where() + ": " + what);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

void split_fields(std::string_view line, char separator, std::vector<std::string>& fields) {
  size_t count = 0;
  const auto put = [&](std::string_view field) -> std::string& {
    if (count == fields.size()) fields.emplace_back();
    fields[count].assign(field.data(), field.size());
    return fields[count++];
  };
  if (separator == ' ') {
    for (line = trim(line); !line.empty(); line = trim(line)) {
      const size_t end = std::min(line.find_first_of(" \t"), line.size());
      put(line.substr(0, end));
      line.remove_prefix(end);
    }
    fields.resize(count);
    return;
  }
  for (;;) {
    const size_t begin = std::min(line.find_first_not_of(' '), line.size());
    if (begin < line.size() && line[begin] == '"') {
      std::string& field = put("");
      size_t i = begin + 1;
      for (; i < line.size(); ++i) {
        if (line[i] == '"' && (i + 1 == line.size() || line[i + 1] != '"')) break;
        if (line[i] == '"') ++i;
        field += line[i];
      }
      line.remove_prefix(std::min(line.size(), i + 1));
      const size_t next = line.find(separator);
      if (next == std::string_view::npos) break;
      line.remove_prefix(next + 1);
      continue;
    }
    const size_t end = line.find(separator);
    put(trim(line.substr(0, end)));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  fields.resize(count);
}

std::optional<double> parse_real(std::string_view text) {
  text = trim(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.empty() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool is_missing(std::string_view text) {
  text = trim(text);
  if (text.empty()) return true;
  if (text.size() > 8) return false;
  static constexpr std::array<std::string_view, 6> kWords = {"nan", "-nan", "n/a", "na", "null", "none"};
  const std::string lower = lower_case(text);
  for (const auto word : kWords) {
    if (lower == word) return true;
  }
  return false;
}

int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
  // Years that begin in March, so that the leap day is the last one of a year.
  const int64_t y = month > 2 ? year : year - 1;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

std::optional<double> parse_date_time(std::string_view text) {
  text = trim(text);
  const auto digits = [&](size_t at, size_t count) -> std::optional<int64_t> {
    if (at + count > text.size()) return std::nullopt;
    int64_t value = 0;
    for (size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() < 19 || text[4] != text[7] || (text[4] != '-' && text[4] != '/') ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = digits(0, 4), month = digits(5, 2), day = digits(8, 2);
  const auto hour = digits(11, 2), minute = digits(14, 2), second = digits(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*month < 1 || *month > 12 || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  double seconds = static_cast<double>(days_from_civil(*year, *month, *day) * 86400 + *hour * 3600 +
                                       *minute * 60 + *second);
  size_t at = 19;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    double unit = 0.1;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
      seconds += unit * (text[at] - '0');
  }
  const std::string_view zone = trim(text.substr(std::min(at, text.size())));
  if (zone.empty() || zone == "Z") return seconds;
  if (zone[0] != '+' && zone[0] != '-') return std::nullopt;
  at = static_cast<size_t>(zone.data() - text.data()) + 1;
  const auto zone_hour = digits(at, 2);
  const auto zone_minute = digits(at + (zone.size() > 3 && zone[3] == ':' ? 3 : 2), 2);
  if (!zone_hour || (zone.size() > 3 && !zone_minute) || zone.size() > 6) return std::nullopt;
  const auto shift = static_cast<double>(*zone_hour * 3600 + zone_minute.value_or(0) * 60);
  return zone[0] == '+' ? seconds - shift : seconds + shift;
}

}  // namespace limbic::formats::detail
