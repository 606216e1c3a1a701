#include "limbic/weak/weak_config.h"

#include <algorithm>
#include <functional>
#include <set>

#include "limbic/core/suggest.h"

namespace limbic::weak {

void NumberReading::validate(config::Checks& checks) const {
  checks.expect(std::adjacent_find(cuts.begin(), cuts.end(), std::greater_equal<>()) == cuts.end(), "cuts",
                "must ascend");
  checks.expect(classes.empty() || classes.size() == cuts.size() + 1, "classes",
                "must be one more than cuts");
  checks.expect(levels.empty() || cuts.empty(), "levels", "are of scores; with cuts the number votes");
}

void LabelSource::validate(config::Checks& checks) const {
  checks.expect(label.empty() != attribute.empty(), "label",
                "exactly one of label and attribute must be named");
}

void WeakLabelConfig::validate(config::Checks& checks) const {
  checks.expect(!sources.empty(), "sources", "must have at least one source");
  std::vector<std::string> known;
  for (const auto& entry : sources) known.push_back(entry.first);
  std::set<std::string> taken;
  for (const auto& [name, members] : groups) {
    checks.expect(sources.count(name) == 0, "groups", "'" + name + "' is a source, too");
    checks.expect(members.size() > 1, "groups", "'" + name + "' must have at least two sources");
    for (const auto& member : members) {
      checks.expect(sources.count(member) != 0, "groups",
                    "'" + member + "' of '" + name + "' is no source, only " + core::join(known) +
                        core::did_you_mean(member, known));
      checks.expect(taken.insert(member).second, "groups", "'" + member + "' is in two groups");
    }
  }
}

}  // namespace limbic::weak
