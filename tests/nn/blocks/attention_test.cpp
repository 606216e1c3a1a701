#include "blocks/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "limbic/core/rng.h"
#include "limbic/nn/state.h"
#include "support/gradcheck.h"
#include "support/python_judge.h"

namespace limbic::nn {
namespace {

constexpr int64_t kWidth = 8;
constexpr int64_t kHeads = 2;
constexpr int64_t kHeadWidth = 4;

at::Tensor mask_of_lengths(const std::vector<int64_t>& lengths, int64_t num_frames) {
  return at::arange(num_frames).unsqueeze(0) < at::tensor(lengths).unsqueeze(1);
}

/// Parameters that start at zero get values, so that a test sees them.
void fill_at_random(torch::nn::Module& module) {
  at::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) parameter.normal_(0.0, 0.4);
}

Attention attention_of(Positions positions, int64_t key_width = 0, double dropout = 0.0) {
  AttentionOptions options;
  options.width = kWidth;
  options.heads = kHeads;
  options.key_width = key_width;
  options.dropout = dropout;
  options.positions = positions;
  Attention attention(options);
  fill_at_random(*attention);
  attention->to(at::kDouble);
  return attention;
}

/// (K,) turned by `position`, pairs (k, k + K / 2).
std::vector<double> turned(const double* x, int64_t position) {
  std::vector<double> y(kHeadWidth);
  for (int64_t k = 0; k < kHeadWidth / 2; ++k) {
    const double angle =
        static_cast<double>(position) * std::pow(10000.0, -2.0 * static_cast<double>(k) / kHeadWidth);
    const auto i = static_cast<size_t>(k);
    y[i] = x[k] * std::cos(angle) - x[k + 2] * std::sin(angle);
    y[i + 2] = x[k] * std::sin(angle) + x[k + 2] * std::cos(angle);
  }
  return y;
}

/// Attention one query, head and key at a time.
at::Tensor naive_attention(const Attention& attention, const at::Tensor& query_BQD, const at::Tensor& key_BTD,
                           const at::Tensor& mask_BT, const AttentionBias& bias, Positions positions) {
  auto s = state_of(*attention);
  const auto project = [&](const at::Tensor& x, const std::string& name) {
    return at::linear(x, s[name + ".weight"], s[name + ".bias"]).contiguous();
  };
  const auto q = project(query_BQD, "query");
  const auto k = project(key_BTD, "key");
  const auto v = project(key_BTD, "value");
  const int64_t num_keys = key_BTD.size(1);
  const int64_t num_queries = query_BQD.size(1);
  auto context = at::zeros_like(q);
  for (int64_t b = 0; b < q.size(0); ++b) {
    for (int64_t h = 0; h < kHeads; ++h) {
      for (int64_t i = 0; i < num_queries; ++i) {
        const auto* query = q[b][i].data_ptr<double>() + h * kHeadWidth;
        std::vector<double> weight(static_cast<size_t>(num_keys), 0.0);
        double total = 0;
        for (int64_t j = 0; j < num_keys; ++j) {
          const int64_t distance = i + num_keys - num_queries - j;
          if (!mask_BT[b][j].item<bool>() || (bias.is_causal && distance < 0)) continue;
          if (bias.window > 0 && std::abs(distance) >= bias.window) continue;
          const auto* key = k[b][j].data_ptr<double>() + h * kHeadWidth;
          double score = 0;
          if (positions == Positions::kRotary) {
            const auto a = turned(query, i + num_keys - num_queries);
            const auto c = turned(key, j);
            for (size_t d = 0; d < kHeadWidth; ++d) score += a[d] * c[d];
          } else {
            for (int64_t d = 0; d < kHeadWidth; ++d) score += query[d] * key[d];
          }
          if (positions == Positions::kRelative) {
            const auto r =
                at::linear(sinusoids(at::tensor(std::vector<int64_t>{distance}), kWidth, at::kDouble),
                           s["distance.weight"]);
            for (int64_t d = 0; d < kHeadWidth; ++d) {
              const double u = s["content_bias"][h][d].item<double>();
              const double w = s["distance_bias"][h][d].item<double>();
              score += u * key[d] + (query[d] + w) * r[0][h * kHeadWidth + d].item<double>();
            }
          }
          score /= std::sqrt(static_cast<double>(kHeadWidth));
          if (bias.score.defined()) score += bias.score[b][h][i][j].item<double>();
          total += weight[static_cast<size_t>(j)] = std::exp(score);
        }
        for (int64_t j = 0; j < num_keys && total > 0; ++j) {
          const double share = weight[static_cast<size_t>(j)] / total;
          context[b][i].narrow(0, h * kHeadWidth, kHeadWidth) +=
              share * v[b][j].narrow(0, h * kHeadWidth, kHeadWidth);
        }
      }
    }
  }
  return project(context, "out");
}

struct AttentionCase {
  const char* name;
  Positions positions;
  bool is_causal;
  int64_t window;
  bool is_self;
};

class AttentionTest : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionTest, EqualsANaiveLoopAndItsGradientIsRight) {
  core::seed_torch(5);
  at::NoGradGuard no_grad;
  const auto& c = GetParam();
  auto attention = attention_of(c.positions, c.is_self ? 0 : 6);
  const int64_t num_keys = 11;
  const auto x = at::randn({3, c.is_self ? num_keys : 4, kWidth}, at::kDouble);
  const auto keys = c.is_self ? x : at::randn({3, num_keys, 6}, at::kDouble);
  const auto mask = mask_of_lengths({num_keys, 7, 0}, num_keys);
  AttentionBias bias;
  bias.is_causal = c.is_causal;
  bias.window = c.window;
  if (c.window == 0) bias.score = at::randn({3, kHeads, x.size(1), num_keys}, at::kDouble);
  attention->eval();
  const auto got = attention->forward(x, keys, mask, bias);
  const auto want = naive_attention(attention, x, keys, mask, bias, c.positions);
  EXPECT_LT((got - want).abs().max().item<double>(), 1e-12);
  // The last row has no key at all.
  EXPECT_TRUE(at::allclose(got[2], state_of(*attention)["out.bias"].expand_as(got[2])));

