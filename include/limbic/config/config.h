#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/config/node.h"
#include "limbic/config/report.h"
#include "limbic/config/scalar.h"
#include "limbic/config/type.h"
#include "limbic/core/error.h"

namespace limbic::config {

using Overrides =
    std::vector<std::string>;  ///< "a.b.c=value", the value in YAML, list elements by index: "a.1.b=2"

// The resolved tree: defaults <- base files <- file <- overrides, checked against `type`; the problems go to
// `report`.
Node resolve_file(const Type& type, const std::string& path, const Overrides& overrides, Report& report);
Node resolve_text(const Type& type, const std::string& text, const std::string& name,
                  const Overrides& overrides, Report& report);
Node resolve_node(const Type& type, const Node& node, Report& report);

namespace detail {

struct Probe {
  template <class T>
  void operator()(const char*, T&, const char*, const Bounds& = {}) {}
};
template <class T, class = void>
struct IsStruct : std::false_type {};
template <class T>
struct IsStruct<T, std::void_t<decltype(std::declval<T&>().visit(std::declval<Probe&>()))>> : std::true_type {
};
template <class T, class = void>
struct HasValidate : std::false_type {};
template <class T>
struct HasValidate<T, std::void_t<decltype(std::declval<const T&>().validate(std::declval<Checks&>()))>>
    : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... A>
struct IsVariant<std::variant<A...>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsList : std::false_type {};
template <class T, class A>
struct IsList<std::vector<T, A>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T, class C, class A>
struct IsMap<std::map<std::string, T, C, A>> : std::true_type {};
template <class T, class = void>
struct HasDoc : std::false_type {};
template <class T>
struct HasDoc<T, std::void_t<decltype(T::kDoc)>> : std::true_type {};
template <class T>
constexpr bool kUnsupported = false;

/// Sets the bounds of the numbers in `type`.
void set_bounds(Type& type, const Bounds& bounds);
/// Ends the description of a type that contains itself.
void check_depth(int depth);
/// "a.b", "a.b[2]"
std::string join_path(const std::string& path, const std::string& key);
std::string join_path(const std::string& path, size_t index);

// Hundreds of fields call these: what does not depend on a field's type is compiled once, elsewhere.
using Writer = Node (*)(void* value);
void add_written(Node& node, const char* name, void* value, Writer writer);
void add_field(Type& type, const char* name, const char* doc, const Bounds& bounds, Type child, Node written);

template <class T>
Node write(T& value);
template <class T>
Node write_erased(void* value) {
  return write(*static_cast<T*>(value));
}

template <class T>
[[gnu::cold]] Node write(T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return Node::scalar(value ? "true" : "false");
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [known, name] : enum_names(T{})) {
      if (known == value) return Node::scalar(name, reads_as_bool_or_null(name));
    }
    throw Error(ErrorCode::kInternal, "an enum value has no name in enum_names()");
  } else if constexpr (std::is_integral_v<T>) {
    return Node::scalar(std::to_string(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    return Node::scalar(format_real(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return Node::scalar(value, true);
  } else if constexpr (IsOptional<T>::value) {
    return value ? write(*value) : Node{};
  } else if constexpr (IsList<T>::value) {
    Node node = Node::sequence();
    for (typename T::value_type element : value) node.children.push_back(write(element));
    return node;
  } else if constexpr (IsMap<T>::value) {
    Node node = Node::map();
    for (auto& [key, element] : value) {
      node.children.push_back(write(element));
      node.children.back().key = key;
    }
    return node;
  } else if constexpr (IsVariant<T>::value) {
    return std::visit(
        [](auto& alternative) {
          Node node = write(alternative);
          Node type = Node::scalar(std::decay_t<decltype(alternative)>::kType, true);
          type.key = "type";
          node.children.insert(node.children.begin(), std::move(type));
          return node;
        },
        value);
  } else {
    static_assert(IsStruct<T>::value,
                  "a config field is a bool, number, std::string, enum with enum_names(), optional, "
                  "vector, map<string, ...>, variant, or a struct with visit()");
    Node node = Node::map();
    auto field = [&node](const char* name, auto& member, const char*, const Bounds& = {}) {
      add_written(node, name, &member, &write_erased<std::decay_t<decltype(member)>>);
    };
    value.visit(field);
    return node;
  }
}

template <class T>
Type describe_type(T& value, int depth = 0);

template <class V, size_t I = 0>
void describe_alternatives(V& value, int depth, Type& type) {
  if constexpr (I < std::variant_size_v<V>) {
    using A = std::variant_alternative_t<I, V>;
    A fresh{};
    A* held = std::get_if<I>(&value);
    type.children.push_back(describe_type(held != nullptr ? *held : fresh, depth + 1));
    if constexpr (HasDoc<A>::value) type.children.back().doc = A::kDoc;
    type.children.back().name = A::kType;
    describe_alternatives<V, I + 1>(value, depth, type);
  }
}

template <class T>
[[gnu::cold]] Type describe_type(T& value, int depth) {
  check_depth(depth);
  Type type;
  if constexpr (std::is_same_v<T, bool>) {
    type.kind = Type::Kind::kBool;
  } else if constexpr (std::is_enum_v<T>) {
    type.kind = Type::Kind::kEnum;
    for (const auto& [known, name] : enum_names(T{})) type.names.push_back(name);
  } else if constexpr (std::is_integral_v<T>) {
    type.kind = Type::Kind::kInteger;
    type.min_integer = static_cast<int64_t>(std::numeric_limits<T>::min());
    type.max_integer = static_cast<uint64_t>(std::numeric_limits<T>::max());
  } else if constexpr (std::is_floating_point_v<T>) {
    type.kind = Type::Kind::kReal;
    type.is_single_precision = std::is_same_v<T, float>;
  } else if constexpr (std::is_same_v<T, std::string>) {
    type.kind = Type::Kind::kString;
  } else if constexpr (IsOptional<T>::value) {
    type.kind = Type::Kind::kOptional;
    typename T::value_type fresh{};
    type.children.push_back(describe_type(value ? *value : fresh, depth + 1));
  } else if constexpr (IsList<T>::value) {
    type.kind = Type::Kind::kList;
    typename T::value_type fresh{};
    type.children.push_back(describe_type(fresh, depth + 1));
  } else if constexpr (IsMap<T>::value) {
    type.kind = Type::Kind::kMap;
    typename T::mapped_type fresh{};
    type.children.push_back(describe_type(fresh, depth + 1));
  } else if constexpr (IsVariant<T>::value) {
    type.kind = Type::Kind::kVariant;
    describe_alternatives(value, depth, type);
  } else {
    type.kind = Type::Kind::kStruct;
    auto field = [&type, depth](const char* name, auto& member, const char* doc, const Bounds& bounds = {}) {
      add_field(type, name, doc, bounds, describe_type(member, depth + 1), write(member));
    };
    value.visit(field);
  }
  return type;
}

template <class T>
void bind(const Node& node, T& out);

template <class V, size_t I = 0>
void bind_alternative(const Node& node, const std::string& type, V& out) {
  if constexpr (I < std::variant_size_v<V>) {
    using A = std::variant_alternative_t<I, V>;
    if (type != A::kType) return bind_alternative<V, I + 1>(node, type, out);
    if (out.index() != I) out.template emplace<I>();
    bind(node, *std::get_if<I>(&out));
  }
}

/// Copies a checked tree into `out`; what the check refused is left as it is.
template <class T>
[[gnu::cold]] void bind(const Node& node, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    if (const auto value = parse_bool(node.text)) out = *value;
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [value, name] : enum_names(T{})) {
      if (node.text == name) out = value;
    }
  } else if constexpr (std::is_unsigned_v<T>) {
    if (const auto value = parse_uint64(node.text)) out = static_cast<T>(*value);
  } else if constexpr (std::is_integral_v<T>) {
    if (const auto value = parse_int64(node.text)) out = static_cast<T>(*value);
  } else if constexpr (std::is_same_v<T, float>) {
    if (const auto value = parse_float(node.text)) out = *value;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (const auto value = parse_double(node.text)) out = *value;
  } else if constexpr (std::is_same_v<T, std::string>) {
    out = node.text;
  } else if constexpr (IsOptional<T>::value) {
    if (node.is_null()) {
      out.reset();
    } else {
      if (!out) out.emplace();
      bind(node, *out);
    }
  } else if constexpr (IsList<T>::value) {
    out.clear();
    for (const Node& child : node.children) {
      typename T::value_type element{};
      bind(child, element);
      out.push_back(std::move(element));
    }
  } else if constexpr (IsMap<T>::value) {
    T read;
    for (const Node& child : node.children) {
      const auto known = out.find(child.key);
      auto element = known != out.end() ? std::move(known->second) : typename T::mapped_type{};
      bind(child, element);
      read.emplace(child.key, std::move(element));
    }
    out = std::move(read);
  } else if constexpr (IsVariant<T>::value) {
    if (const Node* type = node.find("type")) bind_alternative(node, type->text, out);
  } else {
    auto field = [&node](const char* name, auto& member, const char*, const Bounds& = {}) {
      if (const Node* child = node.find(name)) bind(*child, member);
    };
    out.visit(field);
  }
}

/// Asks validate() of every struct whose values were all readable.
template <class T>
[[gnu::cold]] void validate(T& value, const Node& node, const std::string& path, const Location& parent,
                            Report& report) {
  const Location& near = node.at.is_known() ? node.at : parent;
  if constexpr (IsOptional<T>::value) {
    if (value) validate(*value, node, path, parent, report);
  } else if constexpr (IsList<T>::value) {
    if constexpr (!std::is_same_v<T, std::vector<bool>>) {
      for (size_t i = 0; i < value.size() && i < node.children.size(); ++i) {
        validate(value[i], node.children[i], join_path(path, i), near, report);
      }
    }
  } else if constexpr (IsMap<T>::value) {
    for (const Node& child : node.children) {
      const auto found = value.find(child.key);
      if (found != value.end()) validate(found->second, child, join_path(path, child.key), near, report);
    }
  } else if constexpr (IsVariant<T>::value) {
    std::visit([&](auto& alternative) { validate(alternative, node, path, parent, report); }, value);
  } else if constexpr (IsStruct<T>::value) {
    auto field = [&](const char* name, auto& member, const char*, const Bounds& = {}) {
      if (const Node* child = node.find(name)) validate(member, *child, join_path(path, name), near, report);
    };
    value.visit(field);
    if constexpr (HasValidate<T>::value) {
      if (!report.is_broken(node)) {
        NodeChecks checks(node, path, near, report);
        static_cast<const T&>(value).validate(static_cast<Checks&>(checks));
      }
    }
  }
}

template <class T>
T finish(const Node& tree, Report& report) {
  T value{};
  bind(tree, value);
  validate(value, tree, "", Location{}, report);
  report.throw_if_any();
  return value;
}

}  // namespace detail

/// What T looks like at run time.
template <class T>
Type type_of() {
  T value{};
  Type type = detail::describe_type(value);
  type.has_default = true;
  type.default_value = detail::write(value);
  return type;
}

/// Reads a YAML file: defaults of T, then its `base:` files, the file, the overrides. Every problem is
/// reported at its line, all at once. @throws Error(kConfig)
template <class T>
T load_file(const std::string& path, const Overrides& overrides = {}) {
  Report report(path);
  const Node tree = resolve_file(type_of<T>(), path, overrides, report);
  return detail::finish<T>(tree, report);
}

/// The same for a text. @param name  in messages; a `base:` is looked for beside it
template <class T>
T load_text(const std::string& text, const std::string& name, const Overrides& overrides = {}) {
  Report report(name);
  const Node tree = resolve_text(type_of<T>(), text, name, overrides, report);
  return detail::finish<T>(tree, report);
}

/// The same for a tree, without `base:`. @throws Error(kConfig)
template <class T>
T read_node(const Node& node) {
  Report report(node.at.is_known() ? node.at.source->name : "config");
  const Node tree = resolve_node(type_of<T>(), node, report);
  return detail::finish<T>(tree, report);
}

/// The value as a tree, every field in it.
template <class T>
Node write_node(const T& value) {
  T copy = value;
  return detail::write(copy);
}

/// YAML that load_text reads to an equal value. @throws Error(kConfig) for numbers that are not finite and
/// text that is not UTF-8
template <class T>
std::string dump(const T& value) {
  return to_yaml(write_node(value));
}

/// The resolved YAML with the origin of every line: `# default`, `# recipe.yaml:14`, `# --set a.b=c`.
/// @throws Error(kConfig) like load_file
template <class T>
std::string show_origin(const std::string& path, const Overrides& overrides = {}) {
  Report report(path);
  const Node tree = resolve_file(type_of<T>(), path, overrides, report);
  detail::finish<T>(tree, report);
  return to_yaml_with_origins(tree);
}

/// JSON Schema (draft-07) of the files that load_file<T> accepts.
template <class T>
std::string schema(const std::string& title) {
  return schema_of(type_of<T>(), title);
}

/// A table of every field: path, type, default, doc.
template <class T>
std::string describe() {
  return table_of(field_rows(type_of<T>()));
}

}  // namespace limbic::config
