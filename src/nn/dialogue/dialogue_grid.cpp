#include "limbic/nn/dialogue_grid.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

namespace limbic::nn {
namespace {

/// The numbers of a (B,) tensor.
std::vector<int64_t> numbers_of(const at::Tensor& x_B, int64_t batch_size) {
  TORCH_CHECK(x_B.dim() == 1 && x_B.size(0) == batch_size, "dialogue rows are (", batch_size, ",), got ",
              x_B.sizes());
  const auto x = x_B.to(at::kCPU, at::kLong).contiguous();
  return {x.data_ptr<int64_t>(), x.data_ptr<int64_t>() + batch_size};
}

}  // namespace

at::Tensor DialogueGrid::to_grid(const at::Tensor& x_B) const {
  const int64_t num_cells = mask_DU.numel();
  auto shape = x_B.sizes().vec();
  shape[0] = num_cells;
  auto grid_shape = x_B.sizes().vec();
  grid_shape[0] = num_dialogues();
  grid_shape.insert(grid_shape.begin() + 1, num_turns());
  return at::zeros(shape, x_B.options().requires_grad(false)).index_copy(0, index_B, x_B).view(grid_shape);
}

at::Tensor DialogueGrid::to_rows(const at::Tensor& x_DU) const {
  return x_DU.flatten(0, 1).index_select(0, index_B);
}

DialogueGrid make_dialogue_grid(const affect::DialogueRows& rows, int64_t batch_size, at::Device device) {
  const auto longs = at::TensorOptions(at::kLong);
  DialogueGrid grid;
  if (!rows.is_defined()) {
    const auto row_B = at::arange(batch_size, longs.device(device));
    grid.index_B = row_B;
    grid.row_DU = row_B.unsqueeze(1);
    grid.mask_DU = at::ones({batch_size, 1}, longs.dtype(at::kBool).device(device));
    grid.speaker_DU = at::full({batch_size, 1}, -1, longs.device(device));
    return grid;
  }
  const auto dialogue_B = numbers_of(rows.dialogue_B, batch_size);
  const auto turn_B = numbers_of(rows.turn_B, batch_size);
  const auto speaker_B = numbers_of(rows.speaker_B, batch_size);
  std::map<int64_t, int64_t> number_of;  // dialogue -> d, by first appearance
  std::vector<std::vector<int64_t>> turns_of;
  for (int64_t b = 0; b < batch_size; ++b) {
    const auto [at, is_new] =
        number_of.try_emplace(dialogue_B[static_cast<size_t>(b)], static_cast<int64_t>(turns_of.size()));
    if (is_new) turns_of.emplace_back();
    turns_of[static_cast<size_t>(at->second)].push_back(b);
  }
  size_t num_turns = 1;
  for (auto& turns : turns_of) {
    std::stable_sort(turns.begin(), turns.end(), [&](int64_t a, int64_t b) {
      return turn_B[static_cast<size_t>(a)] < turn_B[static_cast<size_t>(b)];
    });
    num_turns = std::max(num_turns, turns.size());
  }
  const auto num_dialogues = static_cast<int64_t>(turns_of.size());
  const auto width = static_cast<int64_t>(num_turns);
  auto index_B = at::empty({batch_size}, longs);
  auto row_DU = at::zeros({num_dialogues, width}, longs);
  auto mask_DU = at::zeros({num_dialogues, width}, longs.dtype(at::kBool));
  auto speaker_DU = at::full({num_dialogues, width}, -1, longs);
  auto* index = index_B.data_ptr<int64_t>();
  for (size_t d = 0; d < turns_of.size(); ++d) {
    std::map<int64_t, int64_t> speakers;  // by first appearance
    for (size_t u = 0; u < turns_of[d].size(); ++u) {
      const int64_t b = turns_of[d][u];
      const auto cell = static_cast<int64_t>(d) * width + static_cast<int64_t>(u);
      index[b] = cell;
      row_DU.data_ptr<int64_t>()[cell] = b;
      mask_DU.data_ptr<bool>()[cell] = true;
      const int64_t who = speaker_B[static_cast<size_t>(b)];
      if (who >= 0)
        speaker_DU.data_ptr<int64_t>()[cell] =
            speakers.try_emplace(who, static_cast<int64_t>(speakers.size())).first->second;
    }
  }
  grid.index_B = index_B.to(device);
  grid.row_DU = row_DU.to(device);
  grid.mask_DU = mask_DU.to(device);
  grid.speaker_DU = speaker_DU.to(device);
  return grid;
}

}  // namespace limbic::nn
