#pragma once
#include <variant>

#include "limbic/nn/encoders/image.h"
#include "limbic/nn/encoders/sequence.h"
#include "limbic/nn/encoders/sound.h"

namespace limbic::nn {

/// `type:` picks one.
using EncoderConfig = std::variant<ResNetFaceConfig, ConvRecurrentConfig, GruConfig, MlpConfig>;

}  // namespace limbic::nn
