#include "limbic/affect/batch.h"

#include <ATen/ATen.h>

namespace limbic::affect {

Batch Batch::to(const std::string& device) const {
  const c10::Device where(device);
  const auto move = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(where) : at::Tensor();
  };
  Batch moved;
  const auto move_streams = [&](const Streams& of_view) {
    Streams there;
    for (const auto& [name, stream] : of_view) {
      there[name] = {move(stream.x), move(stream.mask_BT), move(stream.present_B), move(stream.start_s_B),
                     move(stream.rate_hz_B)};
    }
    return there;
  };
  moved.streams = move_streams(streams);
  for (const auto& view : views) moved.views.push_back(move_streams(view));
  for (const auto& [task, target] : targets) {
    moved.targets[task] = {move(target.y_B),       move(target.mask_B),   move(target.soft_BC),
                           move(target.value_BC),  move(target.known_BC), move(target.value_BTC),
                           move(target.known_BTC), move(target.weight_B), move(target.level_B),
                           move(target.withheld_B)};
  }
  if (dialogues.is_defined()) {
    moved.dialogues = {dialogues.dialogue_B.to(where), dialogues.turn_B.to(where),
                       dialogues.speaker_B.to(where)};
  }
  moved.ids = ids;
  return moved;
}

Batch Batch::with_view(size_t view) const {
  Batch other;
  other.streams = views.at(view);
  other.targets = targets;
  other.dialogues = dialogues;
  other.ids = ids;
  return other;
}

}  // namespace limbic::affect
