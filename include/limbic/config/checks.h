#pragma once
#include <string>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::config {

/// Collects what is wrong with a struct's values; `validate(Checks&)` of every config calls it. All problems
/// of a file are reported at once, each at the line of its field.
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

/// Throws at the first problem: for structs that code filled in, without a file to point at.
class ThrowingChecks final : public Checks {
 public:
  /// @param name  what the struct is, for the message: "log_mel"
  explicit ThrowingChecks(std::string name) : name_(std::move(name)) {}
  void fail(const std::string& field, const std::string& message) override {
    throw Error(ErrorCode::kConfig, name_ + (field.empty() ? "" : "." + field) + ": " + message);
  }

 private:
  std::string name_;
};

}  // namespace limbic::config
