#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/config/instances.h"
#include "limbic/features/feature_config.h"
#include "limbic/model/multimodal.h"
#include "limbic/objectives/adaptive_margin_triplet_config.h"
#include "limbic/objectives/co_teaching.h"
#include "limbic/objectives/co_training.h"
#include "limbic/objectives/consistency_config.h"
#include "limbic/objectives/crf_config.h"
#include "limbic/objectives/cross_modal_config.h"
#include "limbic/objectives/deep_cluster_config.h"
#include "limbic/objectives/distillation_config.h"
#include "limbic/objectives/fixmatch.h"
#include "limbic/objectives/gradient_blending_config.h"
#include "limbic/objectives/info_nce_config.h"
#include "limbic/objectives/mean_teacher.h"
#include "limbic/objectives/ogm_ge_config.h"
#include "limbic/objectives/self_distillation_config.h"
#include "limbic/objectives/supervised_config.h"
#include "limbic/objectives/supervised_contrastive_config.h"
#include "limbic/objectives/vicreg_config.h"

namespace torch::nn {
class Module;
}

namespace limbic::objectives {

/// What an objective wants minimised, and its parts for the log.
struct LossTerms {
  at::Tensor total;                         ///< scalar with gradient, weights applied
  std::map<std::string, at::Tensor> terms;  ///< detached scalars before weights: "emotion", "emotion.audio"
};

/// Training examples of each class, by task, in the order of the label space.
using ClassCounts = std::map<std::string, std::vector<int64_t>>;

/// One step of training, as objectives see it.
struct TrainStep {
  const affect::Batch& batch;         ///< after prepare() of every objective
  const affect::ModelOutput& output;  ///< what `model` made of it
  /// The model that is trained, in training mode; null where an objective is only tried out. Further forward
  /// passes are allowed (of batch.views).
  model::MultimodalModel* model = nullptr;
  double progress = 0.0;  ///< share of the training's steps that are done, in [0, 1): for ramps
};

/// What an objective may know when it is built.
struct ObjectiveContext {
  ClassCounts counts;                       ///< also says which tasks exist
  std::vector<affect::LabelSpace> tasks{};  ///< their classes and kinds
  features::FeatureConfig features{};       ///< of every modality of the batches, the model's and others
  std::map<std::string, affect::StreamShape> inputs{};  ///< their shapes
  model::ModelConfig model_config{};        ///< of the model that is trained: for peers of its kind
  model::MultimodalModel* model = nullptr;  ///< that model itself, freshly made; null where there is none
  /// Gives a further model the statistics of the training part (nn::Encoder::set_input_statistics); may be
  /// empty. A copy of `model` has them.
  std::function<void(model::MultimodalModel&)> fit_inputs{};
};

/// Sees a batch and what the model made of it, and may own further models: a teacher, a peer, a projection
/// head. The trainer knows nothing more. Per step it calls prepare(), the model, compute(), backward,
/// after_backward(), the optimizer, after_step().
class Objective {
 public:
  virtual ~Objective() = default;
  /// How many further views of every training batch it reads (Batch::views).
  virtual int64_t num_views() const { return 0; }
  /// Changes a training batch before the model sees it (mixup). Draws come from LibTorch's generator.
  virtual affect::Batch prepare(affect::Batch batch) { return batch; }
  /// Labels that are unknown contribute nothing; a batch without any known label gives a zero with gradient.
  virtual LossTerms compute(const TrainStep& step) = 0;
  /// May change the gradients of the model (OGM), before they are clipped.
  virtual void after_backward(const TrainStep& /*step*/) {}
  /// After the optimizer: averaged teachers follow the model here.
  virtual void after_step(model::MultimodalModel& /*model*/) {}
  /// What training changes, and so what a resumed run needs: own parameters (those that require a gradient
  /// are trained beside the model's) and buffers. Null for none. A teacher that stays as it is does not
  /// belong here.
  virtual std::shared_ptr<torch::nn::Module> as_module() { return nullptr; }
};

/// `type:` picks one.
// clang-format off
using ObjectiveConfig = std::variant<
    SupervisedConfig,
    ConsistencyConfig,
    CrfConfig,
    DistillationConfig,
    SelfDistillationConfig,
    CoTrainingConfig,
    CoTeachingConfig,
    MeanTeacherConfig,
    FixMatchConfig,
    InfoNceConfig,
    CrossModalConfig,
    SupervisedContrastiveConfig,
    VicregConfig,
    AdaptiveMarginTripletConfig,
    DeepClusterConfig,
    OgmGeConfig,
    GradientBlendingConfig>;
// clang-format on

/// @throws Error(kConfig) when the objective does not fit the tasks or the model
std::unique_ptr<Objective> build_objective(const ObjectiveConfig& config, const ObjectiveContext& context);
/// One of each, in order. @throws Error(kConfig) that names the place in the list; for an empty list, too
std::vector<std::unique_ptr<Objective>> build_objectives(const std::vector<ObjectiveConfig>& configs,
                                                         const ObjectiveContext& context);

}  // namespace limbic::objectives

LIMBIC_CONFIG_INSTANCES(extern, limbic::objectives::ObjectiveConfig)
