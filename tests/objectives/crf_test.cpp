#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>

#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/nn/crf.h"
#include "limbic/objectives/objective.h"
#include "support/gradcheck.h"

namespace limbic::objectives {
namespace {

const ClassCounts kEmotionCounts = {{"emotion", {3, 3, 3}}};

class CrfObjectiveTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(51);
    CrfConfig config;
    config.weight = 0.5;
    objective_ = build_objective(config, {kEmotionCounts});
    const auto longs = at::TensorOptions(at::kLong);
    emission_BC_ = at::randn({4, 3}, at::kDouble).set_requires_grad(true);
    table_SC_ = at::randn({5, 3}, at::kDouble).set_requires_grad(true);
    output_.crf["emotion"] = {emission_BC_, table_SC_};
    // Rows 3, 0, 2 are a dialogue in that order, row 1 is alone; the label of row 0 is unknown.
    batch_.dialogues = {at::tensor({8, 4, 8, 8}, longs), at::tensor({1, 0, 5, 0}, longs),
                        at::tensor({0, 0, 1, 1}, longs)};
    batch_.targets["emotion"] = {at::tensor({0, 2, 1, 2}, longs), torch::tensor({false, true, true, true})};
  }

  std::unique_ptr<Objective> objective_;
  affect::Batch batch_;
  affect::ModelOutput output_;
  at::Tensor emission_BC_, table_SC_;
};

TEST_F(CrfObjectiveTest, IsTheLikelihoodOfWholeDialoguesPerKnownTurn) {
  const auto loss = objective_->compute({batch_, output_});
  // By hand: all labellings (2, c, 1) of the long dialogue, as a share of all.
  const auto& e = emission_BC_;
  const auto& s = table_SC_;
  const auto path = [&](int64_t a, int64_t b, int64_t c) {
    return (s[3][a] + e[3][a] + s[a][b] + e[0][b] + s[b][c] + e[2][c] + s[4][c]).exp();
  };
  auto agreeing = at::zeros({}, at::kDouble);
  auto all = at::zeros({}, at::kDouble);
  for (int64_t a = 0; a < 3; ++a) {
    for (int64_t b = 0; b < 3; ++b) {
      for (int64_t c = 0; c < 3; ++c) {
        all = all + path(a, b, c);
        if (a == 2 && c == 1) agreeing = agreeing + path(a, b, c);
      }
    }
  }
  const auto alone = (s[3] + e[1] + s[4]).log_softmax(0)[2];
  const double want = -((agreeing / all).log() + alone).item<double>() / 3.0;
  EXPECT_NEAR(loss.terms.at("emotion.crf").item<double>(), want, 1e-9);
  EXPECT_NEAR(loss.total.item<double>(), 0.5 * want, 1e-9);
}

TEST_F(CrfObjectiveTest, WithoutDialoguesAndTransitionsItIsCrossEntropy) {
  batch_.dialogues = {};
  output_.crf["emotion"].table_SC = at::zeros({5, 3}, at::kDouble);
  const auto log_p_BC = emission_BC_.log_softmax(1);
  const auto want = -(log_p_BC[1][2] + log_p_BC[2][1] + log_p_BC[3][2]) / 3.0;
  EXPECT_NEAR(objective_->compute({batch_, output_}).terms.at("emotion.crf").item<double>(),
              want.item<double>(), 1e-9);
}

TEST_F(CrfObjectiveTest, GradientsAgreeWithCentralDifferences) {
  EXPECT_LT(test::gradient_error(
                [&] {
                  return objective_->compute({batch_, output_}).total;
                },
                {emission_BC_, table_SC_}, 1e-6, 15),
            1e-6);
}

TEST_F(CrfObjectiveTest, WithoutLabelsItIsAZeroWithGradient) {
  batch_.targets["emotion"].mask_B.fill_(false);
  for (int i = 0; i < 2; ++i) {
    const auto loss = objective_->compute({batch_, output_});
    EXPECT_EQ(loss.total.item<double>(), 0.0);
    EXPECT_TRUE(loss.total.requires_grad());
    batch_.targets.clear();
  }
}

TEST_F(CrfObjectiveTest, AHeadWithoutACrfIsNamed) {
  output_.crf.clear();
  try {
    objective_->compute({batch_, output_});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("set model.heads.emotion.crf: true"), std::string::npos);
  }
}

}  // namespace
}  // namespace limbic::objectives
