#pragma once
// Skeletons by name and the graphs that ST-GCN makes of them; private to the room.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "limbic/nn/encoders/motion.h"

namespace limbic::nn {

using Edges = std::vector<std::pair<int64_t, int64_t>>;

/// What is known of a skeleton by its name.
struct SkeletonInfo {
  int64_t num_joints = 0;
  Edges edges;
  int64_t center = 0;               ///< where the graph is measured from
  std::vector<int64_t> root;        ///< their mean is the origin; empty = all joints
  std::vector<int64_t> scale_pair;  ///< their distance is the unit; empty = the radius
};

/// Null for kCustom and kNearest, whose joints are the user's.
const SkeletonInfo* skeleton_info(Skeleton skeleton);

constexpr int64_t kGraphPartitions = 3;
/// Yan et al. 2018, spatial configuration: links of joint v to joint w in [k][v][w], k = 0 for w itself and
/// neighbours as far from `center`, 1 for neighbours nearer to it, 2 for those farther. Every w's links share
/// out 1. Joints that no path joins to the centre count as equally far.
/// @return (3, J, J) float32
at::Tensor spatial_partitions(const Edges& edges, int64_t num_joints, int64_t center);

/// Points that are among the `neighbours` nearest of each other, in either direction.
/// @param shape_JD  double, contiguous
Edges nearest_edges(const at::Tensor& shape_JD, int64_t neighbours);
/// The point nearest to the mean of all.
int64_t central_point(const at::Tensor& shape_JD);

}  // namespace limbic::nn
