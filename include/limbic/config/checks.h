#pragma once
#include <string>

namespace limbic::config {

/// Collects what is wrong with a struct's values; `validate(Checks&)` of every config calls it. All problems of a
/// file are reported at once, each at the line of its field.
class Checks {
 public:
  virtual ~Checks() = default;
  /// @param field    name as in visit(); empty for the struct as a whole
  /// @param message  the rule that is broken, with the value: "must be in [0, 1), got 1.5"
  virtual void fail(const std::string& field, const std::string& message) = 0;
  void expect(bool ok, const std::string& field, const std::string& message) {
    if (!ok) fail(field, message);
  }
};

}  // namespace limbic::config
