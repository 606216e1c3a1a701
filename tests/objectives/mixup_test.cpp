#include "limbic/objectives/mixup.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "limbic/core/rng.h"
#include "limbic/objectives/objective.h"

namespace limbic::objectives {
namespace {

constexpr int64_t kSamples = 8;

/// Sample i holds the value i in all of its real frames and has label i % 3.
affect::Batch numbered_batch() {
  affect::Batch batch;
  const auto number_B = at::arange(kSamples, at::kFloat);
  batch.streams["audio"] = {number_B.view({-1, 1, 1}).expand({kSamples, 4, 2}).clone(),
                            at::ones({kSamples, 4}, at::kBool), at::ones({kSamples}, at::kBool)};
  batch.streams["face"] = {number_B.view({-1, 1, 1, 1, 1}).expand({kSamples, 1, 1, 2, 2}).to(at::kByte),
                           at::ones({kSamples, 1}, at::kBool), at::ones({kSamples}, at::kBool)};
  batch.targets["emotion"] = {at::arange(kSamples).remainder(3), at::ones({kSamples}, at::kBool), {}};
  for (int64_t i = 0; i < kSamples; ++i) batch.ids.push_back(std::to_string(i));
  return batch;
}

TEST(Mixup, InputsAndLabelsShareTheirPartnerAndLambda) {
  core::seed_torch(3);
  auto batch = numbered_batch();
  // The label space is the sample number here, so that a label says who the partner was.
  batch.targets["emotion"].y_B = at::arange(kSamples);
  for (int round = 0; round < 20; ++round) {
    const auto mixed = mixup(batch, 0.3, {{"emotion", kSamples}});
    const auto& soft = mixed.targets.at("emotion").soft_BC;
    const auto want_B = soft.matmul(at::arange(kSamples, at::kFloat));
    EXPECT_TRUE(at::allclose(mixed.streams.at("audio").x.select(2, 0).select(1, 0), want_B, 1e-4, 1e-4));
    EXPECT_TRUE(at::allclose(mixed.streams.at("face").x.flatten(1).select(1, 0), want_B, 1e-4, 1e-4));
    EXPECT_TRUE(at::allclose(soft.sum(1), at::ones({kSamples})));
    // Each sample keeps at least half of its own label.
    EXPECT_GE(soft.diagonal().min().item<float>(), 0.5f - 1e-6f);
  }
}

TEST(Mixup, AFrameThatOnlyOneHasStaysWhole) {
  core::seed_torch(4);
  auto batch = numbered_batch();
  auto& audio = batch.streams["audio"];
  audio.mask_BT.narrow(1, 2, 2).fill_(false);
  audio.mask_BT[0].fill_(true);
  audio.x =
      audio.x.masked_fill(audio.mask_BT.logical_not().unsqueeze(2), std::numeric_limits<float>::quiet_NaN());
  batch.streams["face"].present_B[5] = false;
  batch.targets["emotion"].y_B = at::arange(kSamples);
  const auto mixed = mixup(batch, 1.0, {{"emotion", kSamples}});
  const auto& result = mixed.streams.at("audio");
  EXPECT_TRUE(result.x.isfinite().all().item<bool>());
  const auto& soft = mixed.targets.at("emotion").soft_BC;
  for (int64_t i = 0; i < kSamples; ++i) {
    const bool has_zero = soft[i][0].item<float>() > 0;
    EXPECT_EQ(result.mask_BT[i][3].item<bool>(), has_zero);
    EXPECT_EQ(result.x[i][3][0].item<float>(), 0.0f);  // sample 0's own value, undiluted, or padding
    EXPECT_TRUE(result.mask_BT[i][0].item<bool>());
  }
}

TEST(Mixup, ALabelIsKnownWhenBothAre) {
  core::seed_torch(5);
  auto batch = numbered_batch();
  batch.targets["emotion"].mask_B[2] = false;
  batch.targets["emotion"].y_B[2] = -1;
  batch.targets["other"] = {at::zeros({kSamples}, at::kLong), at::ones({kSamples}, at::kBool), {}};
  const auto mixed = mixup(batch, 1.0, {{"emotion", 3}});
  const auto num_known = mixed.targets.at("emotion").mask_B.sum().item<int64_t>();
  EXPECT_FALSE(mixed.targets.at("emotion").mask_B[2].item<bool>());
  EXPECT_TRUE(num_known == kSamples - 2 || num_known == kSamples - 1);
  // A task whose classes are not known keeps only samples that met themselves.
  EXPECT_LT(mixed.targets.at("other").mask_B.sum().item<int64_t>(), kSamples);
}

TEST(Mixup, IsPartOfTheObjectivesPreparation) {
  SupervisedConfig config;
  const auto counts = ClassCounts{{"emotion", {1, 1, 1}}};
  EXPECT_FALSE(build_objectives({config}, {counts})
                   .front()
                   ->prepare(numbered_batch())
                   .targets.at("emotion")
                   .soft_BC.defined());
  config.mixup = 0.3;
  EXPECT_TRUE(build_objectives({config}, {counts})
                  .front()
                  ->prepare(numbered_batch())
                  .targets.at("emotion")
                  .soft_BC.defined());
}

TEST(Mixup, ViewsWeightsAndLevelsAreMixedWithTheSamples) {
  core::seed_torch(9);
  auto batch = numbered_batch();
  batch.views = {batch.streams};
  auto& targets = batch.targets["emotion"];
  targets.y_B = at::arange(kSamples);
  targets.weight_B = at::arange(kSamples, at::kFloat) / 10.0;
  targets.level_B = at::arange(kSamples).remainder(3);
  targets.withheld_B = at::arange(kSamples);
  const auto mixed = mixup(batch, 1.0, {{"emotion", kSamples}});
  const auto& result = mixed.targets.at("emotion");
  EXPECT_TRUE(mixed.views.at(0).at("audio").x.equal(mixed.streams.at("audio").x));
  EXPECT_TRUE(at::allclose(result.weight_B, result.soft_BC.matmul(targets.weight_B), 1e-5, 1e-6));
  const auto has_BC = result.soft_BC > 0;
  const auto weakest = targets.level_B.expand({kSamples, kSamples}).masked_fill(has_BC.logical_not(), 9);
  EXPECT_TRUE(result.level_B.equal(std::get<0>(weakest.min(1))));
  const auto is_self = has_BC.sum(1) == 1;
  EXPECT_TRUE(result.withheld_B.equal(targets.withheld_B.masked_fill(is_self.logical_not(), -1)));
}

}  // namespace
}  // namespace limbic::objectives
