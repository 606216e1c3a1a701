#pragma once
#include <cstddef>
#include <string_view>

namespace limbic::core {

/// Place of the first byte that is not well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF), npos when there is none.
size_t find_bad_utf8(std::string_view bytes);
inline bool is_utf8(std::string_view bytes) {
  return find_bad_utf8(bytes) == std::string_view::npos;
}

}  // namespace limbic::core
