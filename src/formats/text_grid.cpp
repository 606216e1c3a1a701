#include "limbic/formats/text_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "byte_source.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

constexpr uint64_t kMaxTextGridBytes = 256 << 20;
/// Programs round the ends of neighbours differently.
constexpr double kTextGridSlackS = 1e-6;

std::string from_utf16(const std::string& path, const std::string& bytes, bool is_big) {
  std::string out;
  out.reserve(bytes.size() / 2);
  const auto unit = [&](size_t i) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<uint32_t>(is_big ? first << 8 | second : second << 8 | first);
  };
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    uint32_t code = unit(i);
    if (code >= 0xD800 && code < 0xE000) {
      const bool is_pair =
          code < 0xDC00 && i + 3 < bytes.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000;
      if (!is_pair) throw Error(ErrorCode::kData, fmt::format("{}: byte {}: half a UTF-16 pair", path, i));
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    }
    detail::append_utf8(out, code);
  }
  if (bytes.size() % 2 != 0)
    throw Error(ErrorCode::kData, path + ": UTF-16 text with an odd number of bytes; the file was cut off");
  return out;
}

struct GridToken {
  enum class Kind { kEnd, kNumber, kText, kFlag };
  Kind kind = Kind::kEnd;
  double number = 0;
  std::string text;
  int64_t line = 1;
};

/// What counts in a Praat text file: free-standing numbers, "texts" and <flags>; "xmin =", "intervals [3]:"
/// and everything behind an exclamation mark are for human readers.
class GridTokens {
 public:
  GridTokens(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

  [[noreturn]] void fail(int64_t line, const std::string& what) const {
    throw Error(ErrorCode::kData, fmt::format("{}:{}: {}", path_, line, what));
  }

  GridToken next() {
    for (;;) {
      skip_blanks();
      GridToken token;
      token.line = line_;
      if (at_ >= text_.size()) return token;
      const char first = text_[at_];
      if (first == '!') {
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
        continue;
      }
      if (first == '"') {
        read_text(token);
        return token;
      }
      const size_t begin = at_;
      while (at_ < text_.size() && !is_space(text_[at_])) ++at_;
      const std::string_view word(text_.data() + begin, at_ - begin);
      if (first == '<' && word.back() == '>') {
        token.kind = GridToken::Kind::kFlag;
        token.text = word;
        return token;
      }
      if (is_number(word, token.number)) {
        token.kind = GridToken::Kind::kNumber;
        return token;
      }
    }
  }

  double number(const char* what) {
    const GridToken token = next();
    if (token.kind != GridToken::Kind::kNumber)
      fail(token.line, fmt::format("{}; expected {}", describe(token), what));
    if (!std::isfinite(token.number) || std::abs(token.number) > 1e12)
      fail(token.line, fmt::format("{} is {}", what, token.number));
    return token.number;
  }
  int64_t count(const char* what) {
    const int64_t line = line_;
    const double value = number(what);
    if (value < 0 || value > 1e9 || value != std::floor(value))
      fail(line, fmt::format("{} is {}; expected a whole number", what, value));
    return static_cast<int64_t>(value);
  }
  std::string text(const char* what) {
    GridToken token = next();
    if (token.kind != GridToken::Kind::kText)
      fail(token.line, fmt::format("{}; expected {} in quotes", describe(token), what));
    return std::move(token.text);
  }
  int64_t line() const { return line_; }
  const std::string& path() const { return path_; }

  static std::string describe(const GridToken& token) {
    switch (token.kind) {
      case GridToken::Kind::kNumber:
        return fmt::format("number {}", token.number);
      case GridToken::Kind::kText:
        return fmt::format("text {}", detail::shown(token.text));
      case GridToken::Kind::kFlag:
        return fmt::format("flag {}", detail::shown(token.text));
      case GridToken::Kind::kEnd:
        break;
    }
    return "the file ends early";
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  void skip_blanks() {
    for (; at_ < text_.size() && is_space(text_[at_]); ++at_) count_line();
  }
  /// LF, CRLF and CR end lines.
  void count_line() {
    if (text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '\n')))
      ++line_;
  }
  void read_text(GridToken& token) {
    token.kind = GridToken::Kind::kText;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        if (at_ >= text_.size() || text_[at_] != '"') return;
      } else {
        count_line();
      }
      token.text += text_[at_];
    }
    fail(token.line, "a text in quotes is never closed; a quote inside a label must be doubled");
  }
  static bool is_number(std::string_view word, double& value) {
    if (word.size() > 1 && word[0] == '+') word.remove_prefix(1);
    // "10%" is a number for Praat; "nan" and "inf" are words.
    if (word.empty() || !(word[0] == '-' || (word[0] >= '0' && word[0] <= '9'))) return false;
    const bool is_percent = word.back() == '%';
    if (is_percent) word.remove_suffix(1);
    if (word.empty() || word.find_first_of("nN") != std::string_view::npos) return false;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return false;
    if (is_percent) value /= 100;
    return true;
  }

  std::string path_;
  std::string text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

