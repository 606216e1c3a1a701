// The opcodes that carry their value: numbers, text and bytes.
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "byte_source.h"
#include "pickle_machine.h"
#include "text_input.h"

namespace limbic::formats::detail {
namespace {

/// Integers beyond 64 bits are kept as decimals; those of real data (random states, ids) are short.
constexpr size_t kMaxIntegerBytes = 256;

std::string decimal_of(std::string_view little_endian) {
  std::vector<uint32_t> magnitude((little_endian.size() + 3) / 4 + 1, 0);
  const bool is_negative = (little_endian.back() & 0x80) != 0;
  uint32_t carry = is_negative ? 1 : 0;
  for (size_t i = 0; i < magnitude.size() * 4; ++i) {
    uint32_t byte = i < little_endian.size() ? static_cast<unsigned char>(little_endian[i])
                    : is_negative            ? 255U
                                             : 0U;
    if (is_negative) {
      byte = (~byte & 255U) + carry;
      carry = byte >> 8;
      byte &= 255U;
    }
    magnitude[i / 4] |= byte << (8 * (i % 4));
  }
  std::vector<uint32_t> groups;  // of nine digits, lowest first
  while (!magnitude.empty()) {
    uint64_t rest = 0;
    for (size_t i = magnitude.size(); i-- > 0;) {
      rest = rest << 32 | magnitude[i];
      magnitude[i] = static_cast<uint32_t>(rest / 1000000000);
      rest %= 1000000000;
    }
    groups.push_back(static_cast<uint32_t>(rest));
    while (!magnitude.empty() && magnitude.back() == 0) magnitude.pop_back();
  }
  std::string out = is_negative ? "-" : "";
  out += fmt::format("{}", groups.back());
  for (size_t i = groups.size() - 1; i-- > 0;) out += fmt::format("{:09}", groups[i]);
  return out;
}

double big_endian_double(std::string_view bytes) {
  uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<unsigned char>(c);
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The value of `count` hexadecimal digits, or -1.
int64_t hex_value(std::string_view digits, size_t count) {
  if (digits.size() < count) return -1;
  int64_t value = 0;
  for (const char c : digits.substr(0, count)) {
    const int digit = c >= '0' && c <= '9'                 ? c - '0'
                      : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                           : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

}  // namespace

std::string unescaped_python2(std::string_view quoted, bool& is_well_formed) {
  std::string out;
  is_well_formed = false;
  if (quoted.size() < 2 || (quoted[0] != '\'' && quoted[0] != '"') || quoted.back() != quoted[0]) return out;
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return out;
    constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
    const size_t letter = kLetters.find(text[i]);
    if (letter != std::string_view::npos) {
      out += kMeanings[letter];
    } else if (text[i] == 'x') {
      const int64_t value = hex_value(text.substr(i + 1), 2);
      if (value < 0) return out;
      out += static_cast<char>(value);
      i += 2;
    } else if (text[i] >= '0' && text[i] <= '7') {
      int value = 0;
      size_t num_digits = 0;
      for (; num_digits < 3 && i + num_digits < text.size() && text[i + num_digits] >= '0' &&
             text[i + num_digits] <= '7';
           ++num_digits)
        value = value * 8 + (text[i + num_digits] - '0');
      out += static_cast<char>(value);
      i += num_digits - 1;
    } else {
      (out += '\\') += text[i];
    }
  }
  is_well_formed = true;
  return out;
}

std::string unescaped_unicode(std::string_view line, bool& is_well_formed) {
  std::string out;
  is_well_formed = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool is_short = line[i] == '\\' && i + 1 < line.size() && line[i + 1] == 'u';
    const bool is_long = line[i] == '\\' && i + 1 < line.size() && line[i + 1] == 'U';
    if (!is_short && !is_long) {
      append_utf8(out, static_cast<unsigned char>(line[i]));
      continue;
    }
    const size_t num_digits = is_short ? 4 : 8;
    int64_t code = hex_value(line.substr(i + 2), num_digits);
    if (code < 0 || code > 0x10FFFF) return out;
    i += 1 + num_digits;
    // Narrow builds of Python 2 wrote characters beyond 65535 in two halves.
    if (code >= 0xD800 && code < 0xDC00 && line.substr(i + 1, 2) == "\\u") {
      const int64_t low = hex_value(line.substr(i + 3), 4);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
    }
    append_utf8(out, static_cast<uint32_t>(code));
  }
  is_well_formed = true;
  return out;
}

void PickleMachine::push_text(std::string_view utf8) {
  if (is_utf8(utf8)) return push(document_.add_text(NodeKind::kText, utf8));
  // Python writes lone surrogates as three bytes.
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    if (utf8[i] == '\xED' && i + 2 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) >= 0xA0) {
      out += "\xEF\xBF\xBD";
      i += 2;
    } else {
      out += utf8[i];
    }
  }
  if (!is_utf8(out)) fail("text that is not UTF-8");
  push(document_.add_owned(NodeKind::kText, std::move(out)));
}

