#include "named_task.h"

#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::objectives {

std::string named_task(const std::string& wanted, const ClassCounts& counts) {
  std::vector<std::string> tasks;
  for (const auto& [task, count_C] : counts) tasks.push_back(task);
  if (wanted.empty()) {
    require(tasks.size() == 1, ErrorCode::kConfig,
            "task is empty, but there are " + std::to_string(tasks.size()) + " tasks (" + core::join(tasks) +
                "); name one");
    return tasks.front();
  }
  require(counts.count(wanted) != 0, ErrorCode::kConfig,
          "there is no task '" + wanted + "', only " + core::join(tasks) + core::did_you_mean(wanted, tasks));
  return wanted;
}

affect::LabelSpace named_space(const std::string& wanted, const ObjectiveContext& context) {
  const auto name = named_task(wanted, context.counts);
  for (const auto& space : context.tasks) {
    if (space.task == name) return space;
  }
  affect::LabelSpace space{name, {}};
  for (size_t c = 0; c < context.counts.at(name).size(); ++c) space.classes.push_back(std::to_string(c));
  return space;
}

std::string named_class_task(const std::string& wanted, const ObjectiveContext& context,
                             const std::string& objective) {
  const auto space = named_space(wanted, context);
  require(space.has_classes(), ErrorCode::kConfig, objective + ": task '" + space.task + "' has no classes");
  return space.task;
}

const at::Tensor& scores_of(const affect::ModelOutput& output, const affect::LabelSpace& task) {
  if (task.has_classes()) return output.logits_BC.at(task.task);
  if (task.traits.kind == affect::TaskKind::kMultiLabel) return output.label_logits_BC.at(task.task);
  return (task.is_framewise() ? output.value_BTC : output.value_BC).at(task.task);
}

}  // namespace limbic::objectives
