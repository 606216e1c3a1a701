#include "numpy_type.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "text_input.h"

namespace limbic::formats::detail {
namespace {

double half_to_double(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction == 0 ? std::numeric_limits<double>::infinity()
                                                   : std::numeric_limits<double>::quiet_NaN())
                                  : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

template <class Number>
Number numpy_load(const char* from, bool is_big) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, from, sizeof bytes);
  if (is_big) std::reverse(bytes, bytes + sizeof bytes);
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

bool NumpyType::is_number() const {
  const bool is_integer_size = size == 1 || size == 2 || size == 4 || size == 8;
  return (kind == 'f' && is_integer_size && size > 1) || ((kind == 'i' || kind == 'u') && is_integer_size) ||
         (kind == 'b' && size == 1);
}

double NumpyType::number(const char* from) const {
  if (kind == 'f') {
    if (size == 2) return half_to_double(numpy_load<uint16_t>(from, is_big));
    return size == 4 ? numpy_load<float>(from, is_big) : numpy_load<double>(from, is_big);
  }
  const bool is_signed = kind == 'i';
  switch (size) {
    case 1:
      return is_signed ? static_cast<double>(numpy_load<int8_t>(from, false))
                       : static_cast<double>(numpy_load<uint8_t>(from, false));
    case 2:
      return is_signed ? static_cast<double>(numpy_load<int16_t>(from, is_big))
                       : static_cast<double>(numpy_load<uint16_t>(from, is_big));
    case 4:
      return is_signed ? static_cast<double>(numpy_load<int32_t>(from, is_big))
                       : static_cast<double>(numpy_load<uint32_t>(from, is_big));
    default:
      return is_signed ? static_cast<double>(numpy_load<int64_t>(from, is_big))
                       : static_cast<double>(numpy_load<uint64_t>(from, is_big));
  }
}

std::string NumpyType::text(const char* from) const {
  if (kind == 'S') return std::string(from, strnlen(from, size));
  std::string out;
  for (size_t i = 0; i < size / 4; ++i) {
    const auto code = numpy_load<uint32_t>(from + 4 * i, is_big);
    if (code == 0) break;
    append_utf8(out, code);
  }
  return out;
}

std::optional<NumpyType> parse_numpy_type(std::string_view descr) {
  NumpyType type;
  const bool has_order = !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
  const std::string_view rest = descr.substr(has_order ? 1 : 0);
  if (rest.empty() || (rest.size() == 1 && rest != "O") || rest.size() > 11) return std::nullopt;
  type.kind = rest[0];
  for (const char c : rest.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    type.size = type.size * 10 + static_cast<uint64_t>(c - '0');
  }
  if (type.kind == 'U') type.size *= 4;
  if (type.size > UINT32_MAX) return std::nullopt;
  type.is_big = descr[0] == '>';
  type.descr = has_order ? std::string(descr) : "<" + std::string(rest);
  return type;
}

std::optional<uint64_t> numpy_bytes(const std::vector<uint64_t>& shape, uint64_t element_bytes,
                                    uint64_t& num_elements) {
  num_elements = 1;
  for (const uint64_t dim : shape) {
    if (__builtin_mul_overflow(num_elements, dim, &num_elements)) return std::nullopt;
  }
  uint64_t num_bytes = 0;
  if (__builtin_mul_overflow(num_elements, element_bytes, &num_bytes)) return std::nullopt;
  return num_bytes;
}

}  // namespace limbic::formats::detail
