#include <fmt/format.h>

#include <algorithm>

#include "limbic/config/node.h"
#include "limbic/config/scalar.h"
#include "limbic/core/error.h"
#include "limbic/core/utf8.h"
#include "message.h"

namespace limbic::config {
namespace {

constexpr size_t kMaxFlowWidth = 100;

/// True for text that some YAML reader takes for a number, a date, a bool or null.
bool reads_as_typed(const std::string& text) {
  if (reads_as_bool_or_null(text) || text == "y" || text == "Y" || text == "n" || text == "N") return true;
  const size_t sign = text[0] == '-' || text[0] == '+' ? 1 : 0;
  if (text.compare(sign, 1, ".") == 0) {
    const std::string rest = text.substr(sign + 1);
    return rest.empty() || (rest[0] >= '0' && rest[0] <= '9') || rest == "inf" || rest == "Inf" ||
           rest == "INF" || rest == "nan" || rest == "NaN" || rest == "NAN";
  }
  return text.size() > sign && text[sign] >= '0' && text[sign] <= '9' &&
         text.find_first_not_of("0123456789abcdefABCDEFxXoO_.+-") == std::string::npos;
}

/// True for text that can stand without quotes anywhere, as far as its characters go.
bool is_plain(const std::string& text) {
  constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.+-";
  if (text.empty() || text.find_first_not_of(kLetters) != std::string::npos) return false;
  const bool has_digit = text.find_first_of("0123456789") != std::string::npos;
  if (text[0] == '-' || text[0] == '+') return has_digit && text.compare(0, 2, "--") != 0;
  return text.compare(0, 3, "...") != 0;
}

std::string quoted(const std::string& text) {
  if (!core::is_utf8(text)) {
    throw Error(ErrorCode::kConfig, "'" + one_line(text) + "' is not UTF-8 and cannot be written as YAML");
  }
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string scalar_text(const Node& node) {
  const bool as_it_is = is_plain(node.text) && !(node.is_quoted && reads_as_typed(node.text));
  return as_it_is ? node.text : quoted(node.text);
}

std::string key_text(const std::string& key) {
  return is_plain(key) && !reads_as_typed(key) ? key : quoted(key);
}

bool is_block(const Node& node) {
  if (node.children.empty()) return false;
  if (node.is_map()) return true;
  if (!node.is_sequence()) return false;
  const auto is_simple = [](const Node& child) { return child.is_scalar() || child.is_null(); };
  for (const Node& child : node.children) {
    const bool is_row =
        child.is_sequence() && std::all_of(child.children.begin(), child.children.end(), is_simple);
    if (!is_simple(child) && !is_row) return true;
  }
  return to_flow(node).size() > kMaxFlowWidth;
}

/// One line of YAML and the value it shows, for its origin.
struct Line {
  std::string text;
  std::string origin;
};

class BlockWriter {
 public:
  void write(const Node& node, size_t indent) {
    for (const Node& child : node.children) {
      const std::string head = std::string(indent, ' ') + (node.is_map() ? key_text(child.key) + ":" : "-");
      if (!is_block(child)) {
        lines.push_back({head + " " + to_flow(child), child.at.origin()});
      } else if (node.is_map()) {
        lines.push_back({head, child.at.origin()});
        write(child, indent + 2);
      } else {  // the first line of the element stands behind its dash
        const size_t first = lines.size();
        write(child, indent + 2);
        lines[first].text[indent] = '-';
      }
    }
  }

  std::vector<Line> lines;
};

std::vector<Line> lines_of(const Node& node) {
  BlockWriter writer;
  if (is_block(node)) {
    writer.write(node, 0);
  } else {
    writer.lines.push_back({to_flow(node), node.at.origin()});
  }
  return std::move(writer.lines);
}

}  // namespace

std::string to_flow(const Node& node) {
  std::string out;
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar:
      return scalar_text(node);
    case Node::Kind::kSequence:
      for (const Node& child : node.children) out += (out.empty() ? "" : ", ") + to_flow(child);
      return "[" + out + "]";
    case Node::Kind::kMap:
      for (const Node& child : node.children) {
        out += (out.empty() ? "" : ", ") + key_text(child.key) + ": " + to_flow(child);
      }
      return "{" + out + "}";
  }
  return out;
}

std::string to_yaml(const Node& node) {
  std::string out;
  for (const Line& line : lines_of(node)) out += line.text + "\n";
  return out;
}

std::string to_yaml_with_origins(const Node& node) {
  constexpr size_t kMaxColumn = 48;  // a longer line gets its comment right behind it
  const auto lines = lines_of(node);
  size_t column = 0;
  for (const Line& line : lines) {
    if (line.text.size() <= kMaxColumn) column = std::max(column, line.text.size());
  }
  std::string out;
  for (const Line& line : lines) out += fmt::format("{:<{}}  # {}\n", line.text, column, line.origin);
  return out;
}

}  // namespace limbic::config
