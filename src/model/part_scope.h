#pragma once
#include <ATen/record_function.h>

#include <string>

namespace limbic::model {

/// Marks what runs while it lives as a part of the model, for those who watch (cost.cpp, profilers). Costs
/// nothing else.
class PartScope {
 public:
  explicit PartScope(const char* group, const std::string& part = {}) : scope_(at::RecordScope::USER_SCOPE) {
    if (scope_.isActive()) scope_.before(part.empty() ? std::string(group) : group + ("." + part));
  }

 private:
  at::RecordFunction scope_;
};

}  // namespace limbic::model
