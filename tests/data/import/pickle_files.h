#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

/// Pickles as Python 2 and numpy 1 write them (protocol 2), put together here.
namespace limbic::data::testing::pickle {

template <class Number>
std::string little_endian(Number value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string str(const std::string& text) {
  return "T" + little_endian(static_cast<uint32_t>(text.size())) + text;
}
inline std::string unicode(const std::string& utf8) {
  return "X" + little_endian(static_cast<uint32_t>(utf8.size())) + utf8;
}
inline std::string integer(int32_t value) {
  return "J" + little_endian(value);
}

inline std::string list(const std::vector<std::string>& items) {
  std::string out = "](";
  for (const auto& item : items) out += item;
  return out + "e";
}

inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += str(key) + value;
  return out + "u";
}

/// @param dtype  "f4", "f8", "i4"
template <class Number>
std::string array(const std::vector<int32_t>& shape, const std::string& dtype,
                  const std::vector<Number>& values) {
  using namespace std::string_literals;
  std::string dims = "(";
  for (const int32_t dim : shape) dims += integer(dim);
  const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"s + str("b") + "tR(K\1" + dims +
         "tcnumpy\ndtype\n(" + str(dtype) + "K\0K\1tR(K\3"s + str("<") +
         "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89"s + str(bytes) + "tb";
}

inline std::string file(const std::string& value) {
  return "\x80\x02" + value + ".";
}

}  // namespace limbic::data::testing::pickle
