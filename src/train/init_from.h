#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/model/multimodal.h"

namespace limbic::train {

/// What of a trained model could be taken over.
struct InitReport {
  int64_t num_taken = 0;            ///< tensors
  int64_t num_own = 0;              ///< of the model that takes
  std::vector<std::string> unlike;  ///< names that both have, in other shapes or types
};

/// Begins `model` with the weights of a finished run (its best epoch) or a bundle: every parameter and buffer
/// that has the same name, shape and type there. Models may differ in all else: other heads, a fusion more.
/// @throws Error(kModel) when no tensor of an encoder fits, or `from` is neither
InitReport init_from(model::MultimodalModel& model, const std::string& from);

}  // namespace limbic::train
