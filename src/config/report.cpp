#include "limbic/config/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "limbic/core/error.h"
#include "message.h"

namespace limbic::config {
namespace {

constexpr size_t kMaxShown = 50;

std::string_view line_of(const std::string& text, int line) {
  size_t start = 0;
  for (int i = 1; i < line; ++i) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) return {};
    start = end + 1;
  }
  std::string_view rest = std::string_view(text).substr(start);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// The line of the file and a second one that underlines `width` characters; empty without a line to show.
std::string excerpt(const Location& at, size_t width) {
  constexpr size_t kMaxLine = 120;
  constexpr size_t kBefore = 40;
  if (!at.is_known() || at.source->is_override || at.line < 1 || at.column < 1) return "";
  std::string_view line = line_of(at.source->text, at.line);
  size_t column = std::min(static_cast<size_t>(at.column - 1), line.size());
  if (line.size() > kMaxLine) {
    size_t start = column > kBefore ? column - kBefore : 0;
    while (start > 0 && is_continuation(line[start])) --start;
    size_t length = std::min(kMaxLine, line.size() - start);
    while (start + length < line.size() && is_continuation(line[start + length])) --length;
    line = line.substr(start, length);
    column -= start;
  }
  std::string shown(line);
  std::string pad;
  for (size_t i = 0; i < shown.size(); ++i) {
    if (static_cast<unsigned char>(shown[i]) < 0x20 && shown[i] != '\t') shown[i] = '?';
    if (i < column && !is_continuation(shown[i])) pad += shown[i] == '\t' ? '\t' : ' ';
  }
  size_t underlined = 1;
  for (size_t i = column + 1; i < shown.size() && i < column + width; ++i)
    underlined += !is_continuation(shown[i]);
  const std::string number = fmt::format("{:>5}", at.line);
  return fmt::format("\n{} | {}\n{} | {}^{}", number, shown, std::string(number.size(), ' '), pad,
                     std::string(underlined - 1, '~'));
}

}  // namespace

void Report::add(const Location& at, const std::string& message, size_t width) {
  ++num_problems_;
  if (problems_.size() < kMaxShown) problems_.push_back({at, message, std::max<size_t>(width, 1)});
}

bool Report::is_full() const {
  return problems_.size() >= kMaxShown;
}

void Report::throw_if_any() const {
  if (problems_.empty()) return;
  auto sorted = problems_;
  const auto rank = [](const Problem& p) {
    const bool is_override = p.at.is_known() && p.at.source->is_override;
    return std::make_tuple(is_override ? 1 : 0, p.at.is_known() ? p.at.source->name : std::string(),
                           p.at.line, p.at.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&rank](const Problem& a, const Problem& b) { return rank(a) < rank(b); });
  std::string text;
  for (const Problem& problem : sorted) {
    if (!text.empty()) text += '\n';
    text += problem.at.is_known() ? problem.at.to_string() : name_;
    text += ": error: " + problem.message + excerpt(problem.at, problem.width);
  }
  if (num_problems_ > sorted.size())
    text += fmt::format("\nand {} more errors", num_problems_ - sorted.size());
  throw Error(ErrorCode::kConfig, text);
}

void NodeChecks::fail(const std::string& field, const std::string& message) {
  const Node* at = &node_;
  Location near = near_;
  size_t width = 1;
  for (size_t start = 0; at != nullptr && start < field.size();) {
    const size_t end = std::min(field.find('.', start), field.size());
    at = at->find(std::string_view(field).substr(start, end - start));
    if (at != nullptr && at->at.is_known()) {
      near = at->at;
      width = at->is_scalar() ? at->text.size() : 1;
    }
    start = end + 1;
  }
  std::string path = path_;
  if (!field.empty()) path += path.empty() ? field : "." + field;
  report_.add(near, path.empty() ? message : path + ": " + message, width);
}

}  // namespace limbic::config
