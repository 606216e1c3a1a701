#include "limbic/objectives/objective.h"

#include "build.h"
#include "limbic/core/error.h"

namespace limbic::objectives {

std::unique_ptr<Objective> build_objective(const ObjectiveConfig& config, const ObjectiveContext& context) {
  return std::visit([&](const auto& chosen) { return build(chosen, context); }, config);
}

std::vector<std::unique_ptr<Objective>> build_objectives(const std::vector<ObjectiveConfig>& configs,
                                                         const ObjectiveContext& context) {
  require(!configs.empty(), ErrorCode::kConfig,
          "objectives is empty; name at least one, e.g. type: supervised");
  std::vector<std::unique_ptr<Objective>> objectives;
  for (size_t i = 0; i < configs.size(); ++i) {
    try {
      objectives.push_back(build_objective(configs[i], context));
    } catch (const Error& error) {
      throw error.in("objectives." + std::to_string(i));
    }
  }
  return objectives;
}

}  // namespace limbic::objectives

LIMBIC_CONFIG_INSTANCES(, limbic::objectives::ObjectiveConfig)
