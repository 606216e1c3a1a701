#include "limbic/nn/head.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "limbic/core/rng.h"
#include "limbic/nn/frame_head.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

using affect::LabelSpace;
using affect::TaskKind;

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

struct HeadCase {
  const char* name;
  LabelSpace task;
  HeadConfig config;
  int64_t num_scores;
};

std::vector<HeadCase> head_cases() {
  const HeadConfig plain{0.0, 0, OutputBound::kNone, false};
  return {
      {"SingleLabel", {"t", {"a", "b", "c"}}, plain, 3},
      {"Hidden", {"t", {"a", "b", "c"}}, {0.2, 6, OutputBound::kNone, false}, 3},
      {"MultiLabel", {"t", {"a"}, {TaskKind::kMultiLabel, {}, 0.0}}, plain, 1},
      {"Ordinal", {"t", {"a", "b", "c", "d"}, {TaskKind::kOrdinal, {}, 0.0}}, plain, 4},
      {"OrdinalOfTwo", {"t", {"a", "b"}, {TaskKind::kOrdinal, {}, 0.0}}, plain, 2},
      {"Continuous", {"t", {"v", "a"}, {TaskKind::kContinuous, {}, 0.0}}, plain, 2},
      {"Tanh",
       {"t", {"v"}, {TaskKind::kContinuous, {1.0, 9.0}, 0.0}},
       {0.0, 0, OutputBound::kTanh, false},
       1},
      {"SigmoidUncertain",
       {"t", {"v", "a"}, {TaskKind::kContinuous, {-3.0, 3.0}, 0.0}},
       {0.0, 5, OutputBound::kSigmoid, true},
       4},
  };
}

class HeadTest : public testing::TestWithParam<HeadCase> {
 protected:
  void SetUp() override {
    core::seed_torch(3);
    head_ = build_head(GetParam().config, 5, GetParam().task);
    head_->as_module()->to(at::kDouble);
    head_->as_module()->eval();
    x_BD_ = at::randn({4, 5}, at::kDouble).set_requires_grad(true);
  }
  at::Tensor main() const { return head_->read(head_->logits(x_BD_)).main(); }
  std::shared_ptr<Head> head_;
  at::Tensor x_BD_;
};

TEST_P(HeadTest, ShapesAreThoseOfItsKind) {
  EXPECT_EQ(head_->num_scores(), GetParam().num_scores);
  EXPECT_EQ(head_->logits(x_BD_).sizes(), (at::IntArrayRef{4, GetParam().num_scores}));
  EXPECT_EQ(main().sizes(), (at::IntArrayRef{4, GetParam().task.num_classes()}));
  const auto reading = head_->read(head_->logits(x_BD_));
  EXPECT_EQ(reading.log_variance_BC.defined(), GetParam().config.uncertainty);
  affect::ModelOutput output;
  reading.put("t", output);
  EXPECT_EQ(output.logits_BC.size() + output.label_logits_BC.size() + output.value_BC.size(), 1u);
  EXPECT_EQ(output.logits_BC.count("t") == 1, GetParam().task.has_classes());
}

TEST_P(HeadTest, GradientsAgreeWithCentralDifferences) {
  auto leaves = head_->as_module()->parameters();
  leaves.push_back(x_BD_);
  const auto weight = at::randn({4, GetParam().task.num_classes()}, at::kDouble);
  const auto loss = [&] {
    const auto reading = head_->read(head_->logits(x_BD_));
    const auto sum = (reading.main() * weight).sum();
    return reading.log_variance_BC.defined() ? sum + (reading.log_variance_BC * weight).sum() : sum;
  };
  EXPECT_LT(test::gradient_error(loss, leaves), 1e-6);
}

