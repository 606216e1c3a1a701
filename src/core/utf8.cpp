#include "limbic/core/utf8.h"

namespace limbic::core {

size_t find_bad_utf8(std::string_view bytes) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* p = begin;
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
    if (num_more == 0 || end - p <= num_more) return static_cast<size_t>(p - begin);
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (*p == 0xE0) low = 0xA0;
    if (*p == 0xED) high = 0x9F;
    if (*p == 0xF0) low = 0x90;
    if (*p == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return static_cast<size_t>(p - begin);
    for (int i = 2; i <= num_more; ++i) {
      if ((p[i] & 0xC0) != 0x80) return static_cast<size_t>(p - begin);
    }
    p += num_more + 1;
  }
  return std::string_view::npos;
}

}  // namespace limbic::core
