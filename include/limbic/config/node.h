#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limbic::config {

/// A text that values came from: a file, or the text of one override.
struct Source {
  std::string name;          ///< path, or "--set a.b=c"
  std::string text;          ///< for the line shown under an error
  bool is_override = false;  ///< true: lines and columns mean nothing to the user
};

/// Where a key or value stands. Without a source it is a default.
struct Location {
  std::shared_ptr<const Source> source;
  int line = 0;    ///< 1-based
  int column = 0;  ///< 1-based, in bytes

  bool is_known() const { return source != nullptr; }
  /// "recipe.yaml:14:7", "--set a.b=c"; empty when unknown
  std::string to_string() const;
  /// Where the value came from: "default", "recipe.yaml:14", "--set a.b=c"
  std::string origin() const;
};

/// One value of a YAML document: what stands in the file, not yet typed.
struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMap };

  Kind kind = Kind::kNull;
  bool is_quoted = false;  ///< of a scalar: quoted or a block, so it is text and never a number, bool or null
  std::string key;         ///< its key in the parent map
  std::string text;        ///< of a scalar
  Location key_at;         ///< of its key
  Location at;             ///< of its value
  std::vector<Node> children;  ///< of a sequence or map, in order; keys of a map are unique

  static Node scalar(std::string text, bool is_quoted = false);
  static Node sequence() { return of_kind(Kind::kSequence); }
  static Node map() { return of_kind(Kind::kMap); }

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_map() const { return kind == Kind::kMap; }
  /// The value of a map's key, or null.
  const Node* find(std::string_view wanted) const;
  Node* find(std::string_view wanted);

 private:
  static Node of_kind(Kind kind) {
    Node node;
    node.kind = kind;
    return node;
  }
};

/// Limits of a document; more is refused before it costs time or memory.
constexpr size_t kMaxDocumentBytes = size_t{1} << 20;
constexpr int kMaxNesting = 32;
constexpr size_t kMaxNodes = 100000;

/// The tree of one YAML document. Aliases, anchors, tags, merge keys, duplicate keys and further documents
/// are refused. @param name  in messages, usually the path. @throws Error(kConfig)
Node parse_text(const std::string& text, const std::string& name);
/// YAML that parse_text reads back: block maps, short lists in one line, a string quoted where it would read
/// as something else.
std::string to_yaml(const Node& node);
/// The same with the origin of every line in a trailing comment.
std::string to_yaml_with_origins(const Node& node);

}  // namespace limbic::config
