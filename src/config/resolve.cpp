#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "limbic/config/config.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/suggest.h"
#include "message.h"

namespace limbic::config {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBases = 8;

/// The value of a type before anything is said about it.
Node blank(const Type& type) {
  Node node;
  if (type.kind == Type::Kind::kStruct) {
    node = Node::map();
    for (const Type& field : type.children) node.children.push_back(field.default_value);
  } else if (type.kind == Type::Kind::kMap) {
    node = Node::map();
  } else if (type.kind == Type::Kind::kList) {
    node = Node::sequence();
  }
  return node;
}

void merge(const Type& type, Node& into, const Node& from);

Node complete(const Type& type, const Node& from) {
  Node node = blank(type);
  merge(type, node, from);
  return node;
}

void take_place(Node& into, const Node& from) {
  into.key = from.key;
  into.key_at = from.key_at;
  into.at = from.at;
}

/// The type of a key: a struct's or alternative's field (null for a key that it lacks), a map's element.
const Type* type_of_key(const Type& type, const std::string& key) {
  return type.kind == Type::Kind::kMap ? &type.element() : type.find(key);
}

void merge_children(const Type& type, Node& into, const Node& from) {
  std::unordered_map<std::string, size_t> known;
  for (size_t i = 0; i < into.children.size(); ++i) known.emplace(into.children[i].key, i);
  for (const Node& child : from.children) {
    const Type* child_type = type_of_key(type, child.key);
    const auto found = known.find(child.key);
    if (found == known.end()) {
      into.children.push_back(child_type != nullptr ? complete(*child_type, child) : child);
    } else if (child_type != nullptr) {
      merge(*child_type, into.children[found->second], child);
    } else {
      into.children[found->second] = child;
    }
  }
}

void merge_variant(const Type& type, Node& into, const Node& from) {
  const Node* wanted = from.find("type");
  const Node* held = into.find("type");
  const Node* chosen = wanted != nullptr ? wanted : held;
  const Type* alternative = chosen != nullptr && chosen->is_scalar() ? type.find(chosen->text) : nullptr;
  if (alternative == nullptr) {
    into = from;  // the check says what is missing
    return;
  }
  if (held == nullptr || held->text != chosen->text) {  // another type: nothing of the old one is kept
    into = blank(*alternative);
    Node name = Node::scalar(alternative->name, true);
    name.key = "type";
    into.children.insert(into.children.begin(), std::move(name));
  }
  take_place(into, from);
  merge_children(*alternative, into, from);  // `type` is no field of it and is taken as it stands
}

/// Lays `from` over `into`: mappings key by key, everything else replaced. What does not fit the type is
/// taken as it is, for the check to report at its line.
void merge(const Type& type, Node& into, const Node& from) {
  switch (type.kind) {
    case Type::Kind::kStruct:
      if (!from.is_map()) break;
      if (!into.is_map()) into = blank(type);
      take_place(into, from);
      merge_children(type, into, from);
      return;
    case Type::Kind::kVariant:
      if (!from.is_map()) break;
      merge_variant(type, into, from);
      return;
    case Type::Kind::kMap:
      if (!from.is_map()) break;
      if (!into.is_map()) into = Node::map();
      take_place(into, from);
      merge_children(type, into, from);
      return;
    case Type::Kind::kList:
      if (!from.is_sequence()) break;
      into = Node::sequence();
      take_place(into, from);
      for (const Node& child : from.children) into.children.push_back(complete(type.element(), child));
      return;
    case Type::Kind::kOptional:
      if (from.is_null()) break;
      if (into.is_null()) into = blank(type.element());
      merge(type.element(), into, from);
      return;
    default:
      break;
  }
  into = from;
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> out;
  for (size_t start = 0;;) {
    const size_t end = path.find('.', start);
    out.push_back(path.substr(start, end == std::string::npos ? end : end - start));
    if (end == std::string::npos) return out;
    start = end + 1;
  }
}

/// One "a.b=value" written into the tree.
class Override {
 public:
  Override(const std::string& text, Report& report) : report_(report) {
    source_ = std::make_shared<const Source>(Source{"--set " + one_line(text, 100), "", true});
    is_good_ = parse(text);
  }

  /// Writes it into the tree, or reports why not.
  void apply(const Type& root_type, Node& root) {
    if (is_good_) write(root_type, root);
  }

