#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/node.h"

namespace limbic::config {

/// What a config type looks like at run time: one tree made from visit(), from which reading, the schema and
/// the tables all follow.
struct Type {
  enum class Kind { kBool, kInteger, kReal, kString, kEnum, kOptional, kList, kMap, kStruct, kVariant };

  Kind kind = Kind::kString;
  std::string name;  ///< of a field: its key; of a variant's alternative: its `type`
  std::string doc;
  Bounds bounds;                     ///< of a number
  int64_t min_integer = 0;           ///< of an integer's C++ type
  uint64_t max_integer = 0;          ///< of an integer's C++ type
  bool is_single_precision = false;  ///< of a real
  std::vector<std::string> names;    ///< of an enum
  bool has_default = false;          ///< true for fields
  Node default_value;                ///< of a field
  std::vector<Type> children;        ///< a struct's fields, a variant's alternatives, or the one element type

  /// The field or alternative of that name, or null.
  const Type* find(std::string_view wanted) const;
  const Type& element() const { return children.front(); }
  std::vector<std::string> child_names() const;
  /// "float in [0, 1)", "list of int", "one of sum, mean"
  std::string to_string() const;
};

/// One line of `config describe`.
struct FieldRow {
  std::string path;  ///< "train.epochs", "encoders.<name>(gru).width", "tags[]"
  std::string type;
  std::string default_value;
  std::string doc;
};

std::vector<FieldRow> field_rows(const Type& type);
/// The rows as an aligned table with a head.
std::string table_of(const std::vector<FieldRow>& rows);
/// JSON Schema draft-07.
std::string schema_of(const Type& type, const std::string& title);

}  // namespace limbic::config
