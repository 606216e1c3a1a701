#include "limbic/formats/jsonl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

/// Parses with unique keys and bounded depth. `first_line` is where the text begins in its file.
json parse_checked(std::string_view text, const std::string& name, int64_t first_line, ErrorCode code) {
  std::vector<std::set<std::string>> keys;
  const auto fail = [&](const std::string& what) {
    throw Error(code, first_line > 0 ? fmt::format("{}:{}: {}", name, first_line, what) : name + ": " + what);
  };
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) fail(fmt::format("nested deeper than {} levels", kMaxDepth));
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key &&
               !keys.back().insert(parsed.get_ref<const std::string&>()).second) {
      fail(fmt::format("key {} appears twice", detail::shown(parsed.get_ref<const std::string&>())));
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while parsing ...; last
    // read..."
    std::string_view what = e.what();
    const auto place = what.find("parse error at line ");
    int64_t line = first_line > 0 ? first_line : 1;
    int64_t column = 0;
    if (place != std::string_view::npos) {
      int64_t line_in_text = 1;
      std::sscanf(what.data() + place, "parse error at line %ld, column %ld", &line_in_text, &column);
      line += line_in_text - 1;
      what.remove_prefix(std::min(what.size(), what.find(": ", place) + 2));
    }
    throw Error(code, fmt::format("{}:{}: not JSON: column {}: {}", name, line, column, what));
  } catch (const json::exception& e) {  // numbers out of range
    throw Error(code, fmt::format("{}:{}: not JSON: {}", name, first_line > 0 ? first_line : 1, e.what()));
  }
}

std::string dumped(const json& value, int indent, const std::string& path) {
  try {
    return value.dump(indent);
  } catch (const json::exception& e) {
    throw Error(ErrorCode::kInternal, path + ": cannot be written as JSON: " + e.what());
  }
}

[[noreturn]] void fail_append(const std::string& path, const char* what) {
  throw Error(ErrorCode::kStorage, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

/// Offset after the last line end of an open file.
off_t end_of_lines(int fd, const std::string& path) {
  struct stat status {};
  if (fstat(fd, &status) != 0) fail_append(path, "cannot stat");
  if (!S_ISREG(status.st_mode)) throw Error(ErrorCode::kStorage, path + ": not a regular file");
  std::vector<char> block(1 << 16);
  for (off_t end = status.st_size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t n = pread(fd, block.data(), static_cast<size_t>(end - begin), begin);
    if (n != end - begin) fail_append(path, "cannot read");
    for (ssize_t i = n; i > 0; --i) {
      if (block[static_cast<size_t>(i - 1)] == '\n') return begin + i;
    }
    end = begin;
  }
  return 0;
}

}  // namespace

struct JsonlReader::Input {
  explicit Input(const std::string& path) : text(path) {}
  detail::TextInput text;
  std::string line;
};

JsonlReader::JsonlReader(const std::string& path, JsonlOptions options)
    : options_(options), input_(std::make_unique<Input>(path)) {}
JsonlReader::~JsonlReader() = default;

std::string JsonlReader::where() const {
  return fmt::format("{}:{}", input_->text.path(), line_);
}

bool JsonlReader::next(nlohmann::json& object) {
  for (;;) {
    std::string& line = input_->line;
    line.clear();
    bool is_ended = false;
    ++line_;
    try {
      if (!input_->text.get_line(line, options_.max_line_bytes, is_ended)) return false;
    } catch (const Error& e) {
      throw e.in(fmt::format("line {}", line_));
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      object = parse_checked(line, input_->text.path(), line_, ErrorCode::kData);
    } catch (const Error&) {
      if (!is_ended && options_.skip_torn_tail) return false;
      throw;
    }
    if (!object.is_object()) {
      throw Error(ErrorCode::kData,
                  fmt::format("{}: {} instead of a JSON object", where(), object.type_name()));
    }
    return true;
  }
}

JsonlAppender::JsonlAppender(const std::string& path) : path_(path) {
  fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_append(path_, "cannot open");
  try {
    if (ftruncate(fd_, end_of_lines(fd_, path_)) != 0) fail_append(path_, "cannot cut a torn line");
  } catch (...) {
    close(fd_);
    throw;
  }
}

JsonlAppender::~JsonlAppender() {
  close(fd_);
}

void JsonlAppender::write(const nlohmann::json& object) {
  const std::string line = dumped(object, -1, path_) + '\n';
  for (size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_append(path_, "write failed");
    done += static_cast<size_t>(n);
  }
}

void JsonlAppender::sync() {
  if (fsync(fd_) != 0) fail_append(path_, "sync failed");
}

struct JsonlWriter::Output {
  explicit Output(const std::string& path) : path_text(path), file(path) {}
  std::string path_text;
  core::AtomicFile file;
  std::string buffer;
};

JsonlWriter::JsonlWriter(const std::string& path) : output_(std::make_unique<Output>(path)) {}
JsonlWriter::~JsonlWriter() = default;

void JsonlWriter::write(const nlohmann::json& object) {
  require(output_ != nullptr, ErrorCode::kInternal, "JsonlWriter: write after finish");
  output_->buffer += dumped(object, -1, output_->path_text) + '\n';
  if (output_->buffer.size() >= 1 << 16) {
    output_->file.write(output_->buffer);
    output_->buffer.clear();
  }
}

void JsonlWriter::finish() {
  require(output_ != nullptr, ErrorCode::kInternal, "JsonlWriter: finish is called twice");
  const auto output = std::move(output_);
  output->file.write(output->buffer);
  output->file.commit();
}

nlohmann::json parse_json(const std::string& text, const std::string& name, ErrorCode code) {
  return parse_checked(text, name, 0, code);
}

nlohmann::json read_json(const std::string& path, uint64_t max_bytes, ErrorCode code) {
  const detail::FileSource source(path, code);
  if (source.size() > max_bytes)
    source.fail(fmt::format("{} bytes; at most {} are read", source.size(), max_bytes));
  std::string text(source.size(), '\0');
  source.read(0, text.data(), text.size());
  return parse_json(text, path, code);
}

void write_json(const std::string& path, const nlohmann::json& value) {
  core::write_file(path, dumped(value, 2, path) + '\n');
}

}  // namespace limbic::formats
