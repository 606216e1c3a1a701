#include "limbic/eval/degrade.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/paths.h"

namespace limbic::eval {
namespace {

affect::Batch batch_of_two() {
  affect::Batch batch;
  batch.ids = {"a", "b", "c", "d"};
  batch.streams["eda"] = {at::zeros({4, 500, 2}), at::ones({4, 500}, at::kBool), at::ones({4}, at::kBool)};
  batch.streams["face"] = {at::full({4, 3, 1, 8, 8}, 250, at::kByte), at::ones({4, 3}, at::kBool),
                           at::ones({4}, at::kBool)};
  return batch;
}

Degradation degradation(DegradationKind kind, double level, std::set<std::string> modalities) {
  return {kind, level, std::move(modalities), {{"eda", {1.0, 3.0}}, {"face", {40.0}}}, 5};
}

TEST(Degradation, AddsNoiseInUnitsOfEachFeature) {
  auto batch = batch_of_two();
  Degrader(degradation(DegradationKind::kNoise, 0.5, {"eda", "face"}))(batch);
  const auto std_F = batch.streams["eda"].x.flatten(0, 1).std(0);
  EXPECT_NEAR(std_F[0].item<double>(), 0.5, 0.03);
  EXPECT_NEAR(std_F[1].item<double>(), 1.5, 0.09);
  const auto& face = batch.streams["face"].x;
  EXPECT_EQ(face.scalar_type(), at::kByte);
  EXPECT_EQ(face.max().item<int64_t>(), 255);  // cut off, not wrapped round
  EXPECT_LT(face.min().item<int64_t>(), 230);
  EXPECT_GT(face.min().item<int64_t>(), 130);
}

TEST(Degradation, LeavesTheOtherModalitiesAndLevelZeroAlone) {
  auto batch = batch_of_two();
  Degrader(degradation(DegradationKind::kNoise, 0.0, {"eda"}))(batch);
  EXPECT_EQ(batch.streams["eda"].x.abs().max().item<float>(), 0.0F);
  Degrader(degradation(DegradationKind::kDrop, 1.0, {"eda"}))(batch);
  EXPECT_TRUE(at::equal(batch.streams["face"].x, batch_of_two().streams["face"].x));
  EXPECT_TRUE(batch.streams["face"].mask_BT.all().item<bool>());
  EXPECT_FALSE(batch.streams["eda"].present_B.any().item<bool>());
}

TEST(Degradation, LosesMoreFramesAtAHigherLevelAndTheSameOnesBesides) {
  at::Tensor before = at::ones({4, 500}, at::kBool);
  for (const double level : {0.2, 0.5, 0.9}) {
    auto batch = batch_of_two();
    Degrader(degradation(DegradationKind::kDrop, level, {"eda"}))(batch);
    const auto& mask_BT = batch.streams["eda"].mask_BT;
    EXPECT_NEAR(mask_BT.to(at::kFloat).mean().item<double>(), 1 - level, 0.04);
    EXPECT_TRUE(mask_BT.logical_and(before.logical_not()).logical_not().all().item<bool>());
    before = mask_BT;
  }
}

TEST(Degradation, DrawsAnewForEveryBatchAndTheSameForASeed) {
  const auto degrade_two = [](uint64_t seed) {
    auto how = degradation(DegradationKind::kNoise, 1, {"eda"});
    how.seed = seed;
    Degrader degrader(how);
    auto first = batch_of_two();
    auto second = batch_of_two();
    degrader(first);
    degrader(second);
    return std::make_pair(first.streams["eda"].x, second.streams["eda"].x);
  };
  const auto [first, second] = degrade_two(5);
  EXPECT_FALSE(at::equal(first, second));
  EXPECT_TRUE(at::equal(degrade_two(5).second, second));
  EXPECT_FALSE(at::equal(degrade_two(6).first, first));
  test::error_of([] { Degrader(degradation(DegradationKind::kDrop, 1.1, {})); }, ErrorCode::kConfig);
  test::error_of([] { Degrader(degradation(DegradationKind::kNoise, -1, {})); }, ErrorCode::kConfig);
}

}  // namespace
}  // namespace limbic::eval
