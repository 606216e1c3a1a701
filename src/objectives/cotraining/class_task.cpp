#include "class_task.h"

#include <ATen/ATen.h>

#include "limbic/core/error.h"
#include "named_task.h"

namespace limbic::objectives {

affect::LabelSpace space_of_task(const std::string& wanted, const ObjectiveContext& context) {
  const auto name = named_task(wanted, context.counts);
  for (const auto& space : context.tasks) {
    if (space.task == name) return space;
  }
  affect::LabelSpace space{name, {}};
  for (size_t c = 0; c < context.counts.at(name).size(); ++c) space.classes.push_back(std::to_string(c));
  return space;
}

affect::LabelSpace class_task(const char* type, const std::string& wanted, const ObjectiveContext& context) {
  auto space = space_of_task(wanted, context);
  require(space.has_classes(), ErrorCode::kConfig,
          std::string(type) + ": task '" + space.task +
              "' has no classes that a prediction could be sure of; of these methods mean_teacher alone is "
              "for labels and values");
  return space;
}

at::Tensor rows_without_label(const affect::Batch& batch, const std::string& task,
                              const at::Tensor& logits_BC) {
  const auto found = batch.targets.find(task);
  if (found == batch.targets.end())
    return at::ones({logits_BC.size(0)}, logits_BC.options().dtype(at::kBool).requires_grad(false));
  return found->second.mask_B.logical_not();
}

at::Tensor withheld_of(const affect::Batch& batch, const std::string& task) {
  const auto found = batch.targets.find(task);
  return found == batch.targets.end() ? at::Tensor() : found->second.withheld_B;
}

}  // namespace limbic::objectives
