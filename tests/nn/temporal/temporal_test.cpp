#include "limbic/nn/temporal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"
#include "support/paths.h"
#include "support/python_judge.h"

namespace limbic::nn {
namespace {

constexpr int64_t kBatch = 3;
constexpr int64_t kFrames = 13;
constexpr int64_t kInWidth = 5;

struct TemporalCase {
  const char* name;
  TemporalConfig config;
  bool is_bounded = true;  ///< the state of a stream has a largest size
};

template <class Config>
TemporalCase recurrent_case(const char* name, bool bidirectional) {
  Config config;
  config.hidden = 4;
  config.layers = 2;
  config.bidirectional = bidirectional;
  config.dropout = 0.0;
  return {name, config};
}

TemporalCase tcn_case(const char* name, bool causal, int64_t kernel, int64_t width) {
  TcnTemporalConfig config;
  config.width = width;
  config.layers = 3;
  config.kernel = kernel;
  config.causal = causal;
  config.dropout = 0.0;
  return {name, config};
}

TemporalCase transformer_case(const char* name, Positions positions, bool causal, int64_t window,
                              bool norm_first = true) {
  TransformerTemporalConfig config;
  config.width = 8;
  config.heads = 2;
  config.hidden = 12;
  config.positions = positions;
  config.causal = causal;
  config.window = window;
  config.norm_first = norm_first;
  config.activation = norm_first ? Activation::kGelu : Activation::kRelu;
  config.dropout = 0.0;
  return {name, config, window > 0};
}

at::Tensor frames_of_lengths(const std::vector<int64_t>& lengths, int64_t num_frames) {
  return at::arange(num_frames).unsqueeze(0) < at::tensor(lengths).unsqueeze(1);
}

at::Tensor all_real(int64_t batch, int64_t num_frames) {
  return at::ones({batch, num_frames}, at::kBool);
}

class TemporalTest : public testing::TestWithParam<TemporalCase> {
 protected:
  void SetUp() override {
    core::seed_torch(31);
    layer_ = build_temporal(GetParam().config, kInWidth);
  }
  at::Tensor evaluated(const at::Tensor& x_BTD) {
    layer_->as_module()->eval();
    at::NoGradGuard no_grad;
    return layer_->forward(x_BTD, all_real(x_BTD.size(0), x_BTD.size(1)));
  }
  std::shared_ptr<Temporal> layer_;
};

TEST_P(TemporalTest, PaddingHasNoInfluenceAndComesOutZero) {
  const std::vector<int64_t> lengths = {kFrames, kFrames - 4, 1};
  const auto x = at::randn({kBatch, kFrames, kInWidth});
  const int64_t longer = kFrames + 6;
  auto padded = at::full({kBatch, longer, kInWidth}, std::numeric_limits<float>::quiet_NaN());
  padded.narrow(1, 0, kFrames).copy_(x);
  const auto mask = frames_of_lengths(lengths, longer);
  padded.masked_fill_(mask.logical_not().unsqueeze(2), std::numeric_limits<float>::quiet_NaN());
  for (const bool is_training : {true, false}) {
    layer_->as_module()->train(is_training);
    const auto y = layer_->forward(x, frames_of_lengths(lengths, kFrames));
    const auto y_longer = layer_->forward(padded, mask);
    ASSERT_EQ(y.sizes(), (at::IntArrayRef{kBatch, kFrames, layer_->width()}));
    EXPECT_TRUE(at::allclose(y, y_longer.narrow(1, 0, kFrames), 1e-5, 1e-6)) << is_training;
    EXPECT_EQ(y_longer.masked_fill(mask.unsqueeze(2), 0.0).abs().sum().item<float>(), 0.0f);
    // A row of a batch is what it is alone.
    const auto alone = layer_->forward(x.narrow(0, 1, 1).narrow(1, 0, lengths[1]), all_real(1, lengths[1]));
    EXPECT_TRUE(at::allclose(alone[0], y[1].narrow(0, 0, lengths[1]), 1e-5, 1e-6));
  }
}

TEST_P(TemporalTest, ARowWithoutFramesGivesZerosAndFiniteGradients) {
  const auto x = at::randn({kBatch, kFrames, kInWidth});
  const auto y = layer_->forward(x, frames_of_lengths({kFrames, 0, 3}, kFrames));
  EXPECT_EQ(y[1].abs().sum().item<float>(), 0.0f);
  y.pow(2).sum().backward();
  for (const auto& parameter : layer_->as_module()->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
  }
}

TEST_P(TemporalTest, GradientsAreRight) {
  layer_->as_module()->to(at::kDouble);
  const auto x = at::randn({2, 6, kInWidth}, at::kDouble).requires_grad_();
  const auto mask = frames_of_lengths({6, 4}, 6);
  auto leaves = layer_->as_module()->parameters();
  leaves.push_back(x);
  const auto target = at::randn({2, 6, layer_->width()}, at::kDouble);
  EXPECT_LT(test::gradient_error([&] { return (layer_->forward(x, mask) * target).sum(); }, leaves), 1e-5);
}

TEST_P(TemporalTest, CloneAndStateGiveTheSameLayer) {
  const auto x = at::randn({2, 7, kInWidth});
  const auto want = evaluated(x);
  const auto copied = layer_->as_module()->clone();
  copied->eval();
  EXPECT_TRUE(at::equal(dynamic_cast<Temporal&>(*copied).forward(x, all_real(2, 7)), want));
  const auto other = build_temporal(GetParam().config, kInWidth);
  other->as_module()->eval();
  EXPECT_FALSE(at::equal(other->forward(x, all_real(2, 7)), want));
  load_state(*other->as_module(), state_of(*layer_->as_module()));
  EXPECT_TRUE(at::equal(other->forward(x, all_real(2, 7)), want));
}

TEST_P(TemporalTest, TheFutureMattersUnlessCausal) {
  auto x = at::randn({1, kFrames, kInWidth});
  const auto before = evaluated(x);
  x[0][8].add_(1.0);
  const auto after = evaluated(x);
  EXPECT_FALSE(at::equal(before[0][8], after[0][8]));
  EXPECT_EQ(at::allclose(before.narrow(1, 0, 8), after.narrow(1, 0, 8), 0.0, 1e-7), layer_->is_causal());
}

TEST_P(TemporalTest, ChunksOfAStreamGiveTheWholeInBoundedState) {
  TemporalState state;
  if (!layer_->is_causal()) {
    const auto text = test::error_of(
        [&] {
          layer_->step(at::randn({1, 2, kInWidth}), state);
        },
        ErrorCode::kModel);
    EXPECT_NE(text.find("looks ahead and cannot read a stream"), std::string::npos) << text;
    return;
  }
  const std::vector<int64_t> chunks = {1, 1, 3, 40, 2, 17, 1, 90, 5};
  const int64_t total = std::accumulate(chunks.begin(), chunks.end(), int64_t{0});
  const auto x = at::randn({2, total, kInWidth});
  const auto whole = evaluated(x);
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  int64_t largest = 0;
  for (const int64_t size : chunks) {
    parts.push_back(layer_->step(x.narrow(1, first, size), state));
    first += size;
    EXPECT_EQ(state.position, first);
    int64_t held = 0;
    for (const auto& tensor : state.tensors) {
      EXPECT_EQ(tensor.size(0), 2);
      held += static_cast<int64_t>(tensor.storage().nbytes());
    }
    if (first == 45) largest = held;
    if (first > 45 && GetParam().is_bounded) {
      EXPECT_LE(held, largest);
    }
  }
  EXPECT_LT((at::cat(parts, 1) - whole).abs().max().item<double>(), 1e-5);
}

TEST_P(TemporalTest, DropoutActsInTrainingOnly) {
  auto config = GetParam().config;
  std::visit([](auto& c) { c.dropout = 0.5; }, config);
  const auto layer = build_temporal(config, kInWidth);
  const auto x = at::randn({2, 7, kInWidth});
  EXPECT_FALSE(at::equal(layer->forward(x, all_real(2, 7)), layer->forward(x, all_real(2, 7))));
  layer->as_module()->eval();
  EXPECT_TRUE(at::equal(layer->forward(x, all_real(2, 7)), layer->forward(x, all_real(2, 7))));
}

INSTANTIATE_TEST_SUITE_P(
    All, TemporalTest,
    testing::Values(recurrent_case<GruTemporalConfig>("Gru", true),
                    recurrent_case<GruTemporalConfig>("CausalGru", false),
                    recurrent_case<LstmTemporalConfig>("Lstm", true),
                    recurrent_case<LstmTemporalConfig>("CausalLstm", false), tcn_case("Tcn", false, 3, 6),
                    tcn_case("CausalTcn", true, 2, kInWidth),
                    transformer_case("Transformer", Positions::kNone, false, 0, false),
                    transformer_case("Sinusoidal", Positions::kSinusoidal, false, 0),
                    transformer_case("CausalSinusoidalWindow", Positions::kSinusoidal, true, 4, false),
                    transformer_case("Relative", Positions::kRelative, false, 0),
                    transformer_case("RelativeWindow", Positions::kRelative, false, 3),
                    transformer_case("CausalRelativeWindow", Positions::kRelative, true, 5),
                    transformer_case("Rotary", Positions::kRotary, false, 0),
                    transformer_case("CausalRotary", Positions::kRotary, true, 0),
                    transformer_case("CausalRotaryWindow", Positions::kRotary, true, 3)),
    [](const testing::TestParamInfo<TemporalCase>& kind) { return kind.param.name; });

TEST(TransformerTemporal, RelativeAndRotaryPositionsDoNotCountFromTheStart) {
  core::seed_torch(32);
  at::NoGradGuard no_grad;
  for (const auto positions : {Positions::kRelative, Positions::kRotary, Positions::kSinusoidal}) {
    const auto layer = build_temporal(transformer_case("", positions, true, 2).config, kInWidth);
    layer->as_module()->eval();
    const auto x = at::randn({1, 9, kInWidth});
    const auto later = at::cat({at::randn({1, 50, kInWidth}), x}, 1);
    // Two layers of window 2 look two frames back.
    const auto here = layer->forward(x, all_real(1, 9)).narrow(1, 2, 7);
    const auto there = layer->forward(later, all_real(1, 59)).narrow(1, 52, 7);
    EXPECT_EQ(at::allclose(here, there, 1e-4, 1e-5), positions != Positions::kSinusoidal);
  }
}

struct TemporalRecipe {
  TemporalConfig layer;
  template <class Visitor>
  void visit(Visitor& v) {
    v("layer", layer, "a layer");
  }
};

TEST(TemporalConfig, SaysWhatDoesNotFit) {
  const auto problem_of = [](const std::string& yaml) {
    return test::error_of([&] { config::load_text<TemporalRecipe>(yaml, "recipe.yaml", {}); },
                          ErrorCode::kConfig);
  };
  EXPECT_NE(problem_of("layer: {type: tcn, kernel: 4}").find("must be odd unless causal"), std::string::npos);
  EXPECT_NE(problem_of("layer: {type: transformer, width: 32, heads: 5}").find("must divide width 32, got 5"),
            std::string::npos);
  EXPECT_NE(problem_of("layer: {type: transformer, width: 15, heads: 3}").find("an even width / heads"),
            std::string::npos);
}

// Debian's torch as the judge; weights come from limbic's initialisation.

constexpr const char* kRecurrentJudge = R"(
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
lengths = s['mask'].sum(1).long()
net.load_state_dict({k[len(prefix):]: v for k, v in s.items() if k.startswith(prefix)})
y = pad_packed_sequence(net.eval()(pack_padded_sequence(s['x'], lengths, True, False))[0], True, 0.0, s['x'].shape[1])[0]
)";

TEST(TemporalParity, RecurrentLayersAreThoseOfPythonTorch) {
  core::seed_torch(33);
  at::NoGradGuard no_grad;
  const auto check = [](const TemporalConfig& config, const std::string& kind, const std::string& prefix) {
    const auto layer = build_temporal(config, 24);
    layer->as_module()->eval();
    auto tensors = state_of(*layer->as_module());
    tensors["x"] = at::randn({4, 40, 24});
    const auto mask = frames_of_lengths({40, 12, 33, 1}, 40);
    const auto got = layer->forward(tensors["x"], mask);
    tensors["mask"] = mask;
    const auto script = "net = torch.nn." + kind +
                        "(24, 32, num_layers=2, bidirectional=True, batch_first=True)\nprefix = '" + prefix +
                        "'" + kRecurrentJudge;
    return test::difference_to_python(tensors, got, script);
  };
  LstmTemporalConfig lstm;
  lstm.hidden = 32;
  lstm.layers = 2;
  GruTemporalConfig gru;
  gru.hidden = 32;
  gru.layers = 2;
  const auto lstm_difference = check(lstm, "LSTM", "recurrent.lstm.");
  if (!lstm_difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*lstm_difference, 1e-5);
  EXPECT_LT(check(gru, "GRU", "recurrent.gru.").value_or(1.0), 1e-5);
}

TEST(TemporalParity, TcnIsWhatPythonTorchComputes) {
  core::seed_torch(34);
  at::NoGradGuard no_grad;
  TcnTemporalConfig config;
  config.width = 32;
  config.causal = true;
  const auto layer = build_temporal(config, 24);
  layer->as_module()->eval();
  auto tensors = state_of(*layer->as_module());
  tensors["x"] = at::randn({3, 50, 24});
  const auto got = layer->forward(tensors["x"], all_real(3, 50));
  const auto difference = test::difference_to_python(tensors, got, R"(
x = s['x']
for i in range(4):
    y = x
    for j in (2 * i, 2 * i + 1):
        y = F.conv1d(F.pad(y.transpose(1, 2), (2 * 2 ** i, 0)), s['convs.%d.conv.weight' % j], dilation=2 ** i)
        y = F.relu(F.layer_norm(y.transpose(1, 2), (32,), s['convs.%d.norm.weight' % j], s['convs.%d.norm.bias' % j]))
    if i == 0: x = F.linear(x, s['shortcut.weight'], s['shortcut.bias'])
    x = F.relu(x + y)
y = x)");
  if (!difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*difference, 1e-5);
}

TEST(TemporalParity, TransformerIsPythonTorchsEncoder) {
  core::seed_torch(35);
  at::NoGradGuard no_grad;
  TransformerTemporalConfig config;
  config.width = 64;
  config.heads = 2;
  config.hidden = 96;
  config.positions = Positions::kSinusoidal;
  const auto layer = build_temporal(config, 24);
  layer->as_module()->eval();
  auto tensors = state_of(*layer->as_module());
  tensors["x"] = at::randn({3, 30, 24});
  const auto mask = frames_of_lengths({30, 11, 2}, 30);
  const auto got = layer->forward(tensors["x"], mask);
  tensors["mask"] = mask;
  const auto difference = test::difference_to_python(tensors, got, R"(
layer = torch.nn.TransformerEncoderLayer(64, 2, 96, activation='gelu', norm_first=True, batch_first=True)
net = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(64), enable_nested_tensor=False)
def set(module, name): module.weight.data, module.bias.data = s[name + '.weight'], s[name + '.bias']
set(net.norm, 'norm')
for i, one in enumerate(net.layers):
    for name in ('norm1', 'norm2', 'linear1', 'linear2'): set(getattr(one, name), 'blocks.%d.%s' % (i, name))
    attention = 'blocks.%d.attention.' % i
    for part in ('weight', 'bias'):
        getattr(one.self_attn, 'in_proj_' + part).data = torch.cat([s[attention + n + '.' + part] for n in ('query', 'key', 'value')])
    set(one.self_attn.out_proj, attention + 'out')
angle = torch.arange(30)[:, None] / 10000 ** (torch.arange(32) / 32)
x = F.linear(s['x'], s['projection.weight'], s['projection.bias']) + torch.cat([angle.sin(), angle.cos()], 1)
for one in net.modules():
    if isinstance(one, torch.nn.Dropout): one.p = 0.0
    if isinstance(one, torch.nn.MultiheadAttention): one.dropout = 0.0
y = net.train()(x, src_key_padding_mask=s['mask'] == 0) * s['mask'][:, :, None])");
  if (!difference) GTEST_SKIP() << "python3-torch is absent";
  EXPECT_LT(*difference, 1e-5);
}

}  // namespace
}  // namespace limbic::nn
