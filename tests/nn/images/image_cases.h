#pragma once
// Small encoders of pictures and clips for the tests that every encoder has to pass.
#include <vector>

#include "limbic/nn/encoder_config.h"

namespace limbic::nn {

inline ResNetFaceConfig small_bottleneck() {
  ResNetFaceConfig config;
  config.block = ResNetBlock::kBottleneck;
  config.stem_channels = 4;
  config.stem_kernel = 3;
  config.stem_stride = 1;
  config.stem_pool = true;
  config.stem_pool_kernel = 3;
  config.stages = {{8, 1, 1}, {12, 2, 2}};
  return config;
}

inline ConvNextConfig small_convnext(bool is_emonext) {
  ConvNextConfig config;
  config.stages = {{4, 1}, {6, 2}};
  config.layer_scale = 0.5;
  config.drop_path = 0.0;
  config.spatial_transformer = is_emonext;
  config.squeeze_excitation = is_emonext;
  config.squeeze_reduction = 2;
  config.attention_regularizer = is_emonext ? 1.0 : 0.0;
  if (is_emonext) config.normalize = ImageNormalization::kGlobal;
  return config;
}

template <class Config>
Config small_clip_net(ImageNormalization normalize, FramePooling pooling) {
  Config config;
  config.stem_channels = 4;
  config.stem_kernel = 3;
  config.stages = {{4, 1, 1, 1}, {6, 1, 2, 2}};
  config.normalize = normalize;
  config.pooling = pooling;
  config.attention_hidden = 5;
  return config;
}

inline R2Plus1dConfig small_r2plus1d() {
  auto config = small_clip_net<R2Plus1dConfig>(ImageNormalization::kImage, FramePooling::kMeanStd);
  config.stem_middle = 3;
  return config;
}

/// Case is an aggregate {name, config, input shape, frames}.
template <class Case>
std::vector<Case> image_cases() {
  return {
      {"ResNetBottleneck", small_bottleneck(), {{3, 12, 12}}, 5},
      {"ConvNext", small_convnext(false), {{1, 12, 12}}, 5},
      {"EmoNext", small_convnext(true), {{3, 20, 20}}, 5},
      {"Conv3d",
       small_clip_net<Conv3dConfig>(ImageNormalization::kGlobal, FramePooling::kAttention),
       {{1, 10, 10}},
       9},
      {"R2Plus1d", small_r2plus1d(), {{3, 10, 10}}, 9},
  };
}

}  // namespace limbic::nn
