#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::features::text {

/// A value of a JSON file and where it stands, so that every refusal names the place. Null counts as absent.
class JsonPart {
 public:
  JsonPart(const nlohmann::json& value, std::string where) : value_(&value), where_(std::move(where)) {}
  const std::string& where() const { return where_; }

  std::optional<JsonPart> find(const std::string& key) const {
    if (!value_->is_object()) fail("an object");
    const auto at = value_->find(key);
    if (at == value_->end() || at->is_null()) return std::nullopt;
    return JsonPart(*at, where_ + (where_.find(": ") == std::string::npos ? ": " : ".") + key);
  }
  JsonPart at(const std::string& key) const {
    const auto found = find(key);
    require(found.has_value(), ErrorCode::kData, where_ + ": no '" + key + "'");
    return *found;
  }
  JsonPart item(size_t i) const {
    if (!value_->is_array() || value_->size() <= i) fail("a list of " + std::to_string(i + 1) + " or more");
    return JsonPart((*value_)[i], where_ + "[" + std::to_string(i) + "]");
  }
  template <class Action>
  void for_each(Action&& action) const {
    if (!value_->is_array()) fail("a list");
    for (size_t i = 0; i < value_->size(); ++i) action(item(i));
  }
  template <class Action>
  void for_each_member(Action&& action) const {
    if (!value_->is_object()) fail("an object");
    for (const auto& [key, value] : value_->items()) action(key, JsonPart(value, where_));
  }

  bool is_string() const { return value_->is_string(); }
  const std::string& string() const {
    if (!value_->is_string()) fail("a string");
    return value_->get_ref<const std::string&>();
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    const auto found = find(key);
    return found ? found->string() : otherwise;
  }
  bool flag(const std::string& key, bool otherwise) const {
    const auto found = find(key);
    if (!found) return otherwise;
    if (!found->value_->is_boolean()) found->fail("true or false");
    return found->value_->get<bool>();
  }
  double number() const {
    if (!value_->is_number()) fail("a number");
    return value_->get<double>();
  }
  int64_t whole_number() const {
    if (!value_->is_number_integer()) fail("a whole number");
    if (value_->is_number_unsigned() && value_->get<uint64_t>() > INT64_MAX) fail("a smaller number");
    return value_->get<int64_t>();
  }

  [[noreturn]] void fail(const std::string& expected) const {
    throw Error(ErrorCode::kData, where_ + ": " + value_->type_name() + "; expected " + expected);
  }
  [[noreturn]] void refuse_type(const std::string& what, const std::string& type) const {
    throw Error(ErrorCode::kData, where_ + ": the " + what + " '" + type + "' is not supported");
  }

 private:
  const nlohmann::json* value_;
  std::string where_;
};

}  // namespace limbic::features::text
