#include "mat_parts.h"

#include <algorithm>

#include "text_input.h"

namespace limbic::formats::detail {

// Surrogate pairs only join within one row.
std::string mat_text(const std::vector<uint32_t>& codes, const std::vector<uint64_t>& shape) {
  std::string out;
  // An empty array, and UTF-8 text, may declare more rows than they have characters.
  const uint64_t rows =
      std::clamp<uint64_t>(shape.empty() ? 1 : shape[0], 1, std::max<size_t>(1, codes.size()));
  for (uint64_t row = 0; row < rows; ++row) {
    if (row > 0) out += '\n';
    for (uint64_t i = row; i < codes.size(); i += rows) {
      uint32_t code = codes[i];
      const bool has_next = i + rows < codes.size();
      if (code >= 0xD800 && code < 0xDC00 && has_next && codes[i + rows] >= 0xDC00 &&
          codes[i + rows] < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (codes[i + rows] - 0xDC00);
        i += rows;
      }
      append_utf8(out, code);
    }
  }
  return out;
}

std::string mat_printable(std::string_view raw) {
  std::string out(raw);
  for (char& c : out) c = static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return out;
}

}  // namespace limbic::formats::detail
