#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "byte_source.h"
#include "limbic/core/utf8.h"

namespace limbic::formats::detail {

/// Byte-wise reading of a regular file through one buffer. A UTF-8 byte order mark is skipped.
class TextInput {
 public:
  static constexpr int kEnd = -1;
  explicit TextInput(const std::string& path);

  /// The next byte without taking it, or kEnd.
  int peek() {
    if (at_ == have_ && !fill()) return kEnd;
    return static_cast<unsigned char>(buffer_[at_]);
  }
  int get() {
    const int byte = peek();
    if (byte != kEnd) ++at_;
    return byte;
  }
  /// Appends bytes to `line` up to a line end, which is taken and not appended. False at the end of the file.
  /// `is_ended` tells whether there was a line end. @throws Error(kData) past max_bytes
  bool get_line(std::string& line, uint64_t max_bytes, bool& is_ended);
  const std::string& path() const { return source_.name(); }

 private:
  bool fill();

  FileSource source_;
  uint64_t next_ = 0;
  std::vector<char> buffer_;
  size_t at_ = 0;
  size_t have_ = 0;
};

using core::is_utf8;
/// Surrogates and numbers beyond Unicode become U+FFFD.
void append_utf8(std::string& out, uint32_t code);

}  // namespace limbic::formats::detail
