#pragma once
#include <cstdint>
#include <string>

namespace limbic::signals {

/// ", got 0.5" for the end of a message about a config's value.
inline std::string got(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return ", got " + text;
}
inline std::string got(int64_t value) {
  return ", got " + std::to_string(value);
}

}  // namespace limbic::signals
