// Contexts by themselves. How turns may influence each other: fusion_dialogue/dialogue_rules_test.cpp.
#include "limbic/nn/context.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <limits>
#include <map>

#include "dialogue/context_cases.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "limbic/nn/temporal.h"
#include "support/gradcheck.h"

namespace limbic::nn {
namespace {

constexpr int64_t kTurnWidth = 4;

/// Five turns of three speakers, one of them unknown, and two turns of another dialogue.
DialogueGrid example_grid() {
  return make_dialogue_grid({at::tensor({1, 1, 1, 1, 1, 2, 2}, at::kLong), at::arange(7, at::kLong),
                             at::tensor({30, 10, -1, 30, 20, 10, 10}, at::kLong)},
                            7, at::kCPU);
}

std::shared_ptr<DialogueContext> noisy_context(const ContextConfig& config) {
  auto context = build_context(config, kTurnWidth);
  context->as_module()->to(at::kDouble);
  at::NoGradGuard no_grad;
  for (auto& parameter : context->as_module()->parameters()) parameter.add_(at::randn_like(parameter) * 0.3);
  return context;
}

class ContextTest : public testing::TestWithParam<ContextCase> {
 protected:
  void SetUp() override {
    core::seed_torch(61);
    context_ = noisy_context(GetParam().config);
  }
  std::shared_ptr<DialogueContext> context_;
  DialogueGrid grid_ = example_grid();
  at::Tensor x_DUW_ = grid_.to_grid(at::randn({7, kTurnWidth}, at::kDouble));
};

TEST_P(ContextTest, TurnsThatAreNotThereComeOutZeroWhateverTheyHold) {
  const auto absent_DU1 = grid_.mask_DU.logical_not().unsqueeze(2);
  const auto before = context_->forward(x_DUW_, grid_);
  EXPECT_EQ(before.sizes(), (at::IntArrayRef{2, 5, context_->width()}));
  auto bad = x_DUW_.masked_fill(absent_DU1, std::numeric_limits<double>::quiet_NaN()).set_requires_grad(true);
  const auto after = context_->forward(bad, grid_);
  EXPECT_TRUE(at::equal(before, after));
  EXPECT_EQ(after.masked_select(absent_DU1).count_nonzero().item<int64_t>(), 0);
  after.square().sum().backward();
  EXPECT_TRUE(bad.grad().isfinite().all().item<bool>());
  EXPECT_EQ(bad.grad().masked_select(absent_DU1).count_nonzero().item<int64_t>(), 0);
}

TEST_P(ContextTest, GradientsAgreeWithCentralDifferences) {
  auto leaves = context_->as_module()->parameters();
  leaves.push_back(x_DUW_.set_requires_grad(true));
  const auto weight = at::randn({2, 5, context_->width()}, at::kDouble);
  EXPECT_LT(test::gradient_error([&] { return (context_->forward(x_DUW_, grid_) * weight).sum(); }, leaves,
                                 1e-6, 4),
            1e-5);
}

TEST_P(ContextTest, ANewContextWithItsStateIsACopy) {
  auto copied = build_context(GetParam().config, kTurnWidth);
  copied->as_module()->to(at::kDouble);
  load_state(*copied->as_module(), state_of(*context_->as_module()));
  EXPECT_TRUE(at::equal(copied->forward(x_DUW_, grid_), context_->forward(x_DUW_, grid_)));
}

INSTANTIATE_TEST_SUITE_P(Contexts, ContextTest, testing::ValuesIn(context_cases()),
                         [](const testing::TestParamInfo<ContextCase>& tested) { return tested.param.name; });

/// DialogueRNN as its paper writes it: one dialogue, one turn and one speaker at a time.
class NaiveDialogueRnn {
 public:
  NaiveDialogueRnn(const torch::nn::Module& module, const DialogueRnnConfig& config)
      : state_(state_of(module)), config_(config) {}

  /// @param x_UW  the turns in the order of reading
  /// @return (U, emotion_width) in the same order
  at::Tensor read(const at::Tensor& x_UW, const std::vector<int64_t>& speakers, const std::string& name) {
    const auto zeros = [](int64_t width) { return at::zeros({1, width}, at::kDouble); };
    std::map<int64_t, at::Tensor> party;
    for (const int64_t speaker : speakers) party.emplace(speaker, zeros(config_.party_width));
    std::vector<at::Tensor> history;
    auto global = zeros(config_.global_width);
    auto emotion = zeros(config_.emotion_width);
    std::vector<at::Tensor> emotions;
    for (size_t u = 0; u < speakers.size(); ++u) {
      const auto turn = x_UW[static_cast<int64_t>(u)].unsqueeze(0);
      global = cell(at::cat({turn, party[speakers[u]]}, 1), global, name + ".global");
      auto context = zeros(config_.global_width);
      if (!history.empty()) {
        const auto past = at::cat(history);
        const auto& w = state_.at(name + ".attention.weight");
        const auto score = config_.attention == HistoryAttention::kGeneral ? past.matmul(w.matmul(turn.t()))
                                                                           : past.matmul(w.t());
        context = score.softmax(0).t().matmul(past);
      }
      history.push_back(global);
      const auto spoken = cell(at::cat({turn, context}, 1), party[speakers[u]], name + ".party");
      if (config_.listener) {
        for (auto& [speaker, state] : party)
          state = cell(at::cat({turn, spoken}, 1), state, name + ".listener");
      }
      party[speakers[u]] = spoken;
      emotion = cell(spoken, emotion, name + ".emotion");
      emotions.push_back(emotion);
    }
    return at::cat(emotions);
  }

