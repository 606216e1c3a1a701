#pragma once
#include <variant>

#include "limbic/nn/encoders/convnext.h"
#include "limbic/nn/encoders/events.h"
#include "limbic/nn/encoders/image.h"
#include "limbic/nn/encoders/motion.h"
#include "limbic/nn/encoders/multiscale.h"
#include "limbic/nn/encoders/pretrained.h"
#include "limbic/nn/encoders/sequence.h"
#include "limbic/nn/encoders/sound.h"
#include "limbic/nn/encoders/spectrogram.h"
#include "limbic/nn/encoders/text.h"
#include "limbic/nn/encoders/video.h"
#include "limbic/nn/encoders/waveform.h"

namespace limbic::nn {

/// `type:` picks one. One a line, so that two additions do not meet.
// clang-format off
using EncoderConfig = std::variant<
    ResNetFaceConfig,
    ConvNextConfig,
    Conv3dConfig,
    R2Plus1dConfig,
    ConvRecurrentConfig,
    WaveformConfig,
    SpectrogramTransformerConfig,
    GruConfig,
    MlpConfig,
    MultiscaleConvConfig,
    EventSequenceConfig,
    PoseTcnConfig,
    StGcnConfig,
    TextConfig,
    VitConfig,
    Wav2Vec2Config,
    BertConfig,
    TorchScriptConfig>;
// clang-format on

}  // namespace limbic::nn
