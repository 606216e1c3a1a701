#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What importers do with names of files and fields of tables.
namespace limbic::data {

/// ASCII letters in lower case.
std::string lower_case(std::string text);
/// Without blanks at both ends.
std::string without_blanks(std::string_view text);
/// Parts of `text` between `separator`s, empty ones kept.
std::vector<std::string> split_text(const std::string& text, char separator);
/// A number that is one from its first to its last character, blanks around it aside.
std::optional<double> parse_real(std::string_view text);
/// The last folder of `source`; `otherwise` where it has no name (".").
std::string corpus_name(const std::string& source, const std::string& otherwise);

}  // namespace limbic::data