TEST_P(HeadTest, StateMakesTheRoundTrip) {
  core::seed_torch(99);
  const auto other = build_head(GetParam().config, 5, GetParam().task);
  other->as_module()->to(at::kDouble);
  other->as_module()->eval();
  load_state(*other->as_module(), state_of(*head_->as_module()));
  EXPECT_TRUE(at::equal(other->read(other->logits(x_BD_)).main(), main()));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HeadTest, testing::ValuesIn(head_cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST(OrdinalHead, ProbabilitiesAreDifferencesOfTheLink) {
  core::seed_torch(4);
  const auto head = build_head({0.0, 0, OutputBound::kNone, false}, 3,
                               {"t", {"a", "b", "c", "d"}, {TaskKind::kOrdinal, {}, 0.0}});
  const auto module = head->as_module();
  module->to(at::kDouble);
  // A score of 0 finds all classes equally likely at first.
  EXPECT_TRUE(at::allclose(head->logits(at::zeros({1, 3}, at::kDouble)).exp(),
                           at::full({1, 4}, 0.25, at::kDouble), 0, 1e-6));
  at::NoGradGuard no_grad;
  const auto x_BD = at::randn({5, 3}, at::kDouble) * 20.0;
  module->named_parameters()["threshold_K"].copy_(at::tensor({-0.4, -3.0, 1.2}, at::kDouble));
  const auto score_B = at::matmul(x_BD, module->named_parameters()["trunk.last.weight"].squeeze(0));
  const double first = -0.4;
  const double second = first + std::log1p(std::exp(-3.0));
  const double third = second + std::log1p(std::exp(1.2));
  const auto log_p_BC = head->logits(x_BD);
  EXPECT_TRUE(at::isfinite(log_p_BC).all().item<bool>());
  for (int64_t b = 0; b < 5; ++b) {
    const double s = score_B[b].item<double>();
    const auto above = [&](double bound) { return 1.0 / (1.0 + std::exp(bound - s)); };
    const double expected[] = {1.0 - above(first), above(first) - above(second), above(second) - above(third),
                               above(third)};
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_NEAR(std::exp(log_p_BC[b][c].item<double>()), expected[c], 1e-12) << b << " " << c;
  }
}

TEST(ContinuousHead, StaysInItsRangeAndStartsInTheMiddle) {
  const LabelSpace task{"t", {"v"}, {TaskKind::kContinuous, {1.0, 9.0}, 0.0}};
  const auto far = at::tensor({-50.0, 0.0, 50.0}, at::kDouble).unsqueeze(1);
  for (const auto bound : {OutputBound::kTanh, OutputBound::kSigmoid}) {
    const auto head = build_head({0.0, 0, bound, false}, 2, task);
    EXPECT_TRUE(at::allclose(head->read(far).value_BC.squeeze(1), at::tensor({1.0, 5.0, 9.0}, at::kDouble)));
  }
  const auto open = build_head({0.0, 0, OutputBound::kNone, true}, 2, task);
  const auto reading = open->read(at::tensor({0.5, 0.0}, at::kDouble).unsqueeze(0));
  EXPECT_DOUBLE_EQ(reading.value_BC.item<double>(), 7.0);
  EXPECT_DOUBLE_EQ(reading.log_variance_BC.item<double>(), std::log(16.0));
}

TEST(BuildHead, RefusesWhatItsTaskHasNoUseFor) {
  const auto error = [](HeadConfig config, const affect::TaskTraits& traits) {
    return test::error_of([&] { build_head(config, 3, {"mood", {"a", "b"}, traits}); }, ErrorCode::kConfig);
  };
  EXPECT_NE(
      error({0, 0, OutputBound::kTanh, false}, {TaskKind::kContinuous, {}, 0.0}).find("heads.mood.bound"),
      std::string::npos);
  EXPECT_NE(
      error({0, 0, OutputBound::kNone, true}, {TaskKind::kOrdinal, {}, 0.0}).find("heads.mood.uncertainty"),
      std::string::npos);
}

class FrameHeadTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(8);
    const HeadConfig config{0.0, 4, OutputBound::kTanh, true};
    const LabelSpace task{"trace", {"v", "a"}, {TaskKind::kContinuous, {-1.0, 1.0}, 4.0}};
    head_ = build_frame_head(config, {{"audio", 9, 3}, {"face", 9, 2}}, 5, task);
    head_->as_module()->to(at::kDouble);
    input_.modalities = {{at::randn({2, 6, 3}, at::kDouble), at::ones({2, 6}, at::kBool), {}},
                         {at::randn({2, 3, 2}, at::kDouble), at::ones({2, 3}, at::kBool), {}}};
    input_.modalities[0].mask_BT[1].slice(0, 4) = false;
    input_.present_BM = torch::tensor({true, true, true, false}).view({2, 2});
    clocks_ = {{at::tensor({0.0, 0.25}, at::kDouble), at::tensor({8.0, 8.0}, at::kDouble), 2.0},
               {at::zeros({2}, at::kDouble), at::tensor({2.0, 2.0}, at::kDouble), 1.0}};
    context_BD_ = at::randn({2, 5}, at::kDouble);
  }
  FrameReading read(int64_t num_rows = 7) { return head_->forward(input_, clocks_, context_BD_, num_rows); }
  std::shared_ptr<FrameHead> head_;
  FusionInput input_;
  std::vector<TokenClock> clocks_;
  at::Tensor context_BD_;
};

