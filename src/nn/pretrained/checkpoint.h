#pragma once
#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "limbic/nn/encoders/pretrained_weights.h"

namespace limbic::nn {

/// How tensors are called here and there. `#` stands for a number, the same on both sides.
struct NameRule {
  const char* ours;    ///< begin of a state's name; what follows (".weight") is kept
  const char* theirs;  ///< alternatives separated by '|'; "[0]" or "[1]" at the end: that half of the rows
};

/// The names of one layout of checkpoints.
struct NameTable {
  std::vector<const char*> prefixes;  ///< that a checkpoint may put before every name; "" among them
  std::vector<NameRule> rules;        ///< the first one that fits counts
  std::vector<const char*> unused;    ///< begins of tensors that an encoder has no use for
};

/// Copies a checkpoint's tensors into the network's, converting their type. Low-rank updates and the mix of
/// layers keep their initial values.
/// @throws Error(kModel) naming missing, unexpected and ill-shaped tensors; the network is unchanged then
void load_checkpoint(torch::nn::Module& network, const PretrainedConfig& config, const NameTable& names);

}  // namespace limbic::nn