  at::AutoGradMode with_grad(true);
  auto leaves = attention->parameters();
  x.requires_grad_();
  if (!c.is_self) keys.requires_grad_();
  leaves.push_back(x);
  if (!c.is_self) leaves.push_back(keys);
  const auto target = at::randn(got.sizes(), at::kDouble);
  const auto loss = [&] { return (attention->forward(x, keys, mask, bias) * target).sum(); };
  EXPECT_LT(test::gradient_error(loss, leaves), 1e-5);
}

class AttentionStreamTest : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionStreamTest, ChunksOfAStreamGiveTheWhole) {
  const auto& c = GetParam();
  core::seed_torch(6);
  at::NoGradGuard no_grad;
  auto attention = attention_of(c.positions);
  const auto x = at::randn({2, 23, kWidth}, at::kDouble);
  AttentionBias bias;
  bias.is_causal = true;
  bias.window = c.window;
  const auto whole = attention->forward(x, x, {}, bias);
  AttentionCache cache;
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const int64_t size : {1, 1, 7, 2, 9, 3}) {
    parts.push_back(attention->step(x.narrow(1, first, size), cache, c.window));
    first += size;
    if (c.window > 0) {
      EXPECT_LT(cache.key_BHTK.size(2), c.window);
    }
  }
  EXPECT_LT((at::cat(parts, 1) - whole).abs().max().item<double>(), 1e-12);
}

const AttentionCase kCausalSelf[] = {{"Causal", Positions::kNone, true, 0, true},
                                     {"CausalRelative", Positions::kRelative, true, 0, true},
                                     {"CausalRelativeWindow", Positions::kRelative, true, 4, true},
                                     {"CausalRotaryWindow", Positions::kRotary, true, 5, true},
                                     {"WindowOfOne", Positions::kRotary, true, 1, true}};
const AttentionCase kOthers[] = {{"Plain", Positions::kNone, false, 0, true},
                                 {"Cross", Positions::kNone, false, 0, false},
                                 {"CausalCross", Positions::kNone, true, 0, false},
                                 {"Window", Positions::kNone, false, 3, true},
                                 {"Relative", Positions::kRelative, false, 0, true},
                                 {"CrossRelative", Positions::kRelative, false, 0, false},
                                 {"RelativeWindow", Positions::kRelative, false, 2, true},
                                 {"Rotary", Positions::kRotary, false, 0, true}};
