#include "limbic/config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "limbic/core/error.h"

namespace limbic::config {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

size_t count_digits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - from;
}

std::string_view without_plus(std::string_view text) {
  return !text.empty() && text.front() == '+' ? text.substr(1) : text;
}

/// [+-] digits, without leading zeros
bool is_decimal_integer(std::string_view text) {
  const size_t start = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  const size_t num_digits = text.size() - start;
  return num_digits > 0 && count_digits(text, start) == num_digits && (num_digits == 1 || text[start] != '0');
}

/// [+-] digits [. digits] [e [+-] digits], digits before or after the point, no leading zeros
bool is_decimal_real(std::string_view text) {
  size_t at = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  const size_t before = count_digits(text, at);
  if (before > 1 && text[at] == '0') return false;
  at += before;
  size_t after = 0;
  if (at < text.size() && text[at] == '.') {
    after = count_digits(text, at + 1);
    at += 1 + after;
  }
  if (before + after == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = count_digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

template <class T>
std::optional<T> from_chars_of(std::string_view text) {
  const std::string_view digits = without_plus(text);
  T value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

template <class T>
std::string format_shortest(T value) {
  if (!std::isfinite(value)) {
    throw Error(ErrorCode::kConfig, "a number is not finite and cannot be written; expected a finite number");
  }
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
  return is_decimal_integer(text) ? from_chars_of<int64_t>(text) : std::nullopt;
}

std::optional<uint64_t> parse_uint64(std::string_view text) {
  if (text == "-0") return 0;
  return is_decimal_integer(text) ? from_chars_of<uint64_t>(text) : std::nullopt;
}

std::optional<double> parse_double(std::string_view text) {
  return is_decimal_real(text) ? from_chars_of<double>(text) : std::nullopt;
}

std::optional<float> parse_float(std::string_view text) {
  return is_decimal_real(text) ? from_chars_of<float>(text) : std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::string format_real(double value) {
  return format_shortest(value);
}
std::string format_real(float value) {
  return format_shortest(value);
}

bool reads_as_bool_or_null(std::string_view text) {
  if (text.size() > 5) return false;
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array<std::string_view, 9> kWords = {"",    "~",  "null", "true", "false",
                                                      "yes", "no", "on",   "off"};
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

}  // namespace limbic::config
