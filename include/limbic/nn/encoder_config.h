#pragma once
#include <variant>

#include "limbic/nn/encoders/convnext.h"
#include "limbic/nn/encoders/image.h"
#include "limbic/nn/encoders/pretrained.h"
#include "limbic/nn/encoders/sequence.h"
#include "limbic/nn/encoders/sound.h"
#include "limbic/nn/encoders/video.h"

namespace limbic::nn {

/// `type:` picks one.
// clang-format off: one a line
using EncoderConfig = std::variant<
    ResNetFaceConfig,
    ConvNextConfig,
    Conv3dConfig,
    R2Plus1dConfig,
    ConvRecurrentConfig,
    GruConfig,
    MlpConfig,
    VitConfig,
    Wav2Vec2Config,
    BertConfig,
    TorchScriptConfig>;
// clang-format on

}  // namespace limbic::nn
