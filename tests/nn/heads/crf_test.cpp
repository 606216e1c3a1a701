#include "limbic/nn/crf.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"

namespace limbic::nn {
namespace {

constexpr int64_t kCrfClasses = 3;

/// Every labelling of the turns that are there, with its score: what the recursions must agree with.
struct Labellings {
  Labellings(const at::Tensor& emission_UC, const at::Tensor& mask_U, const at::Tensor& table_SC) {
    std::vector<int64_t> turns;
    for (int64_t u = 0; u < mask_U.numel(); ++u) {
      if (mask_U[u].item<bool>()) turns.push_back(u);
    }
    int64_t count = 1;
    for (size_t i = 0; i < turns.size(); ++i) count *= kCrfClasses;
    for (int64_t code = 0; code < count; ++code) {
      std::vector<int64_t> path(static_cast<size_t>(mask_U.numel()), -1);
      int64_t rest = code;
      double sum = 0.0;
      int64_t before = kCrfClasses;  // the row of first turns
      for (const int64_t u : turns) {
        const int64_t c = rest % kCrfClasses;
        rest /= kCrfClasses;
        sum += table_SC[before][c].item<double>() + emission_UC[u][c].item<double>();
        before = c;
        path[static_cast<size_t>(u)] = c;
      }
      if (!turns.empty()) sum += table_SC[kCrfClasses + 1][before].item<double>();
      paths.push_back(path);
      score.push_back(sum);
    }
  }
  /// Log-sum over the paths for which `wants` holds.
  template <class Wants>
  double log_sum(const Wants& wants) const {
    double sum = 0.0;
    for (size_t i = 0; i < paths.size(); ++i) {
      if (wants(paths[i])) sum += std::exp(score[i]);
    }
    return std::log(sum);
  }

  std::vector<std::vector<int64_t>> paths;
  std::vector<double> score;
};

class CrfTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(41);
    emission_DUC_ = at::randn({4, 4, kCrfClasses}, at::kDouble) * 2.0;
    table_SC_ = at::randn({kCrfClasses + 2, kCrfClasses}, at::kDouble);
  }
  Labellings labellings(int64_t d) const { return {emission_DUC_[d], mask_DU_[d], table_SC_}; }
  at::Tensor spoilt() const {
    return emission_DUC_.masked_fill(mask_DU_.logical_not().unsqueeze(2),
                                     std::numeric_limits<double>::quiet_NaN());
  }

  at::Tensor emission_DUC_, table_SC_;
  /// Whole, short, with a gap, and one turn.
  at::Tensor mask_DU_ = torch::tensor({{true, true, true, true},
                                       {true, true, false, false},
                                       {false, true, false, true},
                                       {true, false, false, false}});
};

TEST_F(CrfTest, ThePartitionIsTheSumOverAllLabellings) {
  const auto partition_D = crf_log_partition(spoilt(), mask_DU_, table_SC_);
  for (int64_t d = 0; d < 4; ++d) {
    const double want = labellings(d).log_sum([](const std::vector<int64_t>&) { return true; });
    EXPECT_NEAR(partition_D[d].item<double>(), want, 1e-9) << d;
  }
}

TEST_F(CrfTest, TheLikelihoodSumsOutUnknownLabels) {
  const auto label_DU = torch::tensor({{2, 0, 1, 1}, {1, -1, 0, 0}, {0, -1, 2, 2}, {-1, 0, 0, 0}}, at::kLong);
  const auto log_p_D = crf_log_likelihood(spoilt(), label_DU, mask_DU_, table_SC_);
  for (int64_t d = 0; d < 4; ++d) {
    const auto all = labellings(d);
    const auto agrees = [&](const std::vector<int64_t>& path) {
      for (int64_t u = 0; u < 4; ++u) {
        const auto label = label_DU[d][u].item<int64_t>();
        if (path[static_cast<size_t>(u)] >= 0 && label >= 0 && path[static_cast<size_t>(u)] != label)
          return false;
      }
      return true;
    };
    const double want = all.log_sum(agrees) - all.log_sum([](const std::vector<int64_t>&) { return true; });
    EXPECT_NEAR(log_p_D[d].item<double>(), want, 1e-9) << d;
  }
  EXPECT_EQ(log_p_D[3].item<double>(), 0.0);
}

TEST_F(CrfTest, MarginalsAreThoseOfAllLabellings) {
  const auto marginal_DUC = crf_log_marginals(spoilt(), mask_DU_, table_SC_);
  for (int64_t d = 0; d < 4; ++d) {
    const auto all = labellings(d);
    const double partition = all.log_sum([](const std::vector<int64_t>&) { return true; });
    for (int64_t u = 0; u < 4; ++u) {
      for (int64_t c = 0; c < kCrfClasses; ++c) {
        const double want = mask_DU_[d][u].item<bool>() ? all.log_sum([&](const std::vector<int64_t>& path) {
          return path[static_cast<size_t>(u)] == c;
        }) - partition
                                                        : 0.0;
        EXPECT_NEAR(marginal_DUC[d][u][c].item<double>(), want, 1e-9);
      }
    }
  }
}