 private:
  bool parse(const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return refuse("no '='; expected a.b.c=value");
    const std::string path = text.substr(0, equals);
    if (path.empty()) return refuse("no key before '='; expected a.b.c=value");
    keys_ = split_path(path);
    for (const auto& key : keys_) {
      if (key.empty() || key.find_first_of(" \t\r\n") != std::string::npos) {
        return refuse("'" + one_line(path) +
                      "' is no path; expected keys joined by single dots: a.b.c=value");
      }
    }
    if (keys_.front() == "base") return refuse("base can only be given in the file");
    Report problems(source_->name);
    value_ = parse_source(
        std::make_shared<const Source>(Source{source_->name, text.substr(equals + 1), true}), problems);
    problems.throw_if_any();
    if (value_.is_null() && text.find_first_not_of(" \t", equals + 1) == std::string::npos) {
      return refuse("no value after '='; write null to unset an optional, '' for empty text");
    }
    return true;
  }

  void write(const Type& root_type, Node& root) {
    const Type* type = &root_type;
    Node* node = &root;
    std::string path;
    for (size_t i = 0; i < keys_.size(); ++i) {
      const std::string& key = keys_[i];
      while (type->kind == Type::Kind::kOptional) {
        type = &type->element();
        if (node->is_null()) place(*node, blank(*type));
      }
      const Type* parent = type;
      std::string alternative;
      if (parent->kind == Type::Kind::kVariant) {
        if (key == "type") {
          if (i + 1 < keys_.size()) return fail("'type' has no keys below it");
          Node choice = Node::map();
          take_place(choice, *node);
          choice.children.push_back(value_);
          choice.children.back().key = "type";
          choice.children.back().key_at = value_.at;
          // an unknown name must not wipe out what the variant holds, or one typo would be reported many
          // times
          if (value_.is_scalar() && type->find(value_.text) == nullptr) {
            return fail(unknown_type_message(*type, value_.text));
          }
          merge(*type, *node, choice);
          return;
        }
        const Node* held = node->find("type");
        const Type* chosen = held != nullptr ? parent->find(held->text) : nullptr;
        if (chosen == nullptr) return fail(fmt::format("{} has no type yet; set {}.type first", path, path));
        alternative = chosen->name;
        type = chosen;
      }
      switch (type->kind) {
        case Type::Kind::kStruct: {
          const Type* field = type->find(key);
          if (field == nullptr) return fail(unknown_key_message(*parent, alternative, key, path));
          type = field;
          Node* child = node->find(key);
          if (child == nullptr) {
            if (!node->is_map()) return;  // the file is wrong here and is reported
            node->children.push_back(field->default_value);
            child = &node->children.back();
          }
          node = child;
          path = detail::join_path(path, key);
          break;
        }
        case Type::Kind::kMap: {
          if (!node->is_map()) return;
          type = &type->element();
          Node* child = node->find(key);
          if (child == nullptr) {
            Node added = blank(*type);
            added.key = key;
            added.key_at = value_.at;
            added.at = value_.at;
            node->children.push_back(std::move(added));
            child = &node->children.back();
          }
          node = child;
          path = detail::join_path(path, key);
          break;
        }
        case Type::Kind::kList: {
          if (!node->is_sequence()) return;
          const auto index = key == "+" ? std::optional<uint64_t>(node->children.size()) : parse_uint64(key);
          if (!index) {
            return fail(fmt::format("{} is a list; expected an index from 0, or + for one more, got '{}'",
                                    path, one_line(key)));
          }
          type = &type->element();
          if (key == "+") node->children.push_back(blank(*type));
          if (*index >= node->children.size()) {
            return fail(fmt::format("{} has {} elements; index {} is out of range (+ adds one)", path,
                                    node->children.size(), *index));
          }
          node = &node->children[static_cast<size_t>(*index)];
          path = detail::join_path(path, static_cast<size_t>(*index));
          break;
        }
        default:
          return fail(fmt::format("{} is {}; it has no key '{}'", path, type->to_string(), one_line(key)));
      }
    }
    value_.key = node->key;
    value_.key_at = value_.at;
    merge(*type, *node, value_);
  }

