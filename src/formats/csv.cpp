#include "limbic/formats/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr size_t kMaxFields = 65536;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_nan_word(std::string_view text) {
  std::string lower;
  for (const char c : text.substr(0, 16)) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  static constexpr std::array<std::string_view, 6> kWords = {"nan", "-nan",     "na",
                                                             "n/a", "nan(ind)", "-nan(ind)"};
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

/// from_chars over a whole trimmed field; one leading '+' is fine.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

struct CsvReader::Input {
  explicit Input(const std::string& path) : text(path) {}
  detail::TextInput text;
  int64_t line = 1;  ///< of the next byte
};

const std::string& CsvRow::text(size_t column) const {
  if (column >= fields_.size()) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: no field {}; the row has {}", where(), column + 1, fields_.size()));
  }
  return fields_[column];
}

const std::string& CsvRow::text(std::string_view column) const {
  return text(reader_->column(column));
}
double CsvRow::real(std::string_view column) const {
  return real(reader_->column(column));
}
int64_t CsvRow::integer(std::string_view column) const {
  return integer(reader_->column(column));
}
std::optional<double> CsvRow::optional_real(std::string_view column) const {
  return optional_real(reader_->column(column));
}

double CsvRow::real(size_t column) const {
  const auto value = parse_number<double>(text(column));
  if (!value) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: {} is not a number", at(column), detail::shown(fields_[column])));
  }
  if (!std::isfinite(*value)) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: {} is not finite", at(column), detail::shown(fields_[column])));
  }
  return *value;
}

int64_t CsvRow::integer(size_t column) const {
  const auto value = parse_number<int64_t>(text(column));
  if (!value) {
    throw Error(ErrorCode::kData,
                fmt::format("{}: {} is not a 64-bit integer", at(column), detail::shown(fields_[column])));
  }
  return *value;
}

std::optional<double> CsvRow::optional_real(size_t column) const {
  const std::string_view field = trimmed(text(column));
  if (field.empty() || is_nan_word(field)) return std::nullopt;
  return real(column);
}

std::string CsvRow::where() const {
  return fmt::format("{}:{}", reader_ == nullptr ? "?" : reader_->path(), line_);
}

std::string CsvRow::at(size_t column) const {
  if (column < reader_->columns().size())
    return fmt::format("{}: column '{}'", where(), reader_->columns()[column]);
  return fmt::format("{}: field {}", where(), column + 1);
}

CsvReader::CsvReader(const std::string& path, CsvOptions options)
    : path_(path), options_(options), input_(std::make_unique<Input>(path)) {
  if (!options_.has_header) return;
  CsvRow header;
  if (!next(header))
    throw Error(ErrorCode::kData, path_ + ": empty; expected a line with the names of the columns");
  std::set<std::string_view> seen;
  for (const std::string& field : header.fields_) columns_.emplace_back(trimmed(field));
  for (const std::string& name : columns_) {
    // Nameless columns happen (pandas' index); they can be read by index.
    if (!name.empty() && !seen.insert(name).second) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: column {} appears twice", header.where(), detail::shown(name)));
    }
  }
}

CsvReader::~CsvReader() = default;

bool CsvReader::next(CsvRow& row) {
  row.reader_ = this;
  if (!read_record(row)) return false;
  if (num_fields_ && row.fields_.size() != *num_fields_ && !options_.allow_ragged) {
    throw Error(ErrorCode::kData, fmt::format("{}: {} fields; the {} has {}", row.where(), row.fields_.size(),
                                              options_.has_header ? "header" : "first row", *num_fields_));
  }
  if (!num_fields_) num_fields_ = row.fields_.size();
  return true;
}

bool CsvReader::read_record(CsvRow& row) {
  constexpr int kEnd = detail::TextInput::kEnd;
  detail::TextInput& in = input_->text;
  while (in.peek() == '\n' || in.peek() == '\r') {  // blank lines
    if (in.get() == '\r' && in.peek() == '\n') in.get();
    ++input_->line;
  }
  if (in.peek() == kEnd) return false;
  row.line_ = input_->line;
  const auto fail = [&](int64_t line, const std::string& what) {
    throw Error(ErrorCode::kData, fmt::format("{}:{}: {}", path_, line, what));
  };

  size_t num_fields = 0;
  size_t num_bytes = 0;
  const auto next_field = [&]() -> std::string& {
    if (num_fields == kMaxFields) fail(row.line_, fmt::format("more than {} fields", kMaxFields));
    if (num_fields == row.fields_.size()) row.fields_.emplace_back();
    row.fields_[num_fields].clear();
    return row.fields_[num_fields++];
  };
  const auto take = [&](std::string& field, int byte) {
    if (byte == 0) fail(input_->line, "a NUL byte; this is not a text file");
    if (++num_bytes > kMaxRecordBytes) {
      fail(row.line_, fmt::format("a record longer than {} bytes; is a quote missing?", kMaxRecordBytes));
    }
    field += static_cast<char>(byte);
  };
  const bool has_quotes = options_.quote != '\0';
  const int quote = static_cast<unsigned char>(options_.quote);
  const int separator = static_cast<unsigned char>(options_.separator);

  for (bool is_last = false; !is_last;) {
    std::string& field = next_field();
    if (options_.trim) {
      while ((in.peek() == ' ' || in.peek() == '\t') && in.peek() != separator) in.get();
    }
    if (has_quotes && in.peek() == quote) {
      const int64_t opened = input_->line;
      in.get();
      for (;;) {
        const int byte = in.get();
        if (byte == kEnd) fail(opened, "a quoted field is never closed");
        if (byte == quote) {
          if (in.peek() != quote) break;
          in.get();
        }
        if (byte == '\n') ++input_->line;
        take(field, byte);
      }
      if (options_.trim) {
        while ((in.peek() == ' ' || in.peek() == '\t') && in.peek() != separator) in.get();
      }
      const int after = in.peek();
      if (after != separator && after != '\n' && after != '\r' && after != kEnd) {
        fail(input_->line, "text after a closing quote; a quote inside a quoted field must be doubled");
      }
    } else {
      for (int byte = in.peek(); byte != separator && byte != '\n' && byte != '\r' && byte != kEnd;
           byte = in.peek()) {
        if (has_quotes && byte == quote) {
          fail(input_->line, "a quote inside an unquoted field; quote the field and double the quote");
        }
        take(field, in.get());
      }
      if (options_.trim) {
        while (!field.empty() && is_blank(field.back())) field.pop_back();
      }
    }
    if (!detail::is_utf8(field)) {
      fail(input_->line, "text that is not UTF-8; convert the file (iconv -f cp1252 -t utf-8)");
    }
    const int end = in.get();
    if (end == separator && ++num_bytes > kMaxRecordBytes)
      fail(row.line_, "a record longer than 1048576 bytes");
    is_last = end != separator;
    if (end == '\r' && in.peek() == '\n') in.get();
    if (end == '\r' || end == '\n') ++input_->line;
  }
  row.fields_.resize(num_fields);
  return true;
}

