#include "limbic/eval/embed.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <functional>

namespace limbic::eval {
namespace {

/// (B, D) points of a space and which of them are there.
struct SpaceRows {
  at::Tensor x_BD;
  at::Tensor used_B;
};
using RowsOfBatch = std::function<std::map<std::string, SpaceRows>(const affect::Batch&)>;

void append(const SpaceRows& rows, int64_t first_row, EmbeddingSpace& space) {
  const auto x_BD = rows.x_BD.to(at::kCPU, at::kDouble).contiguous();
  const auto used_B = rows.used_B.to(at::kCPU, at::kBool).contiguous();
  space.points.num_dims = x_BD.size(1);
  for (int64_t b = 0; b < x_BD.size(0); ++b) {
    if (!used_B.data_ptr<bool>()[b]) continue;
    const double* row = x_BD.data_ptr<double>() + b * x_BD.size(1);
    space.points.values.insert(space.points.values.end(), row, row + x_BD.size(1));
    ++space.points.num_points;
    space.row.push_back(first_row + b);
  }
}

Embeddings collect(data::Loader& loader, const RowsOfBatch& rows_of) {
  Embeddings all;
  std::map<std::string, EmbeddingSpace> spaces;
  const auto& input = loader.input();
  for (const auto& task : input.tasks) {
    if (task.has_classes()) all.truth[task.task];
  }
  const c10::InferenceMode inference;
  loader.begin_epoch(0);
  while (auto batch = loader.next()) {
    const auto first_row = static_cast<int64_t>(all.sample.size());
    for (const auto& id : batch->ids) all.sample.push_back(input.store->index_of(id));
    for (auto& [task, truth] : all.truth) {
      truth.resize(all.sample.size(), -1);
      const auto found = batch->targets.find(task);
      if (found == batch->targets.end()) continue;
      const auto known_B = found->second.mask_B.contiguous();
      const auto y_B = found->second.y_B.contiguous();
      for (int64_t b = 0; b < y_B.size(0); ++b) {
        if (known_B.data_ptr<bool>()[b])
          truth[static_cast<size_t>(first_row + b)] = y_B.data_ptr<int64_t>()[b];
      }
    }
    for (const auto& [name, rows] : rows_of(*batch)) append(rows, first_row, spaces[name]);
  }
  for (auto& [name, space] : spaces) {
    space.name = name;
    if (space.points.num_points == 0) continue;
    const auto place = name == kFusedSpace ? all.spaces.begin() : all.spaces.end();
    all.spaces.insert(place, std::move(space));
  }
  return all;
}

/// Over the real frames of each sample.
at::Tensor pooled_inputs(const affect::ModalityBatch& stream) {
  const auto x = stream.x.to(at::kDouble);
  auto shape = std::vector<int64_t>(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  const auto keep = stream.mask_BT.view(shape);
  const auto count = keep.sum(1).clamp_min(1).to(at::kDouble);
  const auto mean = x.masked_fill(keep.logical_not(), 0.0).sum(1) / count;
  if (x.dim() == 5) return mean.flatten(1) / 255.0;
  const auto centred = (x - mean.unsqueeze(1)).masked_fill(keep.logical_not(), 0.0);
  return at::cat({mean.flatten(1), (centred.square().sum(1) / count).sqrt().flatten(1)}, 1);
}

}  // namespace

Embeddings embed(model::MultimodalModel& model, data::Loader& loader) {
  const auto module = model.as_module();
  const bool was_training = module->is_training();
  module->eval();
  auto all = collect(loader, [&](const affect::Batch& batch) {
    const auto output = model.forward(batch);
    std::map<std::string, SpaceRows> rows;
    at::Tensor any_B;
    for (const auto& [modality, x_BD] : output.embedding_BD) {
      const auto& used_B = output.used_B.at(modality);
      rows[modality] = {x_BD, used_B};
      any_B = any_B.defined() ? any_B.logical_or(used_B) : used_B;
    }
    if (output.fused_BD.defined() && any_B.defined()) rows[kFusedSpace] = {output.fused_BD, any_B};
    return rows;
  });
  module->train(was_training);
  return all;
}

Embeddings embed_inputs(const std::map<std::string, affect::StreamShape>& inputs, data::Loader& loader) {
  return collect(loader, [&](const affect::Batch& batch) {
    std::map<std::string, SpaceRows> rows;
    for (const auto& [modality, stream] : batch.streams) {
      const auto shape = inputs.find(modality);
      if (shape == inputs.end() || shape->second.vocabulary > 0) continue;
      rows[modality] = {pooled_inputs(stream), stream.present_B.logical_and(stream.mask_BT.any(1))};
    }
    return rows;
  });
}

}  // namespace limbic::eval