  void fail(const std::string& message) { report_.add({source_, 0, 0}, message); }
  bool refuse(const std::string& message) {
    fail(message);
    return false;
  }
  static void place(Node& into, Node value) {
    take_place(value, into);
    into = std::move(value);
  }

  std::shared_ptr<const Source> source_;
  Report& report_;
  std::vector<std::string> keys_;
  Node value_;
  bool is_good_ = false;
};

std::shared_ptr<const Source> read_source(const std::string& path) {
  try {
    return std::make_shared<const Source>(Source{path, core::read_file(path, kMaxDocumentBytes), false});
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kResource) throw Error(ErrorCode::kConfig, e.what());
    throw Error(ErrorCode::kConfig,
                path + ": file > 1 MiB; a config is at most 1 MiB, larger data belongs in a file of its own");
  }
}

/// The root map of a document; an empty document is an empty map.
Node root_of(Node node, Report& report) {
  if (node.is_null()) {
    Node empty = Node::map();
    empty.at = node.at;
    return empty;
  }
  if (!node.is_map()) {
    report.add(node.at, "expected a mapping of keys at the top, got " + what_is(node));
    report.throw_if_any();
  }
  return node;
}

/// Takes `base:` out of a root map.
std::optional<Node> take_base(Node& root) {
  for (auto it = root.children.begin(); it != root.children.end(); ++it) {
    if (it->key != "base") continue;
    Node base = std::move(*it);
    root.children.erase(it);
    return base;
  }
  return std::nullopt;
}

std::string identity_of(const std::string& path) {
  std::error_code ec;
  const fs::path canonical = fs::weakly_canonical(path, ec);
  return ec ? path : canonical.string();
}

/// The documents to lay over each other, the given one first.
std::vector<Node> load_chain(std::shared_ptr<const Source> source, Report& report) {
  std::vector<Node> chain;
  std::vector<std::string> seen = {identity_of(source->name)};
  for (;;) {
    chain.push_back(root_of(parse_source(source, report), report));
    const std::optional<Node> base = take_base(chain.back());
    if (!base) return chain;
    const auto stop = [&](const std::string& message) {
      report.add(base->at, "base: " + message, base->text.size());
      report.throw_if_any();
    };
    if (!base->is_scalar() || base->text.empty())
      stop("expected the path of a YAML file, got " + what_is(*base));
    const std::string path = (fs::path(source->name).parent_path() / base->text).lexically_normal().string();
    const std::string identity = identity_of(path);
    if (std::find(seen.begin(), seen.end(), identity) != seen.end()) {
      stop(one_line(base->text, 200) + " is a base of itself (" + core::join(seen, " <- ") + ")");
    }
    if (chain.size() > kMaxBases) stop(fmt::format("more than {} files deep", kMaxBases));
    seen.push_back(identity);
    try {
      source = read_source(path);
    } catch (const Error& e) {
      stop(e.what());
    }
  }
}

Node resolve(const Type& type, const std::vector<Node>& chain, const Overrides& overrides, Report& report) {
  Node tree = type.default_value;
  for (auto document = chain.rbegin(); document != chain.rend(); ++document) merge(type, tree, *document);
  for (const auto& text : overrides) {
    try {
      Override(text, report).apply(type, tree);
    } catch (const Error& e) {  // the value is no YAML
      const std::string prefix = ": error: ";
      const std::string what = e.what();
      const size_t start = what.find(prefix);
      report.add({std::make_shared<const Source>(Source{"--set " + one_line(text, 100), "", true}), 0, 0},
                 start == std::string::npos ? what : what.substr(start + prefix.size()));
    }
  }
  return tree;
}

}  // namespace

Node resolve_file(const Type& type, const std::string& path, const Overrides& overrides, Report& report) {
  Node tree = resolve(type, load_chain(read_source(path), report), overrides, report);
  check(type, tree, report);
  return tree;
}

Node resolve_text(const Type& type, const std::string& text, const std::string& name,
                  const Overrides& overrides, Report& report) {
  const auto source = std::make_shared<const Source>(Source{name, text, false});
  Node tree = resolve(type, load_chain(source, report), overrides, report);
  check(type, tree, report);
  return tree;
}

Node resolve_node(const Type& type, const Node& node, Report& report) {
  Node tree = resolve(type, {root_of(node, report)}, {}, report);
  check(type, tree, report);
  return tree;
}

}  // namespace limbic::config
