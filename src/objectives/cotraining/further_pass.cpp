#include "further_pass.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "embedding.h"
#include "limbic/core/error.h"

namespace limbic::objectives {

affect::ModelOutput further_pass(model::MultimodalModel& model, const affect::Batch& batch) {
  const auto buffers = model.as_module()->buffers();
  std::vector<at::Tensor> kept;
  kept.reserve(buffers.size());
  for (const auto& buffer : buffers) kept.push_back(buffer.detach().clone());
  auto output = model.forward(batch);
  // By variable_data, which has a version of its own: autograd has stored the buffers for the backward pass
  // (in training it does not read running statistics) and would see them as changed.
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].variable_data().copy_(kept[i]);
  return output;
}

affect::Batch further_view(const char* type, const affect::Batch& batch) {
  require(
      !batch.views.empty(), ErrorCode::kConfig,
      std::string(type) + ": the batch has no further view of its samples; give data.views or data.augment");
  return batch.with_view(0);
}

at::Tensor rows_with_input(const affect::ModelOutput& output, const at::Tensor& scores_BC) {
  const auto any_B = used_rows(output);
  if (any_B.defined()) return any_B;
  return at::ones({scores_BC.size(0)}, scores_BC.options().dtype(at::kBool).requires_grad(false));
}

}  // namespace limbic::objectives
