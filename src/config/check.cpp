#include <fmt/format.h>

#include "limbic/config/config.h"
#include "limbic/core/suggest.h"
#include "message.h"

namespace limbic::config {
namespace {

/// Why `text` is no integer of this type; empty when it is one.
std::string integer_problem(const Type& type, const Node& node) {
  const std::string& text = node.text;
  const std::string got = ", got " + what_is(node);
  if (!node.is_scalar() || node.is_quoted) return "expected an int" + got;
  const bool has_sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  const std::string digits = has_sign ? text.substr(1) : text;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) {
    if (parse_double(text)) return "expected an int" + got + ", a float; write it with digits only";
    return "expected an int" + got +
           (digits.find_first_of("0123456789") == 0 ? "; only decimal digits are read" : "");
  }
  if (digits.size() > 1 && digits[0] == '0') {
    return "expected an int without leading zeros" + got + " (other readers take it as octal)";
  }
  const bool is_negative = text[0] == '-' && digits != "0";
  const auto as_signed = parse_int64(text);
  const auto as_unsigned = parse_uint64(text);
  if (is_negative && type.min_integer == 0) return "must be >= 0" + got;
  const bool fits = is_negative ? as_signed && *as_signed >= type.min_integer
                                : as_unsigned && *as_unsigned <= type.max_integer;
  if (!fits) return fmt::format("out of range [{}, {}]{}", type.min_integer, type.max_integer, got);
  const double value = is_negative ? static_cast<double>(*as_signed) : static_cast<double>(*as_unsigned);
  return type.bounds.contains(value) ? "" : "must be " + type.bounds.to_string() + got;
}

std::string real_problem(const Type& type, const Node& node) {
  const std::string got = ", got " + what_is(node);
  if (!node.is_scalar() || node.is_quoted) return "expected a number" + got;
  const std::string& text = node.text;
  std::string lower;
  for (const char c : text.substr(0, 6)) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.find("nan") != std::string::npos || lower.find("inf") != std::string::npos) {
    return "expected a finite number" + got;
  }
  const auto value = parse_double(text);
  if (!value) {
    const size_t start = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    if (text.size() > start + 1 && text[start] == '0' && text[start + 1] >= '0' && text[start + 1] <= '9') {
      return "expected a number without leading zeros" + got;
    }
    const bool is_number = text.find_first_not_of("0123456789+-.eE") == std::string::npos &&
                           text.find_first_of("0123456789") != std::string::npos &&
                           text.find_first_of("eE") != std::string::npos;
    return is_number ? "does not fit a 64-bit float" + got : "expected a number" + got;
  }
  if (type.is_single_precision && !parse_float(text)) return "does not fit a 32-bit float" + got;
  return type.bounds.contains(*value) ? "" : "must be " + type.bounds.to_string() + got;
}

std::string string_problem(const Node& node) {
  if (node.is_null()) return "expected text, got nothing (null); write '' for empty text";
  if (!node.is_scalar()) return "expected text, got " + what_is(node);
  if (!node.is_quoted && reads_as_bool_or_null(node.text)) {
    return fmt::format("expected text, got {0}, which YAML reads as a bool or null; quote it: '{0}'",
                       one_line(node.text));
  }
  return "";
}

class TreeChecker {
 public:
  explicit TreeChecker(Report& report) : report_(report) {}

  /// True when nothing is wrong in `node`. @param near  place of the closest parent that has one
  bool check(const Type& type, const Node& node, const std::string& path, const Location& near) {
    const bool is_good = check_kind(type, node, path, node.at.is_known() ? node.at : near);
    if (!is_good) report_.mark_broken(node);
    return is_good;
  }

 private:
  bool check_kind(const Type& type, const Node& node, const std::string& path, const Location& at) {
    switch (type.kind) {
      case Type::Kind::kBool: {
        const bool is_good = node.is_scalar() && !node.is_quoted && parse_bool(node.text);
        return is_good || fail(node, path, at, "expected true or false, got " + what_is(node));
      }
      case Type::Kind::kInteger:
        return judge(node, path, at, integer_problem(type, node));
      case Type::Kind::kReal:
        return judge(node, path, at, real_problem(type, node));
      case Type::Kind::kString:
        return judge(node, path, at, string_problem(node));
      case Type::Kind::kEnum:
        return check_enum(type, node, path, at);
      case Type::Kind::kOptional:
        return node.is_null() || check(type.element(), node, path, at);
      case Type::Kind::kList: {
        if (!node.is_sequence()) {
          return fail(node, path, at, "expected a " + type.to_string() + ", got " + what_is(node));
        }
        bool is_good = true;
        for (size_t i = 0; i < node.children.size(); ++i) {
          is_good = check(type.element(), node.children[i], detail::join_path(path, i), at) && is_good;
        }
        return is_good;
      }
      case Type::Kind::kMap: {
        if (!node.is_map()) {
          return fail(node, path, at, "expected a " + type.to_string() + ", got " + what_is(node));
        }
        bool is_good = true;
        for (const Node& child : node.children) {
          is_good = check(type.element(), child, detail::join_path(path, child.key), at) && is_good;
        }
        return is_good;
      }
      case Type::Kind::kStruct: {
        if (!node.is_map()) {
          return fail(node, path, at,
                      "expected a mapping with " + core::join(type.child_names()) + ", got " + what_is(node));
        }
        return check_fields(type, type, "", node, path, at);
      }
      case Type::Kind::kVariant:
        return check_variant(type, node, path, at);
    }
    return true;
  }