TEST_F(CrfTest, TheBestPathHasTheHighestScore) {
  const auto path_DU = crf_best_path(spoilt(), mask_DU_, table_SC_);
  for (int64_t d = 0; d < 4; ++d) {
    const auto all = labellings(d);
    size_t best = 0;
    for (size_t i = 0; i < all.score.size(); ++i) {
      if (all.score[i] > all.score[best]) best = i;
    }
    for (int64_t u = 0; u < 4; ++u) {
      EXPECT_EQ(path_DU[d][u].item<int64_t>(), all.paths[best][static_cast<size_t>(u)]) << d << " " << u;
    }
  }
}

TEST_F(CrfTest, AnEmptyDialogueScoresZero) {
  const auto nothing_DU = at::zeros_like(mask_DU_);
  EXPECT_EQ(crf_log_partition(spoilt(), nothing_DU, table_SC_).abs().max().item<double>(), 0.0);
  EXPECT_EQ(crf_log_marginals(spoilt(), nothing_DU, table_SC_).abs().max().item<double>(), 0.0);
  EXPECT_TRUE(crf_best_path(spoilt(), nothing_DU, table_SC_).eq(-1).all().item<bool>());
}

TEST_F(CrfTest, GradientsAgreeWithCentralDifferences) {
  const auto label_DU = torch::tensor({{2, 0, 1, 1}, {1, -1, 0, 0}, {0, -1, 2, 2}, {-1, 0, 0, 0}}, at::kLong);
  const auto emission = spoilt().set_requires_grad(true);
  const auto table = table_SC_.clone().set_requires_grad(true);
  const auto weight = at::randn({4, 4, kCrfClasses}, at::kDouble);
  const auto likelihood = [&] { return crf_log_likelihood(emission, label_DU, mask_DU_, table).sum(); };
  // Central differences around NaN are NaN, so only where turns are.
  const auto real = emission_DUC_.clone().set_requires_grad(true);
  EXPECT_LT(test::gradient_error([&] { return crf_log_likelihood(real, label_DU, mask_DU_, table).sum(); },
                                 {real, table}, 1e-6, 48),
            1e-6);
  EXPECT_LT(test::gradient_error([&] { return (crf_log_marginals(real, mask_DU_, table) * weight).sum(); },
                                 {real, table}, 1e-6, 48),
            1e-6);
  likelihood().backward();
  EXPECT_TRUE(emission.grad().isfinite().all().item<bool>());
  EXPECT_EQ(emission.grad().masked_select(~mask_DU_.unsqueeze(2)).abs().max().item<double>(), 0.0);
}

TEST_F(CrfTest, FloatsStayFiniteWhereScoresAreLarge) {
  const auto emission = (emission_DUC_ * 1e4).to(at::kFloat).set_requires_grad(true);
  const auto label_DU = at::zeros({4, 4}, at::kLong);
  const auto log_p_D = crf_log_likelihood(emission, label_DU, mask_DU_, table_SC_.to(at::kFloat));
  EXPECT_TRUE(log_p_D.isfinite().all().item<bool>());
  EXPECT_TRUE((log_p_D <= 0).all().item<bool>());
  log_p_D.sum().backward();
  EXPECT_TRUE(emission.grad().isfinite().all().item<bool>());
}

TEST_F(CrfTest, TheLayerIsTransparentInTrainingAndReadsTheDialogueInEvaluation) {
  const auto layer = build_crf_layer(kCrfClasses);
  const auto longs = at::TensorOptions(at::kLong);
  // Rows 2, 0 are one dialogue in that order; row 1 is alone.
  const affect::DialogueRows rows = {at::tensor({5, 6, 5}, longs), at::tensor({1, 0, 0}, longs),
                                     at::tensor({0, 0, 0}, longs)};
  const auto grid = make_dialogue_grid(rows, 3, at::kCPU);
  const auto emission_BC = at::randn({3, kCrfClasses});
  EXPECT_TRUE(at::equal(layer->logits(emission_BC, grid), emission_BC));
  layer->as_module()->eval();
  // A table of zeros: every turn by itself.
  EXPECT_TRUE(at::allclose(layer->logits(emission_BC, grid), emission_BC.log_softmax(1), 1e-5, 1e-6));
  load_state(*layer->as_module(), {{"table", table_SC_.to(at::kFloat)}});
  const auto log_p_BC = layer->logits(emission_BC, grid);
  const auto dialogue = at::stack({emission_BC[2], emission_BC[0]}).unsqueeze(0);
  const auto want = crf_log_marginals(dialogue, at::ones({1, 2}, at::kBool), table_SC_.to(at::kFloat))[0];
  EXPECT_TRUE(at::allclose(log_p_BC[2], want[0], 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(log_p_BC[0], want[1], 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(log_p_BC.exp().sum(1), at::ones({3}), 1e-5, 1e-6));
  const auto copied = layer->as_module()->clone();
  EXPECT_TRUE(at::equal(state_of(*copied).at("table"), layer->table_SC()));
}

}  // namespace
}  // namespace limbic::nn