class TextGridReader {
 public:
  explicit TextGridReader(const std::string& path) : tokens_(path, decoded(path)) {}

  TextGrid read() {
    const std::string type = tokens_.text("\"ooTextFile\"");
    if (type == "Praat chronological TextGrid text file") {
      read_chronological();
    } else {
      if (type.rfind("ooTextFile", 0) != 0)
        tokens_.fail(1, fmt::format("file type {}; expected a TextGrid of Praat", detail::shown(type)));
      const std::string object = tokens_.text("\"TextGrid\"");
      if (object != "TextGrid")
        tokens_.fail(tokens_.line(), fmt::format("a Praat file with an object of class {}; expected TextGrid",
                                                 detail::shown(object)));
      read_time(grid_.start_s, grid_.end_s);
      const GridToken flag = tokens_.next();
      if (flag.kind != GridToken::Kind::kFlag)
        tokens_.fail(flag.line, GridTokens::describe(flag) + "; expected <exists>");
      if (flag.text == "<exists>") {
        const int64_t num_tiers = tokens_.count("the number of tiers");
        for (int64_t i = 0; i < num_tiers; ++i) read_tier();
      }
    }
    for (const TextGridTier& tier : grid_.tiers) check(tier);
    return std::move(grid_);
  }

 private:
  std::string decoded(const std::string& path) {
    std::string bytes = core::read_file(path, kMaxTextGridBytes);
    const auto begins = [&](std::string_view with) { return bytes.compare(0, with.size(), with) == 0; };
    if (begins("ooBinaryFile"))
      throw Error(ErrorCode::kData,
                  path + ": a binary TextGrid; save it as text (Praat: Save as text file...)");
    if (begins("\xFF\xFE") || begins("\xFE\xFF")) {
      const bool is_big = begins("\xFE\xFF");
      grid_.encoding = is_big ? "utf-16be" : "utf-16le";
      return from_utf16(path, bytes.substr(2), is_big);
    }
    // Without a mark: every form begins with an ASCII character, one of whose bytes is zero.
    if (bytes.size() > 1 && (bytes[0] == '\0') != (bytes[1] == '\0')) {
      const bool is_big = bytes[0] == '\0';
      grid_.encoding = is_big ? "utf-16be" : "utf-16le";
      return from_utf16(path, bytes, is_big);
    }
    if (begins("\xEF\xBB\xBF")) bytes.erase(0, 3);
    if (bytes.find('\0') != std::string::npos)
      throw Error(ErrorCode::kData, path + ": a NUL byte; this is not a text file");
    grid_.encoding = "utf-8";
    if (detail::is_utf8(bytes)) return bytes;
    grid_.encoding = "latin-1";
    std::string out;
    for (const char c : bytes) detail::append_utf8(out, static_cast<unsigned char>(c));
    return out;
  }

  void read_time(double& start_s, double& end_s) {
    start_s = tokens_.number("a start time");
    end_s = tokens_.number("an end time");
    if (end_s < start_s)
      tokens_.fail(tokens_.line(), fmt::format("the time from {} s to {} s runs backwards", start_s, end_s));
  }

  TextGridTier& add_tier() {
    TextGridTier tier;
    const std::string kind = tokens_.text("\"IntervalTier\" or \"TextTier\"");
    if (kind != "IntervalTier" && kind != "TextTier")
      tokens_.fail(tokens_.line(),
                   fmt::format("a tier of class {}; expected IntervalTier or TextTier", detail::shown(kind)));
    tier.is_points = kind == "TextTier";
    tier.name = tokens_.text("the tier's name");
    read_time(tier.start_s, tier.end_s);
    grid_.tiers.push_back(std::move(tier));
    return grid_.tiers.back();
  }

  void read_tier() {
    TextGridTier& tier = add_tier();
    const int64_t count = tokens_.count("the number of intervals or points");
    // The number is not trusted: each label takes its bytes from the file.
    for (int64_t i = 0; i < count; ++i) read_label(tier);
  }
  void read_label(TextGridTier& tier) {
    if (tier.is_points) {
      TextGridPoint point;
      point.time_s = tokens_.number("the time of a point");
      point.text = tokens_.text("the label of a point");
      tier.points.push_back(std::move(point));
    } else {
      TextGridInterval interval;
      read_time(interval.start_s, interval.end_s);
      interval.text = tokens_.text("the label of an interval");
      tier.intervals.push_back(std::move(interval));
    }
  }

  /// "Praat chronological": the labels of all tiers by time, each with the number of its tier.
  void read_chronological() {
    read_time(grid_.start_s, grid_.end_s);
    const int64_t num_tiers = tokens_.count("the number of tiers");
    for (int64_t i = 0; i < num_tiers; ++i) add_tier();
    for (;;) {
      const GridToken token = tokens_.next();
      if (token.kind == GridToken::Kind::kEnd) return;
      if (token.kind != GridToken::Kind::kNumber || token.number < 1 ||
          token.number > static_cast<double>(grid_.tiers.size()) || token.number != std::floor(token.number))
        tokens_.fail(token.line, fmt::format("{}; expected the number of a tier, 1 to {}",
                                             GridTokens::describe(token), grid_.tiers.size()));
      read_label(grid_.tiers[static_cast<size_t>(token.number) - 1]);
    }
  }

