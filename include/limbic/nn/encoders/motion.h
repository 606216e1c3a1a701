#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"
#include "limbic/nn/pooling.h"

namespace limbic::nn {

/// Which point is which, and which ones are linked.
enum class Skeleton {
  kCustom,   ///< as the config says
  kNearest,  ///< every point is linked to its nearest ones in the training set's mean shape: meshes
  kCoco,
  kMediapipePose,
  kOpenposeBody25,
  kDlib68,
};
constexpr auto enum_names(Skeleton) {
  return std::array<std::pair<Skeleton, const char*>, 6>{{{Skeleton::kCustom, "custom"},
                                                          {Skeleton::kNearest, "nearest"},
                                                          {Skeleton::kCoco, "coco"},
                                                          {Skeleton::kMediapipePose, "mediapipe_pose"},
                                                          {Skeleton::kOpenposeBody25, "openpose_body25"},
                                                          {Skeleton::kDlib68, "dlib68"}}};
}

/// The unit that positions are divided by, one for a clip.
enum class PoseScale {
  kNone,
  kRadius,  ///< root mean square of the centred coordinates
  kPair,    ///< mean distance of two joints (shoulders); the radius where they are never seen together
};
constexpr auto enum_names(PoseScale) {
  return std::array<std::pair<PoseScale, const char*>, 3>{
      {{PoseScale::kNone, "none"}, {PoseScale::kRadius, "radius"}, {PoseScale::kPair, "pair"}}};
}

/// How (T, J * D) coordinates, joint after joint, become the input of a network. A joint is missing in a
/// frame when a coordinate is NaN or infinite, or its confidence is too low; it then has no influence.
struct PoseInputConfig {
  Skeleton skeleton = Skeleton::kCustom;
  int64_t dimensions = 3;
  bool confidence = false;      ///< a further column for each joint, after its coordinates
  double min_confidence = 0.0;  ///< joints at or below it are missing
  bool center = true;           ///< frames without a visible root joint count as unseen
  std::vector<int64_t> root;
  PoseScale scale = PoseScale::kPair;
  std::vector<int64_t> scale_pair;
  bool velocity = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("skeleton", skeleton,
      "custom, nearest (each joint's nearest in the mean shape), coco (17 joints), mediapipe_pose (33), "
      "openpose_body25 or dlib68");
    v("dimensions", dimensions, "coordinates of a joint: 2 or 3", config::in_range(2, 3));
    v("confidence", confidence, "each joint's coordinates are followed by a confidence");
    v("min_confidence", min_confidence, "joints with this confidence or less are missing");
    v("center", center, "take each frame's root position off its joints");
    v("root", root, "joints whose mean is the root; [] = the skeleton's own, or the mean of all joints",
      config::at_least(0));
    v("scale", scale, "unit of the clip: none, radius (root mean square) or pair (distance of two joints)");
    v("scale_pair", scale_pair, "two joints; [] = the skeleton's own, or the radius", config::at_least(0));
    v("velocity", velocity, "append each joint's step since the frame before, not centred, in the unit");
  }
  void validate(config::Checks& checks) const;
};

/// Residual dilated temporal convolutions over all joints of a frame (VideoPose3D, Pavllo et al. 2019): the
/// receptive field is 3^(blocks + 1) frames. Published: 1024 channels, for 1.5 million frames. Unlike there,
/// frames beyond the clip are zeros instead of copies of its first and last one, and missing joints are zeros
/// with a flag.
struct PoseTcnConfig {
  static constexpr const char* kType = "pose_tcn";
  static constexpr const char* kDoc = "joints of a body: dilated temporal convolutions (VideoPose3D)";
  PoseInputConfig pose;
  int64_t channels = 256;
  int64_t blocks = 4;
  bool causal = false;
  double dropout = 0.25;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pose", pose, "coordinates to input");
    v("channels", channels, "channels of every layer", config::at_least(1));
    v("blocks", blocks, "residual blocks; block i has dilation 3^i", config::in_range(0, 8));
    v("causal", causal, "a token sees its frame and those before only");
    v("dropout", dropout, "dropout after every convolution, in [0, 1)", config::half_open(0, 1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
};

/// One layer of an ST-GCN: graph convolution within frames, then a convolution over time.
struct GraphLayer {
  int64_t channels = 64;
  int64_t stride = 1;  ///< in time

  template <class Visitor>
  void visit(Visitor& v) {
    v("channels", channels, "channels of the layer", config::at_least(1));
    v("stride", stride, "stride in time", config::at_least(1));
  }
};

/// Spatio-temporal graph network (ST-GCN, Yan et al. 2018) with the spatial partition of neighbours (the
/// joint itself, those nearer the centre, those farther) and a learned weight on every edge and layer. The
/// defaults are the published ones.
struct StGcnConfig {
  static constexpr const char* kType = "st_gcn";
  static constexpr const char* kDoc =
      "joints of a body, landmarks or mesh of a face: graph network over space and time (ST-GCN)";
  PoseInputConfig pose;
  std::vector<std::vector<int64_t>> edges;
  int64_t graph_center = -1;
  int64_t neighbours = 4;
  std::vector<GraphLayer> layers = {{64, 1},  {64, 1},  {64, 1},  {64, 1},  {128, 2},
                                    {128, 1}, {128, 1}, {256, 2}, {256, 1}, {256, 1}};
  int64_t kernel = 9;
  double dropout = 0.5;
  FramePooling pooling = FramePooling::kMean;
  int64_t attention_hidden = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("pose", pose, "coordinates to input");
    v("edges", edges, "custom: pairs of linked joints, [[0, 1], [1, 2], ...]", config::at_least(0));
    v("graph_center", graph_center, "joint that near and far are measured from; -1 = the skeleton's own",
      config::at_least(-1));
    v("neighbours", neighbours, "nearest: links of each joint", config::at_least(1));
    v("layers", layers, "graph layers; all but the first have a shortcut");
    v("kernel", kernel, "frames of the temporal convolutions, odd", config::at_least(1));
    v("dropout", dropout, "dropout after every layer's temporal convolution, in [0, 1)",
      config::half_open(0, 1));
    v("pooling", pooling, "over frames: mean, mean_std, attention or attention_std");
    v("attention_hidden", attention_hidden, "hidden units of the attention pool", config::at_least(1));
  }
  void validate(config::Checks& checks) const;
};

}  // namespace limbic::nn
