#include "limbic/nn/state.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include "limbic/nn/head.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

class StateTest : public testing::Test {
 protected:
  State copied_state() const {
    State state;
    for (const auto& [name, tensor] : state_of(*head_->as_module())) state[name] = tensor.clone();
    return state;
  }
  std::shared_ptr<Head> head_ = build_head(HeadConfig{}, 4, {"t", {"a", "b", "c"}});
};

TEST_F(StateTest, NamesParametersAndSharesTheirMemory) {
  const auto state = state_of(*head_->as_module());
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state.at("last.weight").sizes(), (at::IntArrayRef{3, 4}));
  state.at("last.bias").fill_(7.0);
  EXPECT_EQ(head_->as_module()->named_parameters()["last.bias"][0].item<float>(), 7.0f);
  EXPECT_EQ(num_parameters(*head_->as_module()), 15);
}

TEST_F(StateTest, AWrongShapeIsRefusedAndNothingChanges) {
  const auto before = copied_state();
  auto state = copied_state();
  state["last.bias"].fill_(9.0);
  state["last.weight"] = at::zeros({3, 5});
  EXPECT_EQ(test::error_of([&] { load_state(*head_->as_module(), state); }, ErrorCode::kModel),
            "the weights do not fit the model (1 of 2 tensors): last.weight: have Float [3, 5], want Float "
            "[3, 4]; was "
            "the model built from the same config?");
  for (const auto& [name, tensor] : state_of(*head_->as_module()))
    EXPECT_TRUE(at::equal(tensor, before.at(name)));
}

TEST_F(StateTest, WrongTypesMissingAndForeignNamesAreAllNamed) {
  auto state = copied_state();
  state["last.bias"] = at::zeros({3}, at::kDouble);
  state["last.wieght"] = state.at("last.weight");
  state.erase("last.weight");
  const auto text = test::error_of([&] { load_state(*head_->as_module(), state); }, ErrorCode::kModel);
  EXPECT_NE(text.find("(3 of 2 tensors)"), std::string::npos) << text;
  EXPECT_NE(text.find("last.bias: have Double [3], want Float [3]"), std::string::npos) << text;
  EXPECT_NE(text.find("last.weight: have nothing, want Float [3, 4]"), std::string::npos) << text;
  EXPECT_NE(text.find("last.wieght: have Float [3, 4], want nothing"), std::string::npos) << text;
}

TEST_F(StateTest, ALongListOfMismatchesIsCut) {
  auto state = copied_state();
  for (int i = 0; i < 9; ++i) state["extra" + std::to_string(i)] = at::zeros({1});
  const auto text = test::error_of([&] { load_state(*head_->as_module(), state); }, ErrorCode::kModel);
  EXPECT_NE(text.find("extra4"), std::string::npos) << text;
  EXPECT_EQ(text.find("extra5"), std::string::npos) << text;
  EXPECT_NE(text.find("; ...;"), std::string::npos) << text;
}

}  // namespace
}  // namespace limbic::nn
