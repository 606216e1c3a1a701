#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "limbic/config/scalar.h"
#include "limbic/config/type.h"
#include "limbic/core/suggest.h"
#include "message.h"

namespace limbic::config {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Type& type, const Node& node);

Json json_of_map(const Type& fields, const Node& node) {
  Json out = Json::object();
  for (const Node& child : node.children) {
    const Type* field = fields.kind == Type::Kind::kMap ? &fields.element() : fields.find(child.key);
    out[child.key] = field != nullptr ? json_of(*field, child) : Json(child.text);
  }
  return out;
}

Json json_of(const Type& type, const Node& node) {
  if (node.is_null()) return nullptr;
  switch (type.kind) {
    case Type::Kind::kBool:
      return node.text == "true";
    case Type::Kind::kInteger:
      if (const auto value = parse_int64(node.text)) return *value;
      return parse_uint64(node.text).value_or(0);
    case Type::Kind::kReal:
      return parse_double(node.text).value_or(0.0);
    case Type::Kind::kString:
    case Type::Kind::kEnum:
      return node.text;
    case Type::Kind::kOptional:
      return json_of(type.element(), node);
    case Type::Kind::kList: {
      Json out = Json::array();
      for (const Node& child : node.children) out.push_back(json_of(type.element(), child));
      return out;
    }
    case Type::Kind::kMap:
    case Type::Kind::kStruct:
      return json_of_map(type, node);
    case Type::Kind::kVariant: {
      const Node* chosen = node.find("type");
      const Type* alternative = chosen != nullptr ? type.find(chosen->text) : nullptr;
      return alternative != nullptr ? json_of_map(*alternative, node) : Json::object();
    }
  }
  return nullptr;
}

void add_bounds(Json& out, const Type& type) {
  const bool is_integer = type.kind == Type::Kind::kInteger;
  const auto number = [is_integer](double value) {
    const bool is_whole =
        is_integer && std::abs(value) < 9e15 && static_cast<double>(static_cast<int64_t>(value)) == value;
    return is_whole ? Json(static_cast<int64_t>(value)) : Json(value);
  };
  if (is_integer) {
    out["minimum"] = type.min_integer;
    out["maximum"] = type.max_integer;
  }
  const double smallest = is_integer ? static_cast<double>(type.min_integer) : -kUnbounded;
  const double largest = is_integer ? static_cast<double>(type.max_integer) : kUnbounded;
  if (type.bounds.has_lower() && type.bounds.lower >= smallest) {
    out.erase("minimum");
    out[type.bounds.lower_is_open ? "exclusiveMinimum" : "minimum"] = number(type.bounds.lower);
  }
  if (type.bounds.has_upper() && type.bounds.upper <= largest) {
    out.erase("maximum");
    out[type.bounds.upper_is_open ? "exclusiveMaximum" : "maximum"] = number(type.bounds.upper);
  }
}

Json schema_json(const Type& type);

/// @param needs_type  an alternative that must be named, as nothing else is the default
Json object_schema(const Type& type, bool is_alternative, bool needs_type) {
  Json out;
  out["type"] = "object";
  Json properties = Json::object();
  if (is_alternative) properties["type"] = {{"const", type.name}};
  for (const Type& field : type.children) {
    Json property = schema_json(field);
    if (!field.doc.empty()) property["description"] = field.doc;
    property["default"] = json_of(field, field.default_value);
    properties[field.name] = std::move(property);
  }
  out["properties"] = std::move(properties);
  if (needs_type) out["required"] = {"type"};
  out["additionalProperties"] = false;
  return out;
}

