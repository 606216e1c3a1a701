#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace limbic::train {

/// Everything that a run needs to go on as if it had never stopped.
struct Checkpoint {
  using Tensors = std::map<std::string, at::Tensor>;
  Tensors model;      ///< the weights that are evaluated: averaged ones where EMA is on
  Tensors raw_model;  ///< the weights that are trained; empty where they are the same
  Tensors optimizer;
  Tensors learning;      ///< what objectives and their balance own: "objectives.0...", "balance..."
  at::Tensor torch_rng;  ///< uint8, state of LibTorch's CPU generator
  int64_t step = 0;      ///< optimizer steps done, names the checkpoint
  std::shared_ptr<nlohmann::json> state;  ///< the trainer's counters and history
};

// Note [Checkpoints on disk]
// ckpt/step-00000120/{model.safetensors,optim.safetensors,state.json} is written under a temp name, synced
// and renamed, so a directory under its final name is always complete; then the symbolic link ckpt/last (or
// best) moves in one step. A kill at any instant leaves the previous link and its target. Tensors carry
// checksums, state.json carries its own digest, so that damage is found when a run resumes, by name.

/// The tensors whose names begin with `prefix`, without it.
Checkpoint::Tensors tensors_below(const Checkpoint::Tensors& all, const std::string& prefix);

/// Writes checkpoints of one run folder and finds the newest good one. @throws Error(kStorage) when writing
/// fails
class CheckpointStore {
 public:
  /// @param directory  RUN/ckpt; made when absent, leftovers of killed writers are removed
  explicit CheckpointStore(std::string directory);

  /// Writes the checkpoint and points `last` at it, `best` too if asked; keeps the newest two and the best.
  void save(const Checkpoint& checkpoint, bool is_best);
  /// Whether there is a checkpoint, good or damaged.
  bool has_any() const;
  /// The newest complete checkpoint. A damaged one is reported, set aside as `<name>.corrupt`, and the one
  /// before it is used. Empty when there never was one. @throws Error(kModel) when all are damaged, with each
  /// reason
  std::optional<Checkpoint> load_newest();
  /// What `link` ("last" or "best") points at. @throws Error(kModel)
  Checkpoint load(const std::string& link) const;

 private:
  void prune() const;
  std::string directory_;
};

}  // namespace limbic::train
