#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/affect/stream_shape.h"
#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/config/instances.h"
#include "limbic/nn/context_config.h"
#include "limbic/nn/encoder_config.h"
#include "limbic/nn/fusion_config.h"
#include "limbic/nn/head.h"
#include "limbic/nn/token_temporal.h"

namespace torch::nn {
class Module;
}

namespace limbic::model {

using affect::StreamShape;

/// A model: an encoder per modality, layers over time and over the turns of a conversation, a fusion, a head
/// per task.
struct ModelConfig {
  std::map<std::string, nn::EncoderConfig> encoders;        ///< by modality
  std::map<std::string, nn::TokenTemporalConfig> temporal;  ///< by modality; those not named have none
  nn::ContextConfig modality_context;                       ///< of each modality, with weights of its own
  nn::FusionConfig fusion;                                  ///< the default suits a single modality too
  nn::ContextConfig context;                                ///< of what was fused
  std::map<std::string, nn::HeadConfig> heads;              ///< by task; tasks not named take the defaults
  bool modality_heads = false;
  double modality_dropout = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("encoders", encoders, "encoder per modality");
    v("temporal", temporal, "modality -> a layer over its encoder's tokens");
    v("modality_context", modality_context,
      "reads each modality's turns of a conversation, before fusion; wants data.loader.sampler: dialogue");
    v("fusion", fusion, "how modalities are combined");
    v("context", context, "reads the fused turns of a conversation; wants data.loader.sampler: dialogue");
    v("heads", heads, "head per task; a task that is not named takes the defaults");
    v("modality_heads", modality_heads,
      "also a head per modality and task, for objectives that teach each modality by itself");
    v("modality_dropout", modality_dropout,
      "probability in [0, 1) to hide a modality of a training sample; never hides all of a sample's "
      "modalities",
      config::half_open(0, 1));
  }
  void validate(config::Checks& checks) const;
};

/// All of it as one module. Any subset of the modalities may be present in a sample, none too: then the
/// logits are a constant (with a context, what the other turns of the conversation say). What an absent
/// modality's tensors hold has no influence.
class MultimodalModel {
 public:
  virtual ~MultimodalModel() = default;
  /// A modality of the model that `batch` lacks counts as absent; streams the model does not know are
  /// ignored. The number of samples is that of the streams' first dimension.
  virtual affect::ModelOutput forward(const affect::Batch& batch) = 0;

  /// See nn::Encoder::set_input_statistics. @throws Error(kModel) for an unknown modality
  virtual void set_input_statistics(const std::string& modality, const std::vector<double>& mean_F,
                                    const std::vector<double>& std_F) = 0;
  /// Modalities whose encoders scale by the training set's statistics.
  virtual std::vector<std::string> modalities_wanting_statistics() const = 0;
  /// See nn::Encoder::load_pretrained.
  virtual void load_pretrained() = 0;
  /// Sorted.
  virtual const std::vector<std::string>& modalities() const = 0;
  virtual const std::vector<affect::LabelSpace>& tasks() const = 0;
  /// Of ModelOutput::fused_BD; 0 for score (late) fusion, which has none.
  virtual int64_t fused_width() const = 0;
  /// A deep copy: for averaged weights, teachers, peers.
  virtual std::shared_ptr<MultimodalModel> copy() const = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// Fills in the sizes of pretrained encoders from the files beside their weights, so that what is built from
/// `config` later needs neither (see nn/pretrained.h). @throws Error(kModel, kConfig)
void resolve_pretrained(ModelConfig& config);

/// @param tasks   what the heads predict
/// @param inputs  by modality, at least those of config.encoders
/// @throws Error(kConfig) when config, tasks and inputs do not fit together
std::shared_ptr<MultimodalModel> build_model(const ModelConfig& config,
                                             const std::vector<affect::LabelSpace>& tasks,
                                             const std::map<std::string, StreamShape>& inputs);

/// Parameters of one part.
struct PartSummary {
  std::string name;  ///< "encoders.audio", "fusion", "heads.emotion"
  int64_t num_parameters = 0;
};
/// Parts in the order of the forward pass, then "total".
std::vector<PartSummary> model_summary(MultimodalModel& model);
/// The summary as an aligned table, one part a line.
std::string summary_text(const std::vector<PartSummary>& parts);

}  // namespace limbic::model

LIMBIC_CONFIG_INSTANCES(extern, limbic::model::ModelConfig)
