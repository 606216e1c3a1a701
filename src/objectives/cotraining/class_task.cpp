#include "class_task.h"

#include <ATen/ATen.h>

#include "limbic/core/error.h"
#include "named_task.h"

namespace limbic::objectives {

affect::LabelSpace class_task(const char* type, const std::string& wanted, const ObjectiveContext& context) {
  auto space = named_space(wanted, context);
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
