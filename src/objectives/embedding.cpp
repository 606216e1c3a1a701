#include "embedding.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::objectives {
namespace {

/// Widths of all embeddings, read off what the model says of a sample without any modality.
std::map<std::string, int64_t> embedding_widths(model::MultimodalModel& model) {
  at::NoGradGuard no_grad;
  const auto module = model.as_module();
  const bool was_training = module->is_training();
  module->eval();
  affect::Batch nothing;
  nothing.ids = {"nothing"};
  const auto output = model.forward(nothing);
  module->train(was_training);
  std::map<std::string, int64_t> widths;
  for (const auto& [modality, embedding_BD] : output.embedding_BD) widths[modality] = embedding_BD.size(1);
  if (output.fused_BD.defined()) widths[kFused] = output.fused_BD.size(1);
  return widths;
}

}  // namespace

Embedding embedding_of(const affect::ModelOutput& output, const std::string& name) {
  if (name != kFused) return {output.embedding_BD.at(name), output.used_B.at(name)};
  return {output.fused_BD, used_rows(output)};
}

at::Tensor used_rows(const affect::ModelOutput& output) {
  at::Tensor any_B;
  for (const auto& [modality, used_B] : output.used_B)
    any_B = any_B.defined() ? any_B.logical_or(used_B) : used_B;
  return any_B;
}

std::map<std::string, int64_t> wanted_embeddings(const ObjectiveContext& context, const std::string& wanted,
                                                 const std::string& objective) {
  require(context.model != nullptr, ErrorCode::kInternal, objective + " needs the model when it is built");
  auto widths = embedding_widths(*context.model);
  if (wanted == kEach) {
    widths.erase(kFused);
    return widths;
  }
  std::vector<std::string> known{kEach};
  for (const auto& [name, width] : widths) known.push_back(name);
  require(wanted != kFused || widths.count(kFused) != 0, ErrorCode::kConfig,
          objective + ": late fusion has no fused vector; name a modality, or each");
  require(widths.count(wanted) != 0, ErrorCode::kConfig,
          objective + ": the model has no modality '" + wanted + "', only " + core::join(known) +
              core::did_you_mean(wanted, known));
  return {{wanted, widths.at(wanted)}};
}

at::Tensor row_indices(const at::Tensor& counts_B) {
  return counts_B.nonzero().squeeze(1);
}

}  // namespace limbic::objectives