Json schema_json(const Type& type) {
  Json out = Json::object();
  switch (type.kind) {
    case Type::Kind::kBool:
      out["type"] = "boolean";
      break;
    case Type::Kind::kInteger:
      out["type"] = "integer";
      add_bounds(out, type);
      break;
    case Type::Kind::kReal:
      out["type"] = "number";
      add_bounds(out, type);
      break;
    case Type::Kind::kString:
      out["type"] = "string";
      break;
    case Type::Kind::kEnum:
      out["type"] = "string";
      out["enum"] = type.names;
      break;
    case Type::Kind::kOptional:
      out["anyOf"] = Json::array({schema_json(type.element()), Json{{"type", "null"}}});
      break;
    case Type::Kind::kList:
      out["type"] = "array";
      out["items"] = schema_json(type.element());
      break;
    case Type::Kind::kMap:
      out["type"] = "object";
      out["additionalProperties"] = schema_json(type.element());
      break;
    case Type::Kind::kStruct:
      return object_schema(type, false, false);
    case Type::Kind::kVariant: {
      const Node* held = type.default_value.find("type");
      out["oneOf"] = Json::array();
      for (const Type& alternative : type.children) {
        const bool is_default = held != nullptr && held->text == alternative.name;
        out["oneOf"].push_back(object_schema(alternative, true, !is_default));
      }
      break;
    }
  }
  return out;
}

std::vector<std::string> keys_of(const Node& map) {
  std::vector<std::string> keys;
  for (const Node& child : map.children) keys.push_back(child.key);
  return keys;
}

std::string default_text(const Type& field) {
  const Node& value = field.default_value;
  switch (field.kind) {
    case Type::Kind::kStruct:
      return "";
    case Type::Kind::kVariant:
      return value.find("type") != nullptr ? value.find("type")->text : "";
    case Type::Kind::kMap:
      return value.children.empty() ? "{}" : core::join(keys_of(value));
    case Type::Kind::kString:
      return value.text.empty() ? "''" : one_line(value.text, 40);
    default:
      return one_line(to_flow(value), 40);
  }
}

void add_rows(const Type& type, const std::string& path, std::vector<FieldRow>& rows) {
  const auto below = [&path](const std::string& key) { return path.empty() ? key : path + "." + key; };
  switch (type.kind) {
    case Type::Kind::kStruct:
      for (const Type& field : type.children) {
        if (field.kind != Type::Kind::kStruct || !field.doc.empty()) {
          rows.push_back({below(field.name), field.to_string(), default_text(field), field.doc});
        }
        add_rows(field, below(field.name), rows);
      }
      break;
    case Type::Kind::kVariant:
      for (const Type& alternative : type.children) {
        add_rows(alternative, path + "(" + alternative.name + ")", rows);
      }
      break;
    case Type::Kind::kOptional:
      add_rows(type.element(), path, rows);
      break;
    case Type::Kind::kList:
      add_rows(type.element(), path + "[]", rows);
      break;
    case Type::Kind::kMap:
      add_rows(type.element(), below("<name>"), rows);
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<FieldRow> field_rows(const Type& type) {
  std::vector<FieldRow> rows;
  add_rows(type, "", rows);
  return rows;
}

std::string table_of(const std::vector<FieldRow>& rows) {
  constexpr size_t kMaxColumn = 60;
  std::vector<FieldRow> all = {{"path", "type", "default", "doc"}};
  all.insert(all.end(), rows.begin(), rows.end());
  size_t path = 0;
  size_t type = 0;
  size_t value = 0;
  for (const FieldRow& row : all) {
    path = std::max(path, std::min(kMaxColumn, row.path.size()));
    type = std::max(type, std::min(kMaxColumn, row.type.size()));
    value = std::max(value, std::min(kMaxColumn, row.default_value.size()));
  }
  std::string out;
  for (const FieldRow& row : all) {
    std::string line = fmt::format("{:<{}}  {:<{}}  {:<{}}  {}", row.path, path, row.type, type,
                                   row.default_value, value, row.doc);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string schema_of(const Type& type, const std::string& title) {
  Json body = schema_json(type);
  if (type.kind == Type::Kind::kStruct) {
    Json base;
    base["type"] = "string";
    base["description"] = "a YAML file, relative to this one, whose values this file changes";
    body["properties"]["base"] = std::move(base);
  }
  Json out;
  out["$schema"] = "http://json-schema.org/draft-07/schema#";
  out["title"] = title;
  out.update(body);
  return out.dump(2) + "\n";
}

}  // namespace limbic::config