TEST_F(FrameHeadTest, TokensAreReadBetweenTheirTimes) {
  for (size_t m = 0; m < 2; ++m) {
    const auto& features = input_.modalities[m];
    const auto& clock = clocks_[m];
    const auto found = resample_tokens(features, clock, 4.0, 9);
    for (int64_t b = 0; b < 2; ++b) {
      const double start = clock.start_s_B[b].item<double>();
      const double rate = clock.rate_hz_B[b].item<double>();
      for (int64_t t = 0; t < 9; ++t) {
        // Distance to every real token, in tokens; the two within one share by nearness.
        at::Tensor sum = at::zeros({features.tokens_BTD.size(2)}, at::kDouble);
        double weight = 0;
        for (int64_t j = 0; j < features.tokens_BTD.size(1); ++j) {
          const double time =
              start +
              (static_cast<double>(j) * clock.frames_per_token + 0.5 * (clock.frames_per_token - 1)) / rate;
          const double distance =
              std::abs(static_cast<double>(t) / 4.0 - time) * rate / clock.frames_per_token;
          if (distance >= 1 || !features.mask_BT[b][j].item<bool>()) continue;
          sum += (1 - distance) * features.tokens_BTD[b][j];
          weight += 1 - distance;
        }
        const bool is_covered = weight >= 0.5 - 1e-9;
        EXPECT_EQ(found.covered_BT[b][t].item<bool>(), is_covered) << m << " " << b << " " << t;
        const auto expected = is_covered ? sum / weight : at::zeros_like(sum);
        EXPECT_TRUE(at::allclose(found.x_BTD[b][t], expected)) << m << " " << b << " " << t;
      }
    }
  }
}

TEST_F(FrameHeadTest, AStillHoldsThroughout) {
  clocks_[1].rate_hz_B.zero_();
  const auto found = resample_tokens(input_.modalities[1], clocks_[1], 4.0, 9);
  EXPECT_TRUE(found.covered_BT.all().item<bool>());
  EXPECT_TRUE(at::equal(found.x_BTD.select(1, 8), input_.modalities[1].tokens_BTD.select(1, 0)));
}

TEST_F(FrameHeadTest, AbsentModalitiesAndPaddingHaveNoInfluence) {
  const auto before = read();
  EXPECT_EQ(before.value_BTC.sizes(), (at::IntArrayRef{2, 7, 2}));
  EXPECT_LE(before.value_BTC.abs().max().item<double>(), 1.0);
  input_.modalities[1].tokens_BTD[1] = kNoNumber;
  input_.modalities[0].tokens_BTD[1].slice(0, 4) = kNoNumber;
  for (auto& features : input_.modalities) {
    auto shape = features.tokens_BTD.sizes().vec();
    shape[1] = 2;
    features.tokens_BTD = at::cat({features.tokens_BTD, at::full(shape, kNoNumber, at::kDouble)}, 1);
    features.mask_BT = at::cat({features.mask_BT, at::zeros({2, 2}, at::kBool)}, 1);
  }
  const auto after = read(9);
  EXPECT_TRUE(at::equal(after.value_BTC.slice(1, 0, 7), before.value_BTC));
  EXPECT_TRUE(at::equal(after.covered_BT.slice(1, 0, 7), before.covered_BT));
  EXPECT_TRUE(at::isfinite(after.log_variance_BTC).all().item<bool>());
}

TEST_F(FrameHeadTest, GradientsAgreeWithCentralDifferences) {
  auto leaves = head_->as_module()->parameters();
  input_.modalities[0].tokens_BTD.set_requires_grad(true);
  leaves.push_back(input_.modalities[0].tokens_BTD);
  const auto weight = at::randn({2, 7, 2}, at::kDouble);
  const auto loss = [&] {
    const auto reading = read();
    return ((reading.value_BTC + reading.log_variance_BTC) * weight).sum();
  };
  EXPECT_LT(test::gradient_error(loss, leaves), 1e-6);
}

}  // namespace
}  // namespace limbic::nn
