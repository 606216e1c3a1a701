#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/nn/dialogue_grid.h"
#include "limbic/nn/fusion_config.h"

namespace torch::nn {
class Module;
}

namespace limbic::nn {

/// What a fusion must know of one modality when it is built.
struct ModalityShape {
  std::string name;
  int64_t width = 0;        ///< of its embedding
  int64_t token_width = 0;  ///< of its tokens
};

/// One modality of a batch on its way into a fusion.
struct ModalityFeatures {
  at::Tensor tokens_BTD;    ///< (B, T', token_width); T' differs between modalities
  at::Tensor mask_BT;       ///< bool, true = real token; all false where the modality is absent
  at::Tensor embedding_BD;  ///< (B, width)
};

struct FusionInput {
  std::vector<ModalityFeatures> modalities;  ///< in the order of build_fusion
  at::Tensor present_BM;                     ///< bool, true = the modality counts in this row
  DialogueGrid grid;                         ///< which rows are turns of one conversation
  /// int64, class of the first task, -1 = unknown; in training only, else undefined. For auxiliary losses
  /// that are conditioned on the class (MMIM's entropy), never for `fused_BD`.
  at::Tensor label_B;
};

struct FusionOutput {
  at::Tensor fused_BD;  ///< (B, width); a learned constant where nothing is present (see note)
  /// Optional: what the fusion made of each modality, for a head per modality (SDT's unimodal classifiers).
  std::vector<at::Tensor> embedding_BD;
  /// Optional, (B, M): how much each modality counted; rows sum to 1, 0 where absent. For reports.
  at::Tensor weight_BM;
  /// Auxiliary losses by name, scalars, already weighted; only in training mode.
  std::map<std::string, at::Tensor> losses;
};

/// Combines modalities. Rules that every fusion keeps, and tests/nn/fusion checks for every one:
/// - Any subset may be present. What an absent modality or a padded token holds (NaN included) has no
///   influence, forwards or backwards; neither has padding a batch further, in training either.
/// - Where nothing is present the result is finite and the same for every such row (of a dialogue-level
///   fusion: every such row outside a dialogue).
/// - Rows influence each other only along `grid` (and through batch statistics in training).
class Fusion {
 public:
  virtual ~Fusion() = default;
  virtual FusionOutput fuse(const FusionInput& input) = 0;
  /// D of fused_BD.
  virtual int64_t width() const = 0;
  /// Widths of FusionOutput::embedding_BD by modality; empty when there are none.
  virtual std::vector<int64_t> embedding_widths() const { return {}; }
  virtual std::shared_ptr<torch::nn::Module> as_module() = 0;
};

/// @throws Error(kConfig) for ScoreFusionConfig, or when the method cannot take so many modalities
std::shared_ptr<Fusion> build_fusion(const FusionConfig& config,
                                     const std::vector<ModalityShape>& modalities);

}  // namespace limbic::nn
