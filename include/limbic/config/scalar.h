#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limbic::config {

/// Decimal numbers of a config, the same under every locale. Integers: sign and digits without leading zeros;
/// reals: also a point and an exponent. Anything else (hex, octal, nan, inf, out of range) is nothing.
std::optional<int64_t> parse_int64(std::string_view text);
std::optional<uint64_t> parse_uint64(std::string_view text);
std::optional<double> parse_double(std::string_view text);
std::optional<float> parse_float(std::string_view text);
/// `true` or `false`, nothing else.
std::optional<bool> parse_bool(std::string_view text);

/// The shortest text that reads back to the same number, with a point or an exponent. @throws Error(kConfig)
/// when the value is not finite
std::string format_real(double value);
std::string format_real(float value);
/// True for plain text that some YAML reader takes for a bool or null: yes, No, off, ~ ...
bool reads_as_bool_or_null(std::string_view text);

}  // namespace limbic::config
