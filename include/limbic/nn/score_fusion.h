#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "limbic/nn/fusions/score.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// Late fusion of one task as a module.
class ScoreFusion {
 public:
  virtual ~ScoreFusion() = default;
  /// @param logits_BC   one per modality
  /// @param present_BM  bool, true = the modality counts; what an absent one holds has no influence
  /// @return (B, C); a learned constant (uniform at first) where nothing is present
  virtual at::Tensor fuse(const std::vector<at::Tensor>& logits_BC, const at::Tensor& present_BM) = 0;
  /// (B, M), rows sum to 1; 0 where absent, all 0 where nothing is present.
  virtual at::Tensor weights_BM(const at::Tensor& present_BM) = 0;
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};
std::shared_ptr<ScoreFusion> build_score_fusion(const ScoreFusionConfig& config, int64_t num_modalities,
                                                int64_t num_classes);

}  // namespace limbic::nn