  void check(const TextGridTier& tier) const {
    const auto fail = [&](double time_s, const char* what) {
      throw Error(ErrorCode::kData, fmt::format("{}: tier {} at {} s: {}", tokens_.path(),
                                                detail::shown(tier.name), time_s, what));
    };
    for (size_t i = 1; i < tier.intervals.size(); ++i) {
      if (tier.intervals[i].start_s < tier.intervals[i - 1].end_s - kTextGridSlackS)
        fail(tier.intervals[i].start_s, "an interval begins before the one before it has ended");
    }
    for (size_t i = 1; i < tier.points.size(); ++i) {
      if (tier.points[i].time_s < tier.points[i - 1].time_s)
        fail(tier.points[i].time_s, "a point lies before the one before it");
    }
  }

  TextGrid grid_;
  GridTokens tokens_;
};

std::string quoted(const std::string& path, const std::string& text) {
  if (!detail::is_utf8(text) || text.find('\0') != std::string::npos)
    throw Error(ErrorCode::kData, fmt::format("{}: text {} is not UTF-8", path, detail::shown(text)));
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

/// The intervals of a tier with empty ones in the gaps.
std::vector<TextGridInterval> filled(const std::string& path, const TextGrid& grid,
                                     const TextGridTier& tier) {
  std::vector<TextGridInterval> all;
  double at_s = grid.start_s;
  for (const TextGridInterval& interval : tier.intervals) {
    const bool is_inside =
        interval.start_s >= at_s && interval.end_s > interval.start_s && interval.end_s <= grid.end_s;
    if (!is_inside)
      throw Error(ErrorCode::kData, fmt::format("{}: tier {}: interval from {} s to {} s; expected one with "
                                                "a length, between {} s, where the one before it "
                                                "ends, and {} s, where the grid ends",
                                                path, detail::shown(tier.name), interval.start_s,
                                                interval.end_s, at_s, grid.end_s));
    if (interval.start_s > at_s) all.push_back({at_s, interval.start_s, ""});
    all.push_back(interval);
    at_s = interval.end_s;
  }
  if (at_s < grid.end_s) all.push_back({at_s, grid.end_s, ""});
  return all;
}

}  // namespace

const TextGridTier* TextGrid::tier(const std::string& name) const {
  const auto found =
      std::find_if(tiers.begin(), tiers.end(), [&](const TextGridTier& t) { return t.name == name; });
  return found == tiers.end() ? nullptr : &*found;
}

TextGrid read_text_grid(const std::string& path) {
  return TextGridReader(path).read();
}

void write_text_grid(const std::string& path, const TextGrid& grid) {
  require(std::isfinite(grid.start_s) && std::isfinite(grid.end_s) && grid.end_s > grid.start_s,
          ErrorCode::kData,
          fmt::format("{}: a TextGrid from {} s to {} s has no length", path, grid.start_s, grid.end_s));
  std::string out =
      fmt::format("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = {} \nxmax = {} \n",
                  grid.start_s, grid.end_s);
  out += grid.tiers.empty() ? "tiers? <absent> \n"
                            : fmt::format("tiers? <exists> \nsize = {} \nitem []: \n", grid.tiers.size());
  for (size_t t = 0; t < grid.tiers.size(); ++t) {
    const TextGridTier& tier = grid.tiers[t];
    out += fmt::format(
        "    item [{}]:\n        class = \"{}\" \n        name = {} \n        xmin = {} \n        xmax = {} "
        "\n",
        t + 1, tier.is_points ? "TextTier" : "IntervalTier", quoted(path, tier.name), grid.start_s,
        grid.end_s);
    if (tier.is_points) {
      out += fmt::format("        points: size = {} \n", tier.points.size());
      double at_s = grid.start_s;
      for (size_t i = 0; i < tier.points.size(); ++i) {
        const TextGridPoint& point = tier.points[i];
        if (!(point.time_s >= at_s && point.time_s <= grid.end_s) || (i > 0 && point.time_s == at_s))
          throw Error(ErrorCode::kData,
                      fmt::format("{}: tier {}: a point at {} s; expected times that grow, from {} s to {} s",
                                  path, detail::shown(tier.name), point.time_s, grid.start_s, grid.end_s));
        at_s = point.time_s;
        out += fmt::format("        points [{}]:\n            number = {} \n            mark = {} \n", i + 1,
                           point.time_s, quoted(path, point.text));
      }
      continue;
    }
    const auto intervals = filled(path, grid, tier);
    out += fmt::format("        intervals: size = {} \n", intervals.size());
    for (size_t i = 0; i < intervals.size(); ++i)
      out += fmt::format(
          "        intervals [{}]:\n            xmin = {} \n            xmax = {} \n            text = {} \n",
          i + 1, intervals[i].start_s, intervals[i].end_s, quoted(path, intervals[i].text));
  }
  core::write_file(path, out);
}

}  // namespace limbic::formats
