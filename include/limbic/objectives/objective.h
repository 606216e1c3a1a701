#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/objectives/consistency_config.h"
#include "limbic/objectives/crf_config.h"
#include "limbic/objectives/self_distillation.h"
#include "limbic/objectives/supervised_config.h"

namespace torch::nn {
class Module;
}

namespace limbic::objectives {

/// What training minimises, and its parts for the log.
struct LossTerms {
  at::Tensor total;                         ///< scalar with gradient, weights applied
  std::map<std::string, at::Tensor> terms;  ///< detached scalars before weights: "emotion", "emotion.audio"
};

/// Training examples of each class, by task, in the order of the label space.
using ClassCounts = std::map<std::string, std::vector<int64_t>>;

/// Sees a batch and what the model made of it. The trainer knows nothing more: per step it calls prepare(),
/// the model, compute(), total.backward().
class Objective {
 public:
  virtual ~Objective() = default;
  /// Changes a training batch before the model sees it (mixup). Draws come from LibTorch's generator.
  virtual affect::Batch prepare(affect::Batch batch) { return batch; }
  /// Labels that are unknown contribute nothing; a batch without any known label gives a zero with gradient.
  virtual LossTerms compute(const affect::Batch& batch, const affect::ModelOutput& output) = 0;
  /// Parameters of the objective's own (a projection head), or null.
  virtual std::shared_ptr<torch::nn::Module> as_module() { return nullptr; }
};

/// `type:` picks one.
// clang-format off
using ObjectiveConfig = std::variant<
    SupervisedConfig,
    ConsistencyConfig,
    CrfConfig,
    SelfDistillationConfig>;
// clang-format on

/// @param counts  also says which tasks exist
/// @param tasks   their classes, for objectives that need the names
/// @throws Error(kConfig) when the objective does not fit the tasks
std::unique_ptr<Objective> build_objective(const ObjectiveConfig& config, const ClassCounts& counts,
                                           const std::vector<affect::LabelSpace>& tasks = {});
/// The sum of several.
std::unique_ptr<Objective> build_objectives(const std::vector<ObjectiveConfig>& configs,
                                            const ClassCounts& counts,
                                            const std::vector<affect::LabelSpace>& tasks = {});

}  // namespace limbic::objectives