std::string name_of_case(const testing::TestParamInfo<AttentionCase>& kind) {
  return kind.param.name;
}
INSTANTIATE_TEST_SUITE_P(CausalSelf, AttentionTest, testing::ValuesIn(kCausalSelf), name_of_case);
INSTANTIATE_TEST_SUITE_P(Others, AttentionTest, testing::ValuesIn(kOthers), name_of_case);
INSTANTIATE_TEST_SUITE_P(CausalSelf, AttentionStreamTest, testing::ValuesIn(kCausalSelf), name_of_case);

TEST(Attention, FusedProjectionsGiveWhatSeparateOnesGive) {
  core::seed_torch(7);
  at::NoGradGuard no_grad;
  auto attention = attention_of(Positions::kNone);
  // 40 x 2 rows are more than 4 x 8, 1 x 2 are fewer.
  const auto x = at::randn({40, 2, kWidth}, at::kDouble);
  const auto memory = at::randn({40, 2, kWidth}, at::kDouble);
  const auto together = attention->forward(x, x);
  const auto crossed = attention->forward(x, memory);
  for (const int64_t b : {0, 17, 39}) {
    const auto row = x.narrow(0, b, 1);
    EXPECT_TRUE(at::allclose(attention->forward(row, row)[0], together[b], 1e-12, 1e-14));
    EXPECT_TRUE(at::allclose(attention->forward(row, memory.narrow(0, b, 1))[0], crossed[b], 1e-12, 1e-14));
  }
}

TEST(Attention, DropoutActsOnWeightsInTrainingOnly) {
  core::seed_torch(8);
  auto attention = attention_of(Positions::kNone, 0, 0.5);
  const auto x = at::randn({2, 5, kWidth}, at::kDouble);
  EXPECT_FALSE(at::equal(attention->forward(x, x), attention->forward(x, x)));
  attention->eval();
  EXPECT_TRUE(at::equal(attention->forward(x, x), attention->forward(x, x)));
}

TransformerBlock block_of(bool norm_first, Activation activation, int64_t key_width) {
  TransformerBlockOptions options;
  options.width = kWidth;
  options.heads = kHeads;
  options.hidden = 16;
  options.norm_first = norm_first;
  options.activation = activation;
  options.key_width = key_width;
  TransformerBlock block(options);
  fill_at_random(*block);
  return block;
}

TEST(TransformerBlock, GradientsAreRightForBothNormsAndBothForms) {
  core::seed_torch(9);
  for (const bool norm_first : {true, false}) {
    for (const int64_t key_width : {0, 6}) {
      auto block = block_of(norm_first, Activation::kGelu, key_width);
      block->to(at::kDouble);
      auto x = at::randn({2, 5, kWidth}, at::kDouble).requires_grad_();
      const auto memory = at::randn({2, 4, key_width > 0 ? key_width : kWidth}, at::kDouble);
      const auto mask = mask_of_lengths({5, 3}, 5);
      const auto memory_mask = mask_of_lengths({0, 4}, 4);
      const auto target = at::randn({2, 5, kWidth}, at::kDouble);
      auto leaves = block->parameters();
      leaves.push_back(x);
      const auto crossed = [&] {
        return (block->forward_cross(x, mask, memory, memory_mask) * target).sum();
      };
      EXPECT_LT(test::gradient_error(crossed, leaves), 1e-5) << norm_first << key_width;
      if (key_width > 0) continue;
      const auto self = [&] { return (block->forward(x, mask) * target).sum(); };
      EXPECT_LT(test::gradient_error(self, leaves), 1e-5) << norm_first;
    }
  }
}

TEST(TransformerBlock, PaddedTokensComeOutZeroAndHaveNoInfluence) {
  core::seed_torch(10);
  at::NoGradGuard no_grad;
  auto block = block_of(true, Activation::kGelu, 0);
  auto x = at::randn({2, 5, kWidth});
  const auto mask = mask_of_lengths({5, 3}, 5);
  const auto before = block->forward(x, mask);
  x[1].narrow(0, 3, 2).fill_(100.0);
  const auto after = block->forward(x, mask);
  EXPECT_TRUE(at::equal(before, after));
  EXPECT_EQ(after[1].narrow(0, 3, 2).abs().sum().item<float>(), 0.0f);
}

