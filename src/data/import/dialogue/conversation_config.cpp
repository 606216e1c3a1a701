#include "import/dialogue/conversation_config.h"

#include <algorithm>
#include <filesystem>

#include "import/dialogue/utterances.h"
#include "limbic/config/config.h"

namespace limbic::data::conversation_import {
namespace {

/// '*' is any text. Linear in name times stars: the last star is the only one to come back to.
bool matches(const std::string& pattern, const std::string& name) {
  size_t p = 0;
  size_t star = std::string::npos;
  size_t star_name = 0;
  for (size_t n = 0; n < name.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string::npos;
}

}  // namespace

void ConversationConfig::validate(config::Checks& checks) const {
  checks.expect(!task.empty(), "task", "must not be empty");
  checks.expect(!label_tiers.empty(), "label_tiers", "must name a tier");
  for (const auto& [person, r] : regions) {
    const bool is_box =
        r.size() == 4 && r[0] >= 0 && r[0] < r[2] && r[2] <= 1 && r[1] >= 0 && r[1] < r[3] && r[3] <= 1;
    checks.expect(is_box, "regions", "must be [left, top, right, bottom] within [0, 1], of '" + person + "'");
  }
  for (const std::string& label : classes)
    checks.expect(!label.empty() && label == lower_case(label), "classes",
                  "must be in lower case, got '" + label + "'");
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  const std::string lower = lower_case(name);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches(lower_case(pattern), lower); });
}

ConversationConfig read_conversation_config(const std::string& source) {
  const std::string path = source + "/conversation.yaml";
  ConversationConfig config;
  if (std::filesystem::exists(path)) config = config::load_file<ConversationConfig>(path);
  if (config.name.empty()) config.name = std::filesystem::path(source).lexically_normal().filename().string();
  // A path that ends in a slash has an empty last part.
  if (config.name.empty())
    config.name = std::filesystem::path(source).lexically_normal().parent_path().filename().string();
  return config;
}

}  // namespace limbic::data::conversation_import
