#include "limbic/affect/batch.h"

#include <ATen/ATen.h>

namespace limbic::affect {

Batch Batch::to(const std::string& device) const {
  const c10::Device where(device);
  Batch moved;
  for (const auto& [name, stream] : streams) {
    moved.streams[name] = {stream.x.to(where), stream.mask_BT.to(where), stream.present_B.to(where)};
  }
  for (const auto& [task, target] : targets) {
    moved.targets[task] = {target.y_B.to(where), target.mask_B.to(where),
                           target.soft_BC.defined() ? target.soft_BC.to(where) : at::Tensor()};
  }
  if (dialogues.is_defined()) {
    moved.dialogues = {dialogues.dialogue_B.to(where), dialogues.turn_B.to(where),
                       dialogues.speaker_B.to(where)};
  }
  moved.ids = ids;
  return moved;
}

}  // namespace limbic::affect
