#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "encoders_motion/pose_input.h"
#include "encoders_motion/skeleton.h"
#include "limbic/core/rng.h"
#include "limbic/nn/encoder.h"
#include "limbic/nn/state.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Three joints in the plane, two frames: 0 is the root, 1 and 2 are the scale pair.
PoseInputConfig plane_config() {
  PoseInputConfig config;
  config.dimensions = 2;
  config.root = {0};
  config.scale_pair = {1, 2};
  return config;
}
at::Tensor plane_pose() {
  return at::tensor(std::vector<float>{10, 20, 13, 20, 10, 24, /**/ 11, 20, 14, 20, 11, 24}).view({1, 2, 6});
}
const auto kTwoFrames = at::ones({1, 2}, at::kBool);

TEST(PoseInput, CentresOnTheRootAndDividesByThePair) {
  auto config = plane_config();
  config.velocity = true;
  const PoseInput input(config, {{6}}, "pose_tcn");
  ASSERT_EQ(input.num_joints(), 3);
  ASSERT_EQ(input.channels(), 5);
  const auto out = input.read(plane_pose(), kTwoFrames, at::kFloat);
  // The pair is 5 apart; everything moves by 1 in x.
  const auto want = at::tensor(std::vector<float>{0, 0, 0,    0, 1, 0.6f, 0, 0,    0, 1, 0, 0.8f, 0,    0, 1,
                                                  0, 0, 0.2f, 0, 1, 0.6f, 0, 0.2f, 0, 1, 0, 0.8f, 0.2f, 0, 1})
                        .view({1, 2, 3, 5});
  EXPECT_TRUE(at::allclose(out.x_BTJC, want)) << out.x_BTJC;
}

TEST(PoseInput, PlaceAndSizeOfTheBodyCancel) {
  core::seed_torch(3);
  for (const auto scale : {PoseScale::kPair, PoseScale::kRadius}) {
    auto config = plane_config();
    config.scale = scale;
    config.velocity = true;
    const PoseInput input(config, {{6}}, "pose_tcn");
    const auto x = at::randn({2, 7, 6});
    const auto mask = at::ones({2, 7}, at::kBool);
    EXPECT_TRUE(at::allclose(input.read(x, mask, at::kFloat).x_BTJC,
                             input.read(x * 3.0 - 5.0, mask, at::kFloat).x_BTJC, 1e-4, 1e-5));
  }
}

TEST(PoseInput, WithoutCentringTheRadiusIsStillAroundTheMean) {
  auto config = plane_config();
  config.center = false;
  config.scale = PoseScale::kRadius;
  const PoseInput input(config, {{6}}, "pose_tcn");
  const auto x = plane_pose();
  const auto joints_ND = x.view({6, 2});
  const auto radius = (joints_ND - joints_ND.mean(0)).pow(2).mean().sqrt();
  const auto out = input.read(x, kTwoFrames, at::kFloat).x_BTJC.narrow(3, 0, 2);
  EXPECT_TRUE(at::allclose(out.flatten(2), x / radius));
}

TEST(PoseInput, MissingJointsAreZerosAndChangeNothingElse) {
  const PoseInput input(plane_config(), {{6}}, "pose_tcn");
  const auto whole = input.read(plane_pose(), kTwoFrames, at::kFloat);
  auto x = plane_pose();
  x[0][1][4] = kNan;  // joint 2 in the second frame
  const auto out = input.read(x, kTwoFrames, at::kFloat);
  EXPECT_EQ(out.x_BTJC[0][1][2].abs().sum().item<float>(), 0.0f);
  EXPECT_TRUE(at::allclose(out.x_BTJC[0][0], whole.x_BTJC[0][0]));
  EXPECT_TRUE(at::allclose(out.x_BTJC[0][1].narrow(0, 0, 2), whole.x_BTJC[0][1].narrow(0, 0, 2)));
  // Without its root a frame has no origin.
  x[0][1][0] = std::numeric_limits<float>::infinity();
  const auto rootless = input.read(x, kTwoFrames, at::kFloat);
  EXPECT_TRUE(at::equal(rootless.mask_BT, at::tensor({1, 0}).to(at::kBool).view({1, 2})));
  EXPECT_EQ(rootless.x_BTJC[0][1].abs().sum().item<float>(), 0.0f);
}

TEST(PoseInput, JointsWithTooLittleConfidenceAreMissing) {
  auto config = plane_config();
  config.confidence = true;
  config.min_confidence = 0.3;
  const PoseInput input(config, {{9}}, "st_gcn");
  auto x = at::cat({plane_pose().view({1, 2, 3, 2}), at::full({1, 2, 3, 1}, 0.9)}, 3);
  x[0][0][1][2] = 0.3;
  const auto before = input.read(x.flatten(2), kTwoFrames, at::kFloat).x_BTJC;
  EXPECT_EQ(before[0][0][1].abs().sum().item<float>(), 0.0f);
  EXPECT_NEAR(before[0][1][1][2].item<float>(), 0.9f, 1e-6f);
  x[0][0][1][0] = 1e6;
  EXPECT_TRUE(at::equal(input.read(x.flatten(2), kTwoFrames, at::kFloat).x_BTJC, before));
}