TEST(TransformerBlock, CloneAndStateGiveTheSameBlock) {
  core::seed_torch(11);
  at::NoGradGuard no_grad;
  auto block = block_of(true, Activation::kRelu, 6);
  const auto x = at::randn({2, 5, kWidth});
  const auto memory = at::randn({2, 3, 6});
  const auto want = block->forward_cross(x, {}, memory, {});
  const auto copied = std::dynamic_pointer_cast<TransformerBlockImpl>(block->clone());
  EXPECT_TRUE(at::equal(copied->forward_cross(x, {}, memory, {}), want));
  auto other = block_of(true, Activation::kRelu, 6);
  EXPECT_FALSE(at::equal(other->forward_cross(x, {}, memory, {}), want));
  load_state(*other, state_of(*block));
  EXPECT_TRUE(at::equal(other->forward_cross(x, {}, memory, {}), want));
}

TEST(TransformerBlock, DropPathSkipsWholeBranchesOfASample) {
  core::seed_torch(12);
  at::NoGradGuard no_grad;
  TransformerBlockOptions options;
  options.width = kWidth;
  options.heads = kHeads;
  options.hidden = 16;
  options.drop_path = 0.5;
  TransformerBlock block(options);
  const auto x = at::randn({64, 3, kWidth});
  const auto is_skipped = (block->forward(x, {}) == x).all(2);
  EXPECT_TRUE(at::equal(is_skipped.all(1), is_skipped.any(1)));
  // Both branches are skipped for one row in four.
  EXPECT_NEAR(is_skipped.to(at::kFloat).mean().item<double>(), 0.25, 0.2);
}

// Debian's torch says what multi-head attention and the encoder layer are.
constexpr const char* kAttentionJudge = R"(
def fill(module, name): module.weight.data, module.bias.data = s[name + '.weight'], s[name + '.bias']
def fill_attention(net, prefix):
    for part in ('weight', 'bias'):
        getattr(net, 'in_proj_' + part).data = torch.cat([s[prefix + n + '.' + part] for n in ('query', 'key', 'value')])
    fill(net.out_proj, prefix + 'out')
def block(prefix, **options):
    net = torch.nn.TransformerEncoderLayer(64, 2, 128, batch_first=True, **options).eval()
    for name in ('norm1', 'norm2', 'linear1', 'linear2'): fill(getattr(net, name), prefix + name)
    fill_attention(net.self_attn, prefix + 'attention.')
    return net(x, torch.full((33, 33), float('-inf')).triu(1))
x = s['x']
net = torch.nn.MultiheadAttention(64, 2, batch_first=True).eval()
fill_attention(net, '0.attention.')
y = [net(x, x, x, key_padding_mask=s['mask'] == 0)[0], block('0.', activation='gelu', norm_first=True), block('1.')]
)";

TEST(AttentionParity, AttentionAndBlockAreThoseOfPythonTorch) {
  core::seed_torch(13);
  at::NoGradGuard no_grad;
  State tensors;
  tensors["x"] = at::randn({5, 33, 64});
  tensors["mask"] = mask_of_lengths({33, 20, 1, 7, 32}, 33);
  std::vector<at::Tensor> got;
  for (const bool norm_first : {true, false}) {
    TransformerBlockOptions options;
    options.width = 64;
    options.heads = 2;
    options.hidden = 128;
    options.norm_first = norm_first;
    options.activation = norm_first ? Activation::kGelu : Activation::kRelu;
    TransformerBlock block(options);
    for (auto& parameter : block->parameters()) parameter.add_(at::randn_like(parameter) * 0.05);
    for (const auto& [name, tensor] : state_of(*block)) tensors[(norm_first ? "0." : "1.") + name] = tensor;
    if (norm_first) {
      auto attention = block->children()[0]->as<AttentionImpl>();
      got.push_back(attention->forward(tensors["x"], tensors["x"], tensors["mask"]));
    }
    AttentionBias bias;
    bias.is_causal = true;
    got.push_back(block->forward(tensors["x"], {}, bias));
  }
  const auto differences = test::differences_to_python(tensors, got, kAttentionJudge);
  if (!differences) GTEST_SKIP() << "python3-torch is absent";
  for (const double difference : *differences) EXPECT_LT(difference, 1e-5);
}

}  // namespace
}  // namespace limbic::nn
