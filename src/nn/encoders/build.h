#pragma once
#include <memory>

#include "limbic/nn/encoder.h"

namespace limbic::nn {

// One per encoder, in its own file.
std::shared_ptr<Encoder> build(const ResNetFaceConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const ConvNextConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const Conv3dConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const R2Plus1dConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const ConvRecurrentConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const GruConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const MlpConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const VitConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const Wav2Vec2Config& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const BertConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const TorchScriptConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const WaveformConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const SpectrogramTransformerConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const MultiscaleConvConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const EventSequenceConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const PoseTcnConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const StGcnConfig& config, const affect::StreamShape& input);
std::shared_ptr<Encoder> build(const TextConfig& config, const affect::StreamShape& input);

}  // namespace limbic::nn
