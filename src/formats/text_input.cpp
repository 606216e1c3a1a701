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

bool is_utf8(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = p + bytes.size();
  while (p < end) {
    if (*p < 0x80) {
      ++p;
      continue;
    }
    const int num_more = *p >= 0xC2 && *p <= 0xDF   ? 1
                         : (*p & 0xF0) == 0xE0      ? 2
                         : *p >= 0xF0 && *p <= 0xF4 ? 3
                                                    : 0;
    if (num_more == 0 || end - p <= num_more) return false;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (*p == 0xE0) low = 0xA0;
    if (*p == 0xED) high = 0x9F;
    if (*p == 0xF0) low = 0x90;
    if (*p == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return false;
    for (int i = 2; i <= num_more; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
    }
    p += num_more + 1;
  }
  return true;
}

}  // namespace limbic::formats::detail
