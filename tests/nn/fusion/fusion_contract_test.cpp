// The rules of nn/fusion.h, for every fusion of fusion_cases.h.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "fusion/fusion_cases.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"

namespace limbic::nn {
namespace {

constexpr int64_t kRows = 6;
constexpr int64_t kFusionClasses = 3;
const double kNotANumber = std::numeric_limits<double>::quiet_NaN();

std::vector<FusionCase> all_fusion_cases() {
  std::vector<FusionCase> cases;
  for (const auto& list : {embedding_fusion_cases(), token_fusion_cases(), dialogue_fusion_cases()})
    cases.insert(cases.end(), list.begin(), list.end());
  return cases;
}

/// Two dialogues of which the turns are mixed (rows 0, 2, 4 and 1, 3), and row 5 on its own.
affect::DialogueRows two_dialogues() {
  const auto longs = at::TensorOptions(at::kLong);
  return {at::tensor({7, 2, 7, 2, 7, 9}, longs), at::tensor({3, 0, 1, 4, 2, 0}, longs),
          at::tensor({0, 5, 1, 6, 0, -1}, longs)};
}

class FusionContract : public testing::TestWithParam<FusionCase> {
 protected:
  void SetUp() override {
    core::seed_torch(11);
    fusion_ = fresh();
    // Learned constants begin at zero: random ones show a wrong use of them.
    at::NoGradGuard no_grad;
    for (auto& parameter : fusion_->as_module()->parameters())
      parameter.add_(at::randn_like(parameter) * 0.1);
  }

  static std::shared_ptr<Fusion> fresh() { return build_fusion(GetParam().config, GetParam().modalities); }
  static int64_t num_modalities() { return static_cast<int64_t>(GetParam().modalities.size()); }

  /// The room's way to copy: build, load the state. Calls of a copy leave the original's buffers alone.
  std::shared_ptr<Fusion> copy_of(Fusion& fusion) const {
    auto copied = fresh();
    const auto dtype = fusion.as_module()->parameters().front().scalar_type();
    copied->as_module()->to(dtype);
    load_state(*copied->as_module(), state_of(*fusion.as_module()));
    copied->as_module()->train(fusion.as_module()->is_training());
    return copied;
  }
  /// The result of a copy in the given mode. Seeded, should a loss draw its negatives.
  FusionOutput run(const FusionInput& input, bool is_training) const {
    const auto copied = copy_of(*fusion_);
    copied->as_module()->train(is_training);
    core::seed_torch(12);
    auto fed = input;
    if (!is_training) fed.label_B = at::Tensor();
    return copied->fuse(fed);
  }

  /// Rows 0 and 5 have everything, row 1 all but the last modality, row 2 only the last, rows 3 and 4
  /// nothing.
  static at::Tensor some_present() {
    auto present_BM = at::ones({kRows, num_modalities()}, at::kBool);
    const int64_t last = num_modalities() - 1;
    if (last > 0) present_BM[1][last] = false;
    present_BM[2].narrow(0, 0, last).fill_(false);
    present_BM.narrow(0, 3, 2).fill_(false);
    return present_BM;
  }