  bool check_enum(const Type& type, const Node& node, const std::string& path, const Location& at) {
    if (!node.is_scalar()) {
      return fail(node, path, at, "expected " + type.to_string() + ", got " + what_is(node));
    }
    for (const auto& name : type.names) {
      if (name == node.text) return true;
    }
    return fail(node, path, at,
                fmt::format("unknown value '{}'; expected one of {}{}", one_line(node.text),
                            core::join(type.names), core::did_you_mean(node.text, type.names)));
  }

  bool check_variant(const Type& type, const Node& node, const std::string& path, const Location& at) {
    const std::string choices = "one of " + core::join(type.child_names());
    if (!node.is_map()) {
      const std::string hint =
          node.is_scalar() && type.find(node.text) != nullptr ? "; write {type: " + node.text + "}" : "";
      return fail(node, path, at,
                  "expected a mapping with type: " + choices + ", got " + what_is(node) + hint);
    }
    const Node* chosen = node.find("type");
    if (chosen == nullptr) return fail(node, path, at, "type is missing; expected " + choices);
    if (!chosen->is_scalar()) {
      return fail(*chosen, detail::join_path(path, "type"), chosen->at.is_known() ? chosen->at : at,
                  "expected " + choices + ", got " + what_is(*chosen));
    }
    const Type* alternative = type.find(chosen->text);
    if (alternative == nullptr) {
      return fail(*chosen, path, chosen->at.is_known() ? chosen->at : at,
                  unknown_type_message(type, chosen->text));
    }
    return check_fields(*alternative, type, alternative->name, node, path, at);
  }

  /// @param type  the struct or the chosen alternative; @param owner  itself or the variant, for hints
  bool check_fields(const Type& type, const Type& owner, const std::string& alternative, const Node& node,
                    const std::string& path, const Location& at) {
    bool is_good = true;
    for (const Node& child : node.children) {
      if (!alternative.empty() && child.key == "type") continue;
      if (const Type* field = type.find(child.key)) {
        is_good = check(*field, child, detail::join_path(path, child.key), at) && is_good;
        continue;
      }
      is_good = false;
      report_.add(child.key_at.is_known() ? child.key_at : at,
                  report_.is_full() ? "" : unknown_key_message(owner, alternative, child.key, path),
                  child.key.size());
    }
    return is_good;
  }

  bool judge(const Node& node, const std::string& path, const Location& at, const std::string& problem) {
    return problem.empty() || fail(node, path, at, problem);
  }

  bool fail(const Node& node, const std::string& path, const Location& at, const std::string& message) {
    const size_t width = node.is_scalar() && node.at.is_known() ? node.text.size() : 1;
    report_.add(at, path.empty() ? message : one_line(path, 200) + ": " + message, width);
    return false;
  }

  Report& report_;
};

}  // namespace

std::string one_line(std::string_view text, size_t max_bytes) {
  size_t end = std::min(text.size(), max_bytes);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  std::string out(text.substr(0, end));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  if (end < text.size()) out += "...";
  return out;
}

std::string what_is(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing (null)";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap:
      return "a mapping";
    case Node::Kind::kScalar:
      break;
  }
  return node.is_quoted ? "the text '" + one_line(node.text) + "'" : "'" + one_line(node.text) + "'";
}

std::string unknown_key_message(const Type& type, const std::string& alternative, const std::string& key,
                                const std::string& path) {
  const bool is_variant = type.kind == Type::Kind::kVariant;
  const Type* fields = is_variant ? type.find(alternative) : &type;
  std::string message = "unknown key '" + one_line(key) + "'";
  if (!path.empty()) message += " in " + one_line(path, 200);
  if (is_variant) message += " (type " + alternative + ")";
  if (is_variant) {
    for (const Type& other : type.children) {
      if (other.find(key) != nullptr) return message + "; it belongs to type " + other.name;
    }
  }
  std::vector<std::string> known = fields->child_names();
  if (is_variant) known.push_back("type");
  const std::string best = core::nearest(key, known);
  if (const Type* field = fields->find(best); field != nullptr && !best.empty()) {
    const std::string name = field->to_string();
    const std::string value = one_line(to_flow(field->default_value), 40);
    return fmt::format("{}; did you mean '{}' ({}, default {})?", message, best, name, value);
  }
  if (!best.empty()) return message + "; did you mean '" + best + "'?";
  return message + (known.empty() ? "; no keys are known here" : "; known here: " + core::join(known));
}

std::string unknown_type_message(const Type& variant, const std::string& name) {
  return fmt::format("unknown type '{}'; expected one of {}{}", one_line(name),
                     core::join(variant.child_names()), core::did_you_mean(name, variant.child_names()));
}

void check(const Type& type, const Node& root, Report& report) {
  TreeChecker(report).check(type, root, "", root.at);
}

}  // namespace limbic::config
