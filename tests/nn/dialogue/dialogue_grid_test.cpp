#include "limbic/nn/dialogue_grid.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace limbic::nn {
namespace {

TEST(DialogueGrid, LaysRowsOutByDialogueAndTurn) {
  const affect::DialogueRows rows{torch::tensor({7, 4, 7, 7}), torch::tensor({5, 0, 1, 9}),
                                  torch::tensor({11, 3, 12, 11})};
  const auto grid = make_dialogue_grid(rows, 4, at::kCPU);
  EXPECT_EQ(grid.num_dialogues(), 2);
  EXPECT_EQ(grid.num_turns(), 3);
  EXPECT_TRUE(grid.row_DU.equal(torch::tensor({{2, 0, 3}, {1, 0, 0}})));
  EXPECT_TRUE(grid.mask_DU.equal(torch::tensor({{true, true, true}, {true, false, false}})));
  EXPECT_TRUE(grid.speaker_DU.equal(torch::tensor({{0, 1, 1}, {0, -1, -1}})));
  const auto x_B = torch::tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}, {7.0, 8.0}});
  const auto x_DU = grid.to_grid(x_B);
  EXPECT_TRUE(x_DU[0].equal(torch::tensor({{5.0, 6.0}, {1.0, 2.0}, {7.0, 8.0}})));
  EXPECT_EQ(x_DU[1].slice(0, 1).abs().sum().item<double>(), 0.0);
  EXPECT_TRUE(grid.to_rows(x_DU).equal(x_B));
}

TEST(DialogueGrid, WithoutDialoguesEveryRowIsOneOfItsOwn) {
  const auto grid = make_dialogue_grid({}, 3, at::kCPU);
  EXPECT_EQ(grid.num_dialogues(), 3);
  EXPECT_EQ(grid.num_turns(), 1);
  EXPECT_TRUE(grid.mask_DU.all().item<bool>());
  EXPECT_TRUE(grid.to_rows(grid.to_grid(at::arange(3))).equal(at::arange(3)));
}

TEST(DialogueGrid, AnUnknownSpeakerStaysUnknown) {
  const auto grid = make_dialogue_grid({torch::tensor({0, 0}), torch::tensor({0, 1}), torch::tensor({-1, 4})},
                                       2, at::kCPU);
  EXPECT_TRUE(grid.speaker_DU.equal(torch::tensor({{-1, 0}})));
}

}  // namespace
}  // namespace limbic::nn