  static FusionInput make_input(const at::Tensor& present_BM, const affect::DialogueRows& dialogues = {},
                                at::ScalarType dtype = at::kFloat) {
    const int64_t batch_size = present_BM.size(0);
    FusionInput input;
    for (int64_t m = 0; m < num_modalities(); ++m) {
      const auto& shape = GetParam().modalities[static_cast<size_t>(m)];
      const int64_t num_tokens = 3 + m;
      const auto length_B1 = (at::arange(batch_size) + m).remainder(num_tokens).add(1).unsqueeze(1);
      input.modalities.push_back({at::randn({batch_size, num_tokens, shape.token_width}, dtype),
                                  at::arange(num_tokens).unsqueeze(0) < length_B1,
                                  at::randn({batch_size, shape.width}, dtype)});
    }
    input.grid = make_dialogue_grid(dialogues, batch_size, at::kCPU);
    input.label_B = at::arange(batch_size).remainder(kFusionClasses);
    input.label_B[batch_size - 1] = batch_size > 1 ? -1 : 0;
    set_present(input, present_BM);
    return input;
  }
  /// Absent modalities have no real tokens.
  static void set_present(FusionInput& input, const at::Tensor& present_BM) {
    input.present_BM = present_BM;
    for (int64_t m = 0; m < num_modalities(); ++m) {
      auto& mask_BT = input.modalities[static_cast<size_t>(m)].mask_BT;
      mask_BT = mask_BT.logical_and(present_BM.narrow(1, m, 1));
    }
  }
  /// The same with NaN wherever nothing is real.
  static FusionInput spoilt(const FusionInput& input) {
    auto result = input;
    for (int64_t m = 0; m < num_modalities(); ++m) {
      auto& features = result.modalities[static_cast<size_t>(m)];
      features.tokens_BTD =
          features.tokens_BTD.masked_fill(features.mask_BT.logical_not().unsqueeze(2), kNotANumber);
      features.embedding_BD =
          features.embedding_BD.masked_fill(input.present_BM.narrow(1, m, 1).logical_not(), kNotANumber);
    }
    return result;
  }
  static FusionInput with_longer_padding(const FusionInput& input) {
    auto result = input;
    for (auto& features : result.modalities) {
      auto shape = features.tokens_BTD.sizes().vec();
      shape[1] = 4;
      features.tokens_BTD =
          at::cat({features.tokens_BTD, at::full(shape, kNotANumber, features.tokens_BTD.options())}, 1);
      features.mask_BT = at::cat({features.mask_BT, at::zeros({shape[0], 4}, at::kBool)}, 1);
    }
    return result;
  }
  static FusionInput rows_of(const FusionInput& input, const at::Tensor& index_N,
                             const affect::DialogueRows& dialogues) {
    FusionInput result;
    for (const auto& features : input.modalities) {
      result.modalities.push_back({features.tokens_BTD.index_select(0, index_N),
                                   features.mask_BT.index_select(0, index_N),
                                   features.embedding_BD.index_select(0, index_N)});
    }
    result.present_BM = input.present_BM.index_select(0, index_N);
    result.label_B = input.label_B.index_select(0, index_N);
    auto rows = dialogues;
    if (rows.is_defined()) {
      rows = {rows.dialogue_B.index_select(0, index_N), rows.turn_B.index_select(0, index_N),
              rows.speaker_B.index_select(0, index_N)};
    }
    result.grid = make_dialogue_grid(rows, index_N.numel(), at::kCPU);
    return result;
  }

  /// What a loss may read: every output of every row, mixed by fixed weights.
  static at::Tensor scalar_of(const FusionOutput& output) {
    const auto mixed = [](const at::Tensor& x) {
      return (x * at::arange(x.numel(), x.options()).view_as(x).add(1.0).sin()).sum();
    };
    auto sum = mixed(output.fused_BD);
    for (const auto& embedding : output.embedding_BD) sum = sum + mixed(embedding);
    for (const auto& [name, loss] : output.losses) sum = sum + loss;
    return sum;
  }
  static void expect_same(const FusionOutput& a, const FusionOutput& b, double tolerance) {
    EXPECT_LT((a.fused_BD - b.fused_BD).abs().max().item<double>(), tolerance);
    ASSERT_EQ(a.embedding_BD.size(), b.embedding_BD.size());
    for (size_t m = 0; m < a.embedding_BD.size(); ++m) {
      EXPECT_LT((a.embedding_BD[m] - b.embedding_BD[m]).abs().max().item<double>(), tolerance) << m;
    }
    ASSERT_EQ(a.weight_BM.defined(), b.weight_BM.defined());
    if (a.weight_BM.defined()) {
      EXPECT_LT((a.weight_BM - b.weight_BM).abs().max().item<double>(), tolerance);
    }
    ASSERT_EQ(a.losses.size(), b.losses.size());
    for (const auto& [name, loss] : a.losses) {
      EXPECT_NEAR(loss.item<double>(), b.losses.at(name).item<double>(), tolerance) << name;
    }
  }

