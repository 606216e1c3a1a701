#pragma once
#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "limbic/nn/fusion.h"

namespace limbic::nn {

// One per fusion, in its own file.
std::shared_ptr<Fusion> build(const ConcatFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const GatedFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const AttentionFusionConfig& config,
                              const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const TensorFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const LowRankFusionConfig& config,
                              const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const MisaFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const MmimFusionConfig& config, const std::vector<ModalityShape>& modalities);
/// @throws Error(kConfig): score fusion works on class scores
std::shared_ptr<Fusion> build(const ScoreFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const MultFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const MbtFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const PerceiverFusionConfig& config,
                              const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const PairwiseAttentionFusionConfig& config,
                              const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const MmgcnFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const M2fnetFusionConfig& config, const std::vector<ModalityShape>& modalities);
std::shared_ptr<Fusion> build(const SdtFusionConfig& config, const std::vector<ModalityShape>& modalities);

}  // namespace limbic::nn
