#pragma once
#include <string>
#include <string_view>

#include "limbic/config/node.h"
#include "limbic/config/type.h"

namespace limbic::config {

/// Text of a file made safe for one line of an error: control characters replaced, long text cut.
std::string one_line(std::string_view text, size_t max_bytes = 60);
/// What a value is, for "expected an int, got ...".
std::string what_is(const Node& node);
/// "unknown key 'x' in a.b; did you mean 'y' (float, default 1.0)?". @param type  a struct, or a variant
/// whose `alternative` is chosen
std::string unknown_key_message(const Type& type, const std::string& alternative, const std::string& key,
                                const std::string& path);
/// "unknown type 'lstm'; expected one of gru, tcn"
std::string unknown_type_message(const Type& variant, const std::string& name);
/// A value in one line of flow YAML.
std::string to_flow(const Node& node);
/// parse_text with a source of its own; kNull for an empty document.
Node parse_source(std::shared_ptr<const Source> source, class Report& report);
/// Checks a resolved tree against its type.
void check(const Type& type, const Node& root, class Report& report);

}  // namespace limbic::config
