#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/nn/encoders/pretrained_weights.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Whose form of vision transformer.
enum class VitFamily {
  kVit,     ///< Dosovitskiy et al. 2021
  kDinov2,  ///< Oquab et al. 2024: layer scale, registers (Darcet et al. 2024)
  kDinov3,  ///< Simeoni et al. 2025: rotary positions, keys without bias
  kClip,    ///< Radford et al. 2021: norm before the blocks, quick GELU
};
constexpr auto enum_names(VitFamily) {
  return std::array<std::pair<VitFamily, const char*>, 4>{{{VitFamily::kVit, "vit"},
                                                           {VitFamily::kDinov2, "dinov2"},
                                                           {VitFamily::kDinov3, "dinov3"},
                                                           {VitFamily::kClip, "clip"}}};
}

/// What stands for an image.
enum class ImageToken {
  kClass,
  kMean,       ///< mean of the patches
  kClassMean,  ///< both, side by side: width 2D
};
constexpr auto enum_names(ImageToken) {
  return std::array<std::pair<ImageToken, const char*>, 3>{
      {{ImageToken::kClass, "class"}, {ImageToken::kMean, "mean"}, {ImageToken::kClassMean, "class_mean"}}};
}

/// Vision transformer over frames: one token a frame, then a pool over frames. Grey frames are repeated to
/// three channels. The defaults are ViT-S/14 of DINOv2.
struct VitConfig {
  static constexpr const char* kType = "vit";
  static constexpr const char* kDoc = "pretrained vision transformer: ViT, DINOv2, DINOv3, CLIP";
  PretrainedConfig pretrained;
  VitFamily family = VitFamily::kDinov2;
  TransformerSize size;
  int64_t patch = 14;
  int64_t image_size = 518;  ///< side that the learned positions are for; other frames interpolate them
  int64_t input_size = 0;    ///< frames are resized to this side first; 0 = taken as they are
  int64_t registers = 0;
  bool gated = false;              ///< SwiGLU feed-forward part (giant models)
  bool quick_gelu = true;          ///< CLIP: x sigmoid(1.702 x) for GELU; false for models of OpenCLIP
  double epsilon = 1e-6;           ///< of the layer norms
  double layer_scale = 1e-5;       ///< DINO: initial value
  double rotary_theta = 100.0;     ///< DINOv3
  double rotary_rescale = 2.0;     ///< DINOv3, in training: coordinates are scaled by up to this; 1 = never
  double dropout = 0.0;            ///< after attention and feed-forward part
  double attention_dropout = 0.0;  ///< on attention weights
  double drop_path = 0.0;          ///< of the last block; blocks before it take a linear share
  std::vector<double> pixel_mean;  ///< of pixels in [0, 1], one a channel; empty = the family's
  std::vector<double> pixel_std;
  ImageToken token = ImageToken::kClass;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pretrained", pretrained, "weights, and what training does with them");
    v("family", family, "vit, dinov2, dinov3 or clip");
    v("size", size, "shape of the transformer");
    v("patch", patch, "side of a patch in pixels", config::at_least(1));
    v("image_size", image_size, "side in pixels that the learned positions are for", config::at_least(1));
    v("input_size", input_size, "frames are resized to this side; 0 = as they are", config::at_least(0));
    v("registers", registers, "register tokens (DINO)", config::at_least(0));
    v("gated", gated, "SwiGLU feed-forward part (DINO giant)");
    v("quick_gelu", quick_gelu, "CLIP: x sigmoid(1.702 x) in place of GELU");
    v("epsilon", epsilon, "of the layer norms", config::above(0));
    v("layer_scale", layer_scale, "DINO: initial layer scale", config::above(0));
    v("rotary_theta", rotary_theta, "DINOv3: base of the rotary frequencies", config::above(1));
    v("rotary_rescale", rotary_rescale, "DINOv3: random scale of coordinates in training; 1 = none",
      config::at_least(1));
    v("dropout", dropout, "after attention and feed-forward part", config::half_open(0, 1));
    v("attention_dropout", attention_dropout, "on attention weights", config::half_open(0, 1));
    v("drop_path", drop_path, "probability to skip the last block's parts", config::half_open(0, 1));
    v("pixel_mean", pixel_mean, "of pixels in [0, 1], one a channel; [] = the family's");
    v("pixel_std", pixel_std, "standard deviation, one a channel; [] = the family's", config::above(0));
    v("token", token, "of a frame: class, mean (of patches) or class_mean");
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
