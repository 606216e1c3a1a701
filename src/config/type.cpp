#include "limbic/config/type.h"

#include <fmt/format.h>

#include <limits>

#include "limbic/config/config.h"
#include "limbic/core/suggest.h"
#include "message.h"

namespace limbic::config {
namespace {

std::string bound_text(double value) {
  std::string text = format_real(value);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string Bounds::to_string() const {
  if (!has_lower() && !has_upper()) return "";
  if (!has_upper()) return (lower_is_open ? "> " : ">= ") + bound_text(lower);
  if (!has_lower()) return (upper_is_open ? "< " : "<= ") + bound_text(upper);
  return fmt::format("in {}{}, {}{}", lower_is_open ? '(' : '[', bound_text(lower), bound_text(upper),
                     upper_is_open ? ')' : ']');
}

const Type* Type::find(std::string_view wanted) const {
  for (const Type& child : children) {
    if (child.name == wanted) return &child;
  }
  return nullptr;
}

std::vector<std::string> Type::child_names() const {
  std::vector<std::string> out;
  for (const Type& child : children) out.push_back(child.name);
  return out;
}

std::string Type::to_string() const {
  const std::string limits = bounds.to_string().empty() ? "" : " " + bounds.to_string();
  switch (kind) {
    case Kind::kBool:
      return "bool";
    case Kind::kInteger:
      return (min_integer == 0 && limits.empty() ? "int >= 0" : "int") + limits;
    case Kind::kReal:
      return "float" + limits;
    case Kind::kString:
      return "text";
    case Kind::kEnum:
      return "one of " + core::join(names);
    case Kind::kOptional:
      return "optional " + element().to_string();
    case Kind::kList:
      return "list of " + element().to_string();
    case Kind::kMap:
      return "map of " + element().to_string();
    case Kind::kStruct:
      return "mapping";
    case Kind::kVariant:
      return "type " + core::join(child_names(), " | ");
  }
  return "";
}

namespace detail {

void add_written(Node& node, const char* name, void* value, Writer writer) {
  try {
    node.children.push_back(writer(value));
  } catch (const Error& e) {
    throw e.in(name);
  }
  node.children.back().key = name;
}

void add_field(Type& type, const char* name, const char* doc, const Bounds& bounds, Type child, Node written) {
  child.name = name;
  child.doc = doc;
  set_bounds(child, bounds);
  child.has_default = true;
  child.default_value = std::move(written);
  child.default_value.key = name;
  type.children.push_back(std::move(child));
}

void set_bounds(Type& type, const Bounds& bounds) {
  switch (type.kind) {
    case Type::Kind::kInteger:
    case Type::Kind::kReal:
      type.bounds = bounds;
      break;
    case Type::Kind::kOptional:
    case Type::Kind::kList:
    case Type::Kind::kMap:
      set_bounds(type.children.front(), bounds);
      break;
    default:
      break;
  }
}

void check_depth(int depth) {
  require(depth < kMaxNesting, ErrorCode::kInternal,
          "a config type contains itself; visit() must describe a finite tree");
}

std::string join_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}
std::string join_path(const std::string& path, size_t index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace detail

Node Node::scalar(std::string text, bool is_quoted) {
  Node node = of_kind(Kind::kScalar);
  node.text = std::move(text);
  node.is_quoted = is_quoted;
  return node;
}

const Node* Node::find(std::string_view wanted) const {
  if (kind != Kind::kMap) return nullptr;
  for (const Node& child : children) {
    if (child.key == wanted) return &child;
  }
  return nullptr;
}

Node* Node::find(std::string_view wanted) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(wanted));
}

std::string Location::to_string() const {
  if (!source) return "";
  const std::string name = one_line(source->name, 300);
  return source->is_override || line < 1 ? name : fmt::format("{}:{}:{}", name, line, column);
}

std::string Location::origin() const {
  if (!source) return "default";
  const std::string name = one_line(source->name, 300);
  return source->is_override || line < 1 ? name : fmt::format("{}:{}", name, line);
}

}  // namespace limbic::config