  at::Tensor whole(const at::Tensor& x_UW, std::vector<int64_t> speakers) {
    auto emotion = read(x_UW, speakers, "forward");
    if (config_.bidirectional) {
      std::reverse(speakers.begin(), speakers.end());
      emotion = at::cat({emotion, read(x_UW.flip(0), speakers, "backward").flip(0)}, 1);
    }
    if (config_.emotion_attention) {
      const auto& w = state_.at("attention.weight");
      std::vector<at::Tensor> attended;
      for (int64_t u = 0; u < emotion.size(0); ++u) {
        const auto seen = config_.bidirectional ? emotion : emotion.narrow(0, 0, u + 1);
        attended.push_back(seen.matmul(w.matmul(emotion[u])).softmax(0).matmul(seen));
      }
      emotion = at::stack(attended);
    }
    if (config_.hidden == 0) return emotion;
    return (emotion.matmul(state_.at("hidden.weight").t()) + state_.at("hidden.bias")).relu();
  }

 private:
  at::Tensor cell(const at::Tensor& x, const at::Tensor& h, const std::string& name) const {
    return at::gru_cell(x, h, state_.at(name + ".cell.weight_ih"), state_.at(name + ".cell.weight_hh"),
                        state_.at(name + ".cell.bias_ih"), state_.at(name + ".cell.bias_hh"));
  }
  State state_;
  DialogueRnnConfig config_;
};

TEST(DialogueRnn, IsThePapersEquationsForAnyNumberOfSpeakers) {
  core::seed_torch(62);
  at::NoGradGuard no_grad;
  const auto grid = example_grid();
  const auto x_BW = at::randn({7, kTurnWidth}, at::kDouble);
  for (const auto& tested : context_cases()) {
    const auto* config = std::get_if<DialogueRnnConfig>(&tested.config);
    if (config == nullptr) continue;
    const auto context = noisy_context(*config);
    NaiveDialogueRnn naive(*context->as_module(), *config);
    const auto got = grid.to_rows(context->forward(grid.to_grid(x_BW), grid));
    const auto want = at::cat({naive.whole(x_BW.narrow(0, 0, 5), {30, 10, -1, 30, 20}),
                               naive.whole(x_BW.narrow(0, 5, 2), {10, 10})});
    EXPECT_LT((got - want).abs().max().item<double>(), 1e-12) << tested.name;
  }
}

TEST(SequenceContext, ProjectionsSpeakersAndTheResidualAreWhatTheConfigSays) {
  core::seed_torch(63);
  at::NoGradGuard no_grad;
  const auto grid = example_grid();
  const auto x_BW = at::randn({7, kTurnWidth}, at::kDouble);
  for (const auto& tested : context_cases()) {
    if (tested.name != "SequenceWithSpeakers") continue;
    const auto context = noisy_context(tested.config);
    const auto state = state_of(*context->as_module());
    const auto linear = [&](const at::Tensor& x, const std::string& name) {
      return (x.matmul(state.at(name + ".weight").t()) + state.at(name + ".bias")).relu();
    };
    const auto turn = linear(x_BW, "in_projection");
    const auto& speaker = state.at("speaker.weight");
    const auto nobody = at::zeros({2}, at::kDouble);
    // The third speaker shares the second embedding; the unknown one has none.
    const auto who =
        at::stack({speaker[0], speaker[1], nobody, speaker[0], speaker[1], speaker[0], speaker[0]});
    const auto same = at::tensor({0, 0, 0, 0, 0, 0, 1}, at::kDouble).unsqueeze(1);
    const auto layer = build_temporal(std::get<SequenceContextConfig>(tested.config).layer, 5 + 2 + 1);
    layer->as_module()->to(at::kDouble);
    State of_layer;
    for (const auto& [name, tensor] : state) {
      if (name.rfind("layer.", 0) == 0) of_layer[name.substr(6)] = tensor;
    }
    load_state(*layer->as_module(), of_layer);
    const auto read = grid.to_rows(layer->forward(grid.to_grid(at::cat({turn, who, same}, 1)), grid.mask_DU));
    const auto want = linear(read + turn.matmul(state.at("shortcut.weight").t()), "out_projection");
    const auto got = grid.to_rows(context->forward(grid.to_grid(x_BW), grid));
    EXPECT_LT((got - want).abs().max().item<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace limbic::nn
