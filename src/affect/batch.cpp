#include "limbic/affect/batch.h"

#include <ATen/ATen.h>

namespace limbic::affect {

Batch Batch::to(const std::string& device) const {
  const c10::Device where(device);
  const auto move = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(where) : at::Tensor();
  };
  Batch moved;
  for (const auto& [name, stream] : streams) {
    moved.streams[name] = {move(stream.x), move(stream.mask_BT), move(stream.present_B),
                           move(stream.start_s_B), move(stream.rate_hz_B)};
  }
  for (const auto& [task, target] : targets) {
    moved.targets[task] = {move(target.y_B),      move(target.mask_B),   move(target.soft_BC),
                           move(target.value_BC), move(target.known_BC), move(target.value_BTC),
                           move(target.known_BTC)};
  }
  if (dialogues.is_defined()) {
    moved.dialogues = {dialogues.dialogue_B.to(where), dialogues.turn_B.to(where),
                       dialogues.speaker_B.to(where)};
  }
  moved.ids = ids;
  return moved;
}

}  // namespace limbic::affect
