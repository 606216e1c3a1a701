#include "encoders_motion/skeleton.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <numeric>

namespace limbic::nn {
namespace {

/// Points first, first + 1, ... last, each linked to the next; closed: the last to the first.
void add_chain(Edges& edges, int64_t first, int64_t last, bool is_closed = false) {
  for (int64_t i = first; i < last; ++i) edges.emplace_back(i, i + 1);
  if (is_closed) edges.emplace_back(last, first);
}

SkeletonInfo coco() {
  return {17,
          {{15, 13},
           {13, 11},
           {16, 14},
           {14, 12},
           {11, 5},
           {12, 6},
           {9, 7},
           {7, 5},
           {10, 8},
           {8, 6},
           {5, 0},
           {6, 0},
           {1, 0},
           {3, 1},
           {2, 0},
           {4, 2}},
          0,
          {11, 12},
          {5, 6}};
}

/// MediaPipe's own links; the face, the mouth and the body, apart there, hang on the nose.
SkeletonInfo mediapipe_pose() {
  return {33,
          {{0, 1},   {1, 2},   {2, 3},   {3, 7},   {0, 4},   {4, 5},   {5, 6},   {6, 8},   {9, 10},  {11, 12},
           {11, 13}, {13, 15}, {15, 17}, {15, 19}, {15, 21}, {17, 19}, {12, 14}, {14, 16}, {16, 18}, {16, 20},
           {16, 22}, {18, 20}, {11, 23}, {12, 24}, {23, 24}, {23, 25}, {24, 26}, {25, 27}, {26, 28}, {27, 29},
           {28, 30}, {29, 31}, {30, 32}, {27, 31}, {28, 32}, {0, 9},   {0, 10},  {0, 11},  {0, 12}},
          0,
          {23, 24},
          {11, 12}};
}

SkeletonInfo openpose_body25() {
  return {25,
          {{1, 8},  {1, 2},   {1, 5},   {2, 3},   {3, 4},   {5, 6},   {6, 7},   {8, 9},
           {9, 10}, {10, 11}, {8, 12},  {12, 13}, {13, 14}, {1, 0},   {0, 15},  {15, 17},
           {0, 16}, {16, 18}, {14, 19}, {19, 20}, {14, 21}, {11, 22}, {22, 23}, {11, 24}},
          1,
          {8},
          {2, 5}};
}

/// The contours of the 68 points, joined where they are nearest: brows to jaw and nose, eyes to nose, nose to
/// lips, lips to chin.
SkeletonInfo dlib68() {
  SkeletonInfo info;
  info.num_joints = 68;
  add_chain(info.edges, 0, 16);   // jaw
  add_chain(info.edges, 17, 21);  // brows
  add_chain(info.edges, 22, 26);
  add_chain(info.edges, 27, 30);  // nose
  add_chain(info.edges, 31, 35);
  add_chain(info.edges, 36, 41, true);  // eyes
  add_chain(info.edges, 42, 47, true);
  add_chain(info.edges, 48, 59, true);  // lips
  add_chain(info.edges, 60, 67, true);
  const Edges between = {{0, 17},  {16, 26}, {21, 27}, {22, 27}, {27, 39}, {27, 42},
                         {30, 33}, {33, 51}, {57, 8},  {48, 60}, {54, 64}};
  info.edges.insert(info.edges.end(), between.begin(), between.end());
  info.center = 30;
  info.scale_pair = {36, 45};
  return info;
}

/// Links between each joint and `center`; unreachable joints have the largest value.
std::vector<int64_t> hops_from(const std::vector<std::vector<int64_t>>& neighbours, int64_t center) {
  std::vector<int64_t> hops(neighbours.size(), std::numeric_limits<int64_t>::max());
  std::deque<int64_t> next = {center};
  hops[static_cast<size_t>(center)] = 0;
  while (!next.empty()) {
    const auto joint = static_cast<size_t>(next.front());
    next.pop_front();
    for (const int64_t other : neighbours[joint]) {
      if (hops[static_cast<size_t>(other)] <= hops[joint] + 1) continue;
      hops[static_cast<size_t>(other)] = hops[joint] + 1;
      next.push_back(other);
    }
  }
  return hops;
}

}  // namespace

const SkeletonInfo* skeleton_info(Skeleton skeleton) {
  static const SkeletonInfo kCoco = coco();
  static const SkeletonInfo kMediapipePose = mediapipe_pose();
  static const SkeletonInfo kOpenposeBody25 = openpose_body25();
  static const SkeletonInfo kDlib68 = dlib68();
  switch (skeleton) {
    case Skeleton::kCoco:
      return &kCoco;
    case Skeleton::kMediapipePose:
      return &kMediapipePose;
    case Skeleton::kOpenposeBody25:
      return &kOpenposeBody25;
    case Skeleton::kDlib68:
      return &kDlib68;
    case Skeleton::kCustom:
    case Skeleton::kNearest:
      break;
  }
  return nullptr;
}

at::Tensor spatial_partitions(const Edges& edges, int64_t num_joints, int64_t center) {
  // With every joint its own neighbour, and no link twice.
  std::vector<std::vector<int64_t>> neighbours(static_cast<size_t>(num_joints));
  for (int64_t j = 0; j < num_joints; ++j) neighbours[static_cast<size_t>(j)].push_back(j);
  const auto link = [&](int64_t from, int64_t to) {
    auto& of = neighbours[static_cast<size_t>(from)];
    if (std::find(of.begin(), of.end(), to) == of.end()) of.push_back(to);
  };
  for (const auto& edge : edges) {
    link(edge.first, edge.second);
    link(edge.second, edge.first);
  }
  const auto hops = hops_from(neighbours, center);
  auto links_KJJ = at::zeros({kGraphPartitions, num_joints, num_joints});
  auto links = links_KJJ.accessor<float, 3>();
  for (int64_t to = 0; to < num_joints; ++to) {
    const auto& of = neighbours[static_cast<size_t>(to)];
    for (const int64_t from : of) {
      const int64_t near = hops[static_cast<size_t>(from)];
      const int64_t own = hops[static_cast<size_t>(to)];
      const int64_t partition = near == own ? 0 : near < own ? 1 : 2;
      links[partition][from][to] = 1.0f / static_cast<float>(of.size());
    }
  }
  return links_KJJ;
}

Edges nearest_edges(const at::Tensor& shape_JD, int64_t neighbours) {
  const auto distance_JJ = at::cdist(shape_JD, shape_JD);
  const int64_t num_joints = shape_JD.size(0);
  const int64_t kept = std::min(neighbours, num_joints - 1);
  const auto* distance = distance_JJ.data_ptr<double>();
  Edges edges;
  std::vector<int64_t> order(static_cast<size_t>(num_joints));
  for (int64_t j = 0; j < num_joints; ++j) {
    const double* row = distance + j * num_joints;
    std::iota(order.begin(), order.end(), int64_t{0});
    // Equally near: the lower number first, so that the graph does not depend on the library.
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return std::pair(a != j, row[a]) < std::pair(b != j, row[b]);
    });
    for (int64_t i = 1; i <= kept; ++i) edges.emplace_back(j, order[static_cast<size_t>(i)]);
  }
  return edges;
}

int64_t central_point(const at::Tensor& shape_JD) {
  return (shape_JD - shape_JD.mean(0)).pow(2).sum(1).argmin().item<int64_t>();
}

}  // namespace limbic::nn