TEST(PoseTcn, ACausalTokenDoesNotSeeTheFuture) {
  for (const bool causal : {true, false}) {
    PoseTcnConfig config;
    config.pose.scale = PoseScale::kNone;  // the unit is the clip's, the future included
    config.channels = 4;
    config.blocks = 2;
    config.causal = causal;
    const auto encoder = build_encoder(config, {{9}});
    encoder->as_module()->eval();
    auto x = at::randn({1, 12, 9});
    const auto mask = at::ones({1, 12}, at::kBool);
    const auto before = encoder->encode(x, mask).tokens_BTD;
    x.narrow(1, 8, 4).mul_(-2.0);
    const auto after = encoder->encode(x, mask).tokens_BTD;
    EXPECT_EQ(at::equal(before.narrow(1, 0, 8), after.narrow(1, 0, 8)), causal);
  }
}

TEST(Skeletons, AreConnectedWholeAndNameTheirJoints) {
  for (const auto& named : enum_names(Skeleton{})) {
    const auto* info = skeleton_info(named.first);
    if (info == nullptr) continue;
    // Powers of the graph reach every joint from the centre.
    const auto links_JJ = spatial_partitions(info->edges, info->num_joints, info->center).sum(0);
    auto reached_J = links_JJ.select(0, info->center) > 0;
    for (int64_t i = 0; i < info->num_joints; ++i)
      reached_J = at::matmul(reached_J.to(at::kFloat), links_JJ) > 0;
    EXPECT_TRUE(reached_J.all().item<bool>()) << named.second;
    for (const auto* joints : {&info->root, &info->scale_pair})
      for (const int64_t joint : *joints) EXPECT_LT(joint, info->num_joints) << named.second;
  }
}

TEST(SpatialPartitions, SortNeighboursByTheirWayToTheCentreAndShareOutOne) {
  // A square 0-1-2-3 with the centre at 0 and 4, which nothing links.
  const auto links_KJJ = spatial_partitions({{0, 1}, {1, 2}, {2, 3}, {3, 0}, {1, 3}}, 5, 0);
  EXPECT_TRUE(at::allclose(links_KJJ.sum(0).sum(0), at::ones({5})));
  const auto partition = [&](int64_t from, int64_t to) {
    for (int64_t k = 0; k < kGraphPartitions; ++k)
      if (links_KJJ[k][from][to].item<float>() > 0) return k;
    return int64_t{-1};
  };
  EXPECT_EQ(partition(1, 1), 0);
  EXPECT_EQ(partition(3, 1), 0);  // as far
  EXPECT_EQ(partition(0, 1), 1);  // nearer
  EXPECT_EQ(partition(2, 1), 2);  // farther
  EXPECT_EQ(partition(0, 2), -1);
  EXPECT_EQ(partition(4, 4), 0);
  EXPECT_NEAR(links_KJJ[1][0][1].item<float>(), 0.25f, 1e-7f);
}

TEST(StGcn, NearestLinksComeFromTheMeanShapeAndTravelWithTheState) {
  StGcnConfig config;
  config.pose.skeleton = Skeleton::kNearest;
  config.pose.dimensions = 2;
  config.neighbours = 1;
  config.layers = {{4, 1}};
  const auto encoder = build_encoder(config, {{8}});
  ASSERT_TRUE(encoder->wants_input_statistics());
  // Two pairs, far from each other.
  encoder->set_input_statistics({0, 0, 1, 0, 9, 0, 9, 2}, std::vector<double>(8, 1.0));
  const auto state = state_of(*encoder->as_module());
  const auto linked_JJ = state.at("links").sum(0) > 0;
  const auto want = at::tensor({1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1}).view({4, 4}).to(at::kBool);
  EXPECT_TRUE(at::equal(linked_JJ, want)) << linked_JJ;
  const auto other = build_encoder(config, {{8}});
  load_state(*other->as_module(), state);
  EXPECT_TRUE(at::equal(state_of(*other->as_module()).at("links"), state.at("links")));
}

TEST(BuildEncoder, SaysWhichJointsItMisses) {
  StGcnConfig coco;
  coco.pose.skeleton = Skeleton::kCoco;
  EXPECT_EQ(
      test::error_of([&] { build_encoder(coco, {{34}}); }, ErrorCode::kConfig),
      "encoder 'st_gcn': a frame has 34 values, which are not joints of 3 each; see pose.dimensions and "
      "pose.confidence");
  EXPECT_EQ(test::error_of([&] { build_encoder(coco, {{33}}); }, ErrorCode::kConfig),
            "encoder 'st_gcn': this skeleton has 17 joints, but a frame has 11 of 3 values");
  PoseTcnConfig pose;
  pose.pose.root = {7};
  EXPECT_EQ(test::error_of([&] { build_encoder(pose, {{9}}); }, ErrorCode::kConfig),
            "encoder 'pose_tcn': joint 7 of pose.root or pose.scale_pair; a frame has 3 joints, 0 to 2");
}

}  // namespace
}  // namespace limbic::nn
