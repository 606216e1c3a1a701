#include "text_input.h"

#include <algorithm>
#include <cstring>

namespace limbic::formats::detail {

TextInput::TextInput(const std::string& path) : source_(path, ErrorCode::kData), buffer_(1 << 16) {
  unsigned char head[3] = {0, 0, 0};
  const auto num_head = std::min<uint64_t>(3, source_.size());
  source_.read(0, head, num_head);
  if (num_head >= 2 && ((head[0] == 0xFF && head[1] == 0xFE) || (head[0] == 0xFE && head[1] == 0xFF))) {
    source_.fail("the text is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)");
  }
  if (num_head == 3 && head[0] == 0xEF && head[1] == 0xBB && head[2] == 0xBF) next_ = 3;
}

bool TextInput::fill() {
  at_ = 0;
  have_ = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), source_.size() - next_));
  if (have_ > 0) source_.read(next_, buffer_.data(), have_);
  next_ += have_;
  return have_ > 0;
}

bool TextInput::get_line(std::string& line, uint64_t max_bytes, bool& is_ended) {
  is_ended = false;
  bool has_any = false;
  while (peek() != kEnd) {
    has_any = true;
    const char* begin = buffer_.data() + at_;
    const auto* end = static_cast<const char*>(std::memchr(begin, '\n', have_ - at_));
    const auto size = end == nullptr ? have_ - at_ : static_cast<size_t>(end - begin);
    if (line.size() + size > max_bytes)
      source_.fail("a line is longer than " + std::to_string(max_bytes) + " bytes");
    line.append(begin, size);
    at_ += size;
    if (end != nullptr) {
      ++at_;
      is_ended = true;
      return true;
    }
  }
  return has_any;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
    return;
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  if (code >= 0x10000) {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | code >> 12);
  }
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

}  // namespace limbic::formats::detail
