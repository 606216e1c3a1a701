#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <set>

#include "contrastive/kmeans.h"
#include "limbic/nn/state.h"
#include "support/paths.h"
#include "tiny_training.h"

namespace limbic::objectives {
namespace {

TEST(KMeans, FindsPlantedGroups) {
  core::seed_torch(71);
  const auto truth_N = at::arange(60, at::kLong).remainder(4);
  const auto centre_KD = at::tensor({0.0, 0.0, 5.0, 0.0, 0.0, 5.0, 5.0, 5.0}, at::kDouble).view({4, 2});
  const auto x_ND = centre_KD.index_select(0, truth_N) + 0.2 * at::randn({60, 2}, at::kDouble);
  const auto found = kmeans(x_ND, 4, 50);
  std::set<std::pair<int64_t, int64_t>> pairs;
  for (int64_t n = 0; n < 60; ++n)
    pairs.insert({truth_N[n].item<int64_t>(), found.label_N[n].item<int64_t>()});
  EXPECT_EQ(pairs.size(), 4u);
  for (int64_t k = 0; k < 4; ++k) {
    const auto members = x_ND.index_select(0, (found.label_N == k).nonzero().squeeze(1));
    EXPECT_TRUE(at::allclose(found.centre_KD[k], members.mean(0), 1e-9, 1e-9));
  }
}

TEST(KMeans, NoClusterStaysEmpty) {
  core::seed_torch(72);
  // Three places for five clusters at first sight: seeds coincide and lose their rows.
  const auto x_ND =
      at::arange(30, at::kDouble).remainder(3).unsqueeze(1) * 10.0 + 1e-3 * at::randn({30, 1}, at::kDouble);
  for (int round = 0; round < 10; ++round) {
    const auto found = kmeans(x_ND, 5, 50);
    EXPECT_EQ(at::bincount(found.label_N, {}, 5).gt(0).sum().item<int64_t>(), 5);
  }
}

TEST(KMeans, WhitenedComponentsAreUncorrelatedWithVarianceOne) {
  core::seed_torch(73);
  const auto x_ND = at::randn({200, 4}, at::kDouble).mm(at::randn({4, 4}, at::kDouble)) + 3.0;
  const auto z_ND = whitened_rows(x_ND, 3);
  EXPECT_EQ(z_ND.size(1), 3);
  EXPECT_TRUE(at::allclose(z_ND.norm(2, 1), at::ones({200}, at::kDouble)));
  // Independently: whitened coordinates give x its Mahalanobis length.
  const auto centred = x_ND - x_ND.mean(0);
  const auto covariance = centred.t().mm(centred) / 200.0;
  const auto length = (centred.mm(covariance.inverse()) * centred).sum(1).sqrt();
  const auto all = whitened_rows(x_ND, 9);
  EXPECT_EQ(all.size(1), 4);
  const auto back = all * length.unsqueeze(1);
  EXPECT_TRUE(at::allclose(back.t().mm(back) / 200.0, at::eye(4, at::kDouble), 1e-5, 1e-5));
}

class DeepClusterTest : public testing::Test {
 protected:
  at::Tensor tensor(TinyLearner& learner, const std::string& name) const {
    return nn::state_of(*learner.objectives().as_module()).at("0." + name);
  }
  TinyTraining training_;
};

TEST_F(DeepClusterTest, AssignsEveryStepsAndLearnsTheClusters) {
  TinyLearner learner(training_,
                      read_objectives({"{type: deep_cluster, clusters: 3, every_steps: 4, bank: 20}"}));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(learner.step(), 0.0);
    EXPECT_EQ(learner.terms.count("deep_cluster"), 0u);
  }
  const auto label_M = tensor(learner, "bank.label");
  EXPECT_EQ((label_M >= 0).sum().item<int64_t>(), TinyTraining::kRows);
  EXPECT_EQ(tensor(learner, "head.bias").abs().sum().item<double>(), 0.0);  // made anew
  EXPECT_NEAR(learner.step(), std::log(3.0), 0.2);
  EXPECT_GT(tensor(learner, "head.bias").abs().sum().item<double>(), 0.0);
}

TEST_F(DeepClusterTest, TheBankKnowsSamplesByTheirIdAndForgetsTheOldest) {
  TinyLearner learner(training_,
                      read_objectives({"{type: deep_cluster, clusters: 2, every_steps: 100, bank: 14}"}));
  learner.step();
  learner.step();
  const auto key_M = tensor(learner, "bank.key").clone();
  EXPECT_EQ((key_M >= 0).sum().item<int64_t>(), TinyTraining::kRows);
  for (int i = 0; i < 5; ++i) training_.batch.ids[static_cast<size_t>(i)] += " again";
  learner.step();
  const auto after_M = tensor(learner, "bank.key");
  // Two free places, then the three oldest.
  EXPECT_TRUE((after_M != key_M).nonzero().squeeze(1).equal(at::tensor({0, 1, 2, 12, 13}, at::kLong)));
}

TEST_F(DeepClusterTest, WantsOneEmbedding) {
  EXPECT_EQ(test::error_of(
                [&] {
                  build_objectives(read_objectives({"{type: deep_cluster, modality: each}"}),
                                   training_.context);
                },
                ErrorCode::kConfig),
            "objectives.0: deep_cluster: modality must name one modality, or fused");
}

}  // namespace
}  // namespace limbic::objectives