  std::shared_ptr<Fusion> fusion_;
};

TEST_P(FusionContract, ShapesAreAsPromised) {
  for (const bool is_training : {true, false}) {
    const auto output = run(make_input(some_present()), is_training);
    EXPECT_EQ(output.fused_BD.sizes(), (at::IntArrayRef{kRows, fusion_->width()}));
    EXPECT_TRUE(output.fused_BD.isfinite().all().item<bool>());
    const auto widths = fusion_->embedding_widths();
    ASSERT_EQ(output.embedding_BD.size(), widths.size());
    EXPECT_TRUE(widths.empty() || static_cast<int64_t>(widths.size()) == num_modalities());
    for (size_t m = 0; m < widths.size(); ++m) {
      EXPECT_EQ(output.embedding_BD[m].sizes(), (at::IntArrayRef{kRows, widths[m]}));
      EXPECT_TRUE(output.embedding_BD[m].isfinite().all().item<bool>());
    }
  }
}

TEST_P(FusionContract, WhatIsAbsentOrPaddedHasNoInfluenceForwardsOrBackwards) {
  for (const auto& dialogues : {affect::DialogueRows{}, two_dialogues()}) {
    const auto input = make_input(some_present(), dialogues);
    const auto bad = spoilt(input);
    for (const bool is_training : {true, false})
      expect_same(run(input, is_training), run(bad, is_training), 1e-6);
    auto leaves = bad;
    for (auto& features : leaves.modalities) {
      features.tokens_BTD = features.tokens_BTD.clone().set_requires_grad(true);
      features.embedding_BD = features.embedding_BD.clone().set_requires_grad(true);
    }
    fusion_->as_module()->train();
    const auto trained = copy_of(*fusion_);
    scalar_of(trained->fuse(leaves)).backward();
    for (size_t m = 0; m < leaves.modalities.size(); ++m) {
      const auto& features = leaves.modalities[m];
      if (features.tokens_BTD.grad().defined()) {
        EXPECT_TRUE(features.tokens_BTD.grad().isfinite().all().item<bool>());
        EXPECT_EQ(features.tokens_BTD.grad()
                      .masked_select(~features.mask_BT.unsqueeze(2))
                      .count_nonzero()
                      .item<int64_t>(),
                  0);
      }
      if (features.embedding_BD.grad().defined()) {
        EXPECT_TRUE(features.embedding_BD.grad().isfinite().all().item<bool>());
        const auto absent_B1 = leaves.present_BM.narrow(1, static_cast<int64_t>(m), 1).logical_not();
        EXPECT_EQ(features.embedding_BD.grad().masked_select(absent_B1).count_nonzero().item<int64_t>(), 0);
      }
    }
    for (const auto& parameter : trained->as_module()->named_parameters()) {
      if (!parameter.value().grad().defined()) continue;
      EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
    }
  }
}

TEST_P(FusionContract, APresentModalityHasInfluence) {
  const auto input = make_input(at::ones({kRows, num_modalities()}, at::kBool));
  const auto before = run(input, false).fused_BD;
  for (size_t m = 0; m < input.modalities.size(); ++m) {
    auto changed = input;
    changed.modalities[m].tokens_BTD = changed.modalities[m].tokens_BTD + 1.0;
    changed.modalities[m].embedding_BD = changed.modalities[m].embedding_BD + 1.0;
    EXPECT_GT((run(changed, false).fused_BD - before).abs().max().item<float>(), 1e-4f) << m;
  }
}

TEST_P(FusionContract, PaddingTokensFurtherChangesNothing) {
  for (const auto& dialogues : {affect::DialogueRows{}, two_dialogues()}) {
    const auto input = make_input(some_present(), dialogues);
    const auto longer = with_longer_padding(input);
    for (const bool is_training : {true, false}) {
      expect_same(run(input, is_training), run(longer, is_training), 1e-5);
    }
  }
}

TEST_P(FusionContract, RowsWithNothingAreFiniteAndEqual) {
  const auto input = make_input(some_present());
  for (const bool is_training : {true, false}) {
    const auto output = run(input, is_training);
    EXPECT_LT((output.fused_BD[3] - output.fused_BD[4]).abs().max().item<float>(), 1e-6f);
    // The same as in a batch where nothing is present at all.
    if (is_training) continue;
    const auto nothing = run(make_input(at::zeros({2, num_modalities()}, at::kBool)), false);
    EXPECT_LT((output.fused_BD[3] - nothing.fused_BD[1]).abs().max().item<float>(), 1e-6f);
  }
}

TEST_P(FusionContract, RowsOutsideDialoguesAreIndependent) {
  const auto input = make_input(some_present());
  const auto together = run(input, false);
  for (int64_t b = 0; b < kRows; ++b) {
    const auto alone = run(rows_of(input, at::full({1}, b, at::kLong), {}), false);
    EXPECT_LT((together.fused_BD[b] - alone.fused_BD[0]).abs().max().item<float>(), 1e-5f) << b;
  }
}

TEST_P(FusionContract, RowsReadEachOtherOnlyAlongTheirDialogue) {
  const auto dialogues = two_dialogues();
  const auto input = make_input(some_present(), dialogues);
  const auto whole = run(input, false);
  for (const auto& rows :
       {at::tensor({0, 2, 4}, at::kLong), at::tensor({1, 3}, at::kLong), at::tensor({5}, at::kLong)}) {
    const auto part = run(rows_of(input, rows, dialogues), false);
    EXPECT_LT((whole.fused_BD.index_select(0, rows) - part.fused_BD).abs().max().item<float>(), 1e-5f);
  }
  // A row on its own in a batch with dialogues is a row on its own.
  const auto alone = run(rows_of(input, at::tensor({5}, at::kLong), {}), false);
  EXPECT_LT((whole.fused_BD[5] - alone.fused_BD[0]).abs().max().item<float>(), 1e-5f);
}

TEST_P(FusionContract, TheOrderOfRowsInTheBatchDoesNotMatter) {
  const auto dialogues = two_dialogues();
  const auto input = make_input(some_present(), dialogues);
  const auto order = at::tensor({4, 1, 5, 0, 3, 2}, at::kLong);
  const auto moved = run(rows_of(input, order, dialogues), false);
  EXPECT_LT((run(input, false).fused_BD.index_select(0, order) - moved.fused_BD).abs().max().item<float>(),
            1e-5f);
}

TEST_P(FusionContract, GradientsAgreeWithCentralDifferences) {
  const auto module = fusion_->as_module();
  module->to(at::kDouble);
  auto input = make_input(some_present(), two_dialogues(), at::kDouble);
  auto leaves = module->parameters();
  for (auto& features : input.modalities) {
    leaves.push_back(features.tokens_BTD.set_requires_grad(true));
    leaves.push_back(features.embedding_BD.set_requires_grad(true));
  }
  std::vector<at::Tensor> buffers;
  for (const auto& buffer : module->buffers()) buffers.push_back(buffer.clone());
  for (const bool is_training : {true, false}) {
    module->train(is_training);
    const auto loss = [&] {
      auto now = module->buffers();  // a call in training may move them
      for (size_t i = 0; i < now.size(); ++i) now[i].copy_(buffers[i]);
      core::seed_torch(12);
      auto fed = input;
      if (!is_training) fed.label_B = at::Tensor();
      auto output = fusion_->fuse(fed);
      for (const auto& name : GetParam().stopped_losses) output.losses.erase(name);
      return scalar_of(output);
    };
    EXPECT_LT(test::gradient_error(loss, leaves, 1e-6, 3), 1e-5) << is_training;
  }
}

TEST_P(FusionContract, ANewFusionWithItsStateIsACopy) {
  // A few calls in training move the buffers (running statistics, memories), which a copy must carry too.
  fusion_->as_module()->train();
  for (int i = 0; i < 3; ++i) fusion_->fuse(make_input(some_present()));
  const auto input = make_input(some_present(), two_dialogues());
  const auto copied = copy_of(*fusion_);
  for (const bool is_training : {true, false}) {
    fusion_->as_module()->train(is_training);
    copied->as_module()->train(is_training);
    core::seed_torch(12);
    const auto first = fusion_->fuse(input);
    core::seed_torch(12);
    expect_same(first, copied->fuse(input), 1e-12);
  }
  for (const auto& [name, tensor] : state_of(*fusion_->as_module())) {
    EXPECT_TRUE(at::equal(tensor, state_of(*copied->as_module()).at(name))) << name;
  }
}

TEST_P(FusionContract, WeightsAreConvexOverThePresent) {
  const auto present_BM = some_present();
  const auto weight_BM = run(make_input(present_BM), false).weight_BM;
  if (!weight_BM.defined()) return;  // reports none
  ASSERT_EQ(weight_BM.sizes(), present_BM.sizes());
  EXPECT_TRUE((weight_BM >= 0).all().item<bool>());
  EXPECT_EQ(weight_BM.masked_select(~present_BM).count_nonzero().item<int64_t>(), 0);
  EXPECT_TRUE(at::allclose(weight_BM.sum(1), present_BM.any(1).to(at::kFloat), 1e-5, 1e-6));
}

TEST_P(FusionContract, LossesAreFiniteScalarsOfTrainingOnly) {
  const auto everything = at::ones({1, num_modalities()}, at::kBool);
  for (const auto& present_BM : {some_present(), everything, at::zeros_like(everything)}) {
    const auto input = make_input(present_BM);
    EXPECT_TRUE(run(input, false).losses.empty());
    fusion_->as_module()->train();
    auto& fusion = *fusion_;
    // Twice: what a memory holds after the first call counts in the second.
    for (int call = 0; call < 2; ++call) {
      fusion.as_module()->zero_grad();
      const auto output = fusion.fuse(input);
      for (const auto& [name, loss] : output.losses) {
        EXPECT_EQ(loss.dim(), 0) << name;
        EXPECT_TRUE(std::isfinite(loss.item<float>())) << name;
      }
      scalar_of(output).backward();
      for (const auto& parameter : fusion.as_module()->named_parameters()) {
        if (!parameter.value().grad().defined()) continue;
        EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
      }
    }
    // Labels are for losses only.
    auto unlabelled = input;
    unlabelled.label_B = at::Tensor();
    EXPECT_TRUE(at::equal(run(input, true).fused_BD, run(unlabelled, true).fused_BD));
  }
}

INSTANTIATE_TEST_SUITE_P(Fusions, FusionContract, testing::ValuesIn(all_fusion_cases()),
                         [](const testing::TestParamInfo<FusionCase>& tested) { return tested.param.name; });

}  // namespace
}  // namespace limbic::nn