std::optional<size_t> CsvReader::find(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<size_t>(found - columns_.begin());
}

size_t CsvReader::column(std::string_view name) const {
  const auto found = find(name);
  if (found) return *found;
  const std::vector<std::string> first(
      columns_.begin(), columns_.begin() + static_cast<int64_t>(std::min<size_t>(columns_.size(), 20)));
  throw Error(ErrorCode::kData, fmt::format("{}: no column {}{}; columns: {}{}", path_, detail::shown(name),
                                            core::did_you_mean(name, columns_), core::join(first),
                                            columns_.size() > 20 ? ", ..." : ""));
}

struct CsvWriter::Output {
  explicit Output(const std::string& path) : path_text(path), file(path) {}
  std::string path_text;
  core::AtomicFile file;
  std::string buffer;
};

CsvWriter::CsvWriter(const std::string& path, const std::vector<std::string>& columns,
                     CsvWriterOptions options)
    : options_(options), output_(std::make_unique<Output>(path)), num_columns_(columns.size()) {
  require(!columns.empty(), ErrorCode::kInternal, path + ": a CSV file needs columns");
  for (const auto& name : columns) add(name);
  end_row();
}

CsvWriter::~CsvWriter() = default;

CsvWriter& CsvWriter::add_raw(std::string_view text) {
  require(output_ != nullptr, ErrorCode::kInternal, "CsvWriter: a field after finish");
  if (num_fields_++ > 0) output_->buffer += options_.separator;
  output_->buffer += text;
  return *this;
}

CsvWriter& CsvWriter::add(std::string_view text) {
  const char special[] = {options_.separator, '"', '\n', '\r', '\0'};
  const bool has_edge_blank = !text.empty() && (is_blank(text.front()) || is_blank(text.back()));
  // The only field of an empty row is quoted, for an empty line is no row.
  if (text.find_first_of(special) == std::string_view::npos && !has_edge_blank &&
      !(text.empty() && num_columns_ == 1)) {
    return add_raw(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return add_raw(quoted + '"');
}

template <class Real>
CsvWriter& CsvWriter::add_real(Real value) {
  if (std::isnan(value)) return add_empty();
  std::array<char, 400> digits{};  // 1.8e308 in full, with room for decimals
  const auto [end, error] = options_.decimals ? std::to_chars(digits.begin(), digits.end(), value,
                                                              std::chars_format::fixed, *options_.decimals)
                                              : std::to_chars(digits.begin(), digits.end(), value);
  require(error == std::errc(), ErrorCode::kInternal, "CsvWriter: too many decimals");
  return add_raw(std::string_view(digits.data(), static_cast<size_t>(end - digits.begin())));
}

CsvWriter& CsvWriter::add(double value) {
  return add_real(value);
}
CsvWriter& CsvWriter::add(float value) {
  return add_real(value);
}

void CsvWriter::end_row() {
  require(output_ != nullptr, ErrorCode::kInternal, "CsvWriter: a row after finish");
  if (num_fields_ != num_columns_) {
    throw Error(ErrorCode::kInternal, fmt::format("{}: row {} has {} fields for {} columns",
                                                  output_->path_text, num_rows_, num_fields_, num_columns_));
  }
  output_->buffer += '\n';
  num_fields_ = 0;
  ++num_rows_;
  if (output_->buffer.size() >= 1 << 16) {
    output_->file.write(output_->buffer);
    output_->buffer.clear();
  }
}

void CsvWriter::finish() {
  require(output_ != nullptr && num_fields_ == 0, ErrorCode::kInternal,
          "CsvWriter: finish in the middle of a row");
  const auto output = std::move(output_);
  output->file.write(output->buffer);
  output->file.commit();
}

}  // namespace limbic::formats
