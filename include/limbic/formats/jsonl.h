#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "limbic/core/error.h"

namespace limbic::formats {

// JSON as limbic reads it: UTF-8, unique keys in every object, at most 64 levels. NaN and Inf are written as
// null, as JSON has no word for them. Users of this header include <nlohmann/json.hpp> themselves.

struct JsonlOptions {
  uint64_t max_line_bytes = 16 << 20;
  bool skip_torn_tail =
      false;  ///< a last line without a line end that is not JSON ends the file: a writer was killed
};

/// Streams a JSON Lines file: one object a line. Blank lines and CR are skipped.
class JsonlReader {
 public:
  /// @throws Error(kData)
  explicit JsonlReader(const std::string& path, JsonlOptions options = {});
  ~JsonlReader();
  JsonlReader(const JsonlReader&) = delete;
  JsonlReader& operator=(const JsonlReader&) = delete;

  /// The next object; false at the end. @throws Error(kData) `path:line: ...`
  bool next(nlohmann::json& object);
  /// Line of the last object, from 1.
  int64_t line() const { return line_; }
  /// "path:line", for error messages of the caller.
  std::string where() const;

 private:
  struct Input;
  JsonlOptions options_;
  std::unique_ptr<Input> input_;
  int64_t line_ = 0;
};

/// Adds lines to a file that readers may follow, such as metrics.jsonl: every line is written with one system
/// call. A torn last line, left by a killed writer, is cut off when the file is opened.
class JsonlAppender {
 public:
  /// @throws Error(kStorage)
  explicit JsonlAppender(const std::string& path);
  ~JsonlAppender();
  JsonlAppender(const JsonlAppender&) = delete;
  JsonlAppender& operator=(const JsonlAppender&) = delete;

  void write(const nlohmann::json& object);
  /// Also onto the disk (fsync), before a checkpoint that counts on it.
  void sync();

 private:
  std::string path_;
  int fd_ = -1;
};

/// Writes a JSON Lines file that appears under its name at finish().
class JsonlWriter {
 public:
  /// @throws Error(kStorage)
  explicit JsonlWriter(const std::string& path);
  ~JsonlWriter();
  JsonlWriter(const JsonlWriter&) = delete;
  JsonlWriter& operator=(const JsonlWriter&) = delete;

  void write(const nlohmann::json& object);
  void finish();

 private:
  struct Output;
  std::unique_ptr<Output> output_;
};

/// A whole JSON file of any type. @throws Error(code) `path:line: not JSON: ...`
nlohmann::json read_json(const std::string& path, uint64_t max_bytes = 64 << 20,
                         ErrorCode code = ErrorCode::kData);
/// Text with the same rules; `name` stands for the path in errors.
nlohmann::json parse_json(const std::string& text, const std::string& name,
                          ErrorCode code = ErrorCode::kData);
/// Atomic, 2 blanks a level, keys sorted. @throws Error(kStorage)
void write_json(const std::string& path, const nlohmann::json& value);

}  // namespace limbic::formats
