#include "rows.h"

#include <ATen/ATen.h>

#include "limbic/core/error.h"

namespace limbic::objectives {

at::Tensor empty_loss(const at::Tensor& x) {
  return x.slice(0, 0, 0).sum();
}

at::Tensor empty_loss(const affect::ModelOutput& output) {
  for (const auto* scores :
       {&output.logits_BC, &output.label_logits_BC, &output.value_BC, &output.value_BTC}) {
    if (!scores->empty()) return empty_loss(scores->begin()->second);
  }
  throw Error(ErrorCode::kInternal, "a model without any task");
}

at::Tensor row_weights(const affect::Targets& targets, const at::Tensor& known_B, at::ScalarType type) {
  if (!targets.weight_B.defined()) return known_B.to(type);
  return targets.weight_B.to(type).masked_fill(known_B.logical_not(), 0.0);
}

at::Tensor label_probabilities(const affect::Targets& targets, int64_t num_classes, at::ScalarType type) {
  const auto unknown_B1 = targets.mask_B.logical_not().unsqueeze(1);
  const auto label_BC = targets.soft_BC.defined()
                            ? targets.soft_BC.to(type)
                            : at::one_hot(targets.y_B.clamp(0, num_classes - 1), num_classes).to(type);
  return label_BC.masked_fill(unknown_B1, 0.0);
}

affect::Targets known_where(const affect::Targets& targets, const at::Tensor& also_B) {
  auto known = targets;
  known.mask_B = targets.mask_B.logical_and(also_B);
  if (known.known_BC.defined()) known.known_BC = known.known_BC.logical_and(also_B.unsqueeze(1));
  if (known.known_BTC.defined()) known.known_BTC = known.known_BTC.logical_and(also_B.view({-1, 1, 1}));
  return known;
}

affect::Targets of_level(const affect::Targets& targets, LabelLevel level) {
  if (level == LabelLevel::kAny) return targets;
  // Without levels, what is known was said by somebody.
  if (!targets.level_B.defined())
    return level == LabelLevel::kFull ? targets : known_where(targets, at::zeros_like(targets.mask_B));
  const auto wanted = level == LabelLevel::kFull ? affect::kFullSupervision : affect::kWeakSupervision;
  return known_where(targets, targets.level_B == static_cast<int64_t>(wanted));
}

}  // namespace limbic::objectives