void PickleMachine::push_long(std::string_view bytes) {
  if (bytes.size() > kMaxIntegerBytes)
    fail(fmt::format("an integer of {} bytes; up to {} are read", bytes.size(), kMaxIntegerBytes));
  while (bytes.size() > 8) {
    const unsigned char last = static_cast<unsigned char>(bytes.back());
    const bool is_next_negative = (bytes[bytes.size() - 2] & 0x80) != 0;
    if (last != (is_next_negative ? 255 : 0)) break;
    bytes.remove_suffix(1);
  }
  if (bytes.size() > 8) return push(document_.add_owned(NodeKind::kBigInt, decimal_of(bytes)));
  uint64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  push(document_.add_integer(NodeKind::kInt, static_cast<int64_t>(value)));
}

void PickleMachine::push_decimal(std::string_view digits) {
  if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end == digits.data() + digits.size() && error == std::errc())
    return push(document_.add_integer(NodeKind::kInt, value));
  std::string_view unsigned_digits = digits.substr(!digits.empty() && digits[0] == '-' ? 1 : 0);
  const bool is_number = !unsigned_digits.empty() && unsigned_digits[0] != '0' &&
                         unsigned_digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number || digits.size() > 2 * kMaxIntegerBytes) fail("not an integer: " + detail::shown(digits));
  push(document_.add_text(NodeKind::kBigInt, digits));
}

bool PickleMachine::step_number(unsigned char opcode) {
  switch (opcode) {
    case 'N':
      push(document_.add(NodeKind::kNone));
      return true;
    case 0x88:
    case 0x89:
      push(document_.add_integer(NodeKind::kBool, opcode == 0x88));
      return true;
    case 'J':
      push(document_.add_integer(NodeKind::kInt, static_cast<int32_t>(take_unsigned(4))));
      return true;
    case 'K':
      push(document_.add_integer(NodeKind::kInt, static_cast<int64_t>(take_unsigned(1))));
      return true;
    case 'M':
      push(document_.add_integer(NodeKind::kInt, static_cast<int64_t>(take_unsigned(2))));
      return true;
    case 'I': {
      const std::string_view line = take_line();
      if (line == "00" || line == "01")
        push(document_.add_integer(NodeKind::kBool, line == "01"));
      else
        push_decimal(line);
      return true;
    }
    case 'L':
      push_decimal(take_line());
      return true;
    case 0x8a:
      push_long(take(take_unsigned(1)));
      return true;
    case 0x8b:
      push_long(take(take_unsigned(4)));
      return true;
    case 'F': {
      const std::string_view line = take_line();
      double value = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
      if (end != line.data() + line.size() || error != std::errc())
        fail("not a number: " + detail::shown(line));
      push(document_.add_real(value));
      return true;
    }
    case 'G':
      push(document_.add_real(big_endian_double(take(8))));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_text(unsigned char opcode) {
  bool is_well_formed = true;
  switch (opcode) {
    case 'X':
      push_text(take(take_unsigned(4)));
      return true;
    case 0x8c:
      push_text(take(take_unsigned(1)));
      return true;
    case 0x8d:
      push_text(take(take_unsigned(8)));
      return true;
    case 'V':
      push(document_.add_owned(NodeKind::kText, unescaped_unicode(take_line(), is_well_formed)));
      break;
    case 'S':
      push(document_.add_owned(NodeKind::kPython2Text, unescaped_python2(take_line(), is_well_formed)));
      break;
    case 'T':
      push(document_.add_text(NodeKind::kPython2Text, take(take_unsigned(4))));
      return true;
    case 'U':
      push(document_.add_text(NodeKind::kPython2Text, take(take_unsigned(1))));
      return true;
    case 'B':
      push(document_.add_text(NodeKind::kBytes, take(take_unsigned(4))));
      return true;
    case 'C':
      push(document_.add_text(NodeKind::kBytes, take(take_unsigned(1))));
      return true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push(document_.add_text(NodeKind::kBytes, take(take_unsigned(8))));
      return true;
    default:
      return false;
  }
  if (!is_well_formed) fail("text with a broken escape");
  return true;
}

}  // namespace limbic::formats::detail
