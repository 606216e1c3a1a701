// Parity of the fusions over tokens with their papers' formulas, one sample at a time over its real tokens
// only. Masks, padding, absent modalities, gradients and state: fusion_contract_test.cpp.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <functional>

#include "fusion_tokens/naive_layers.h"
#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "limbic/nn/fusion.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

using test_support::naive_positions;
using test_support::NaiveLayers;

constexpr int64_t kTokenRows = 4;
const std::vector<ModalityShape> kTokenModalities = {{"text", 5, 3}, {"audio", 4, 4}, {"face", 6, 2}};

class TokenFusionTest : public testing::Test {
 protected:
  void SetUp() override { core::seed_torch(41); }

  static std::shared_ptr<Fusion> built(const FusionConfig& config) {
    const auto fusion = build_fusion(config, kTokenModalities);
    fusion->as_module()->to(at::kDouble);
    fusion->as_module()->eval();
    at::NoGradGuard no_grad;
    for (auto& parameter : fusion->as_module()->parameters()) parameter.add_(at::randn_like(parameter) * 0.3);
    return fusion;
  }
  /// Row 1 lacks audio, row 2 has only the face, row 3 nothing; lengths differ.
  static FusionInput make_input() {
    FusionInput input;
    for (int64_t m = 0; m < 3; ++m) {
      const auto& shape = kTokenModalities[static_cast<size_t>(m)];
      const auto length_B1 = at::tensor({4, 2, 3, 1}, at::kLong).add(m).unsqueeze(1);
      input.modalities.push_back({at::randn({kTokenRows, 7, shape.token_width}, at::kDouble),
                                  at::arange(7).unsqueeze(0) < length_B1,
                                  at::randn({kTokenRows, shape.width}, at::kDouble)});
    }
    input.present_BM = at::tensor({1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0}).view({kTokenRows, 3}).to(at::kBool);
    input.grid = make_dialogue_grid({}, kTokenRows, at::kCPU);
    return input;
  }
  /// The real tokens of row b, (N, token_width); none where absent.
  static std::vector<at::Tensor> real_tokens(const FusionInput& input, int64_t b) {
    std::vector<at::Tensor> tokens;
    for (int64_t m = 0; m < 3; ++m) {
      const auto& modality = input.modalities[static_cast<size_t>(m)];
      const int64_t num_real =
          input.present_BM[b][m].item<bool>() ? modality.mask_BT[b].sum().item<int64_t>() : 0;
      tokens.push_back(modality.tokens_BTD[b].narrow(0, 0, num_real));
    }
    return tokens;
  }
  static void expect_parity(Fusion& fusion,
                            const std::function<at::Tensor(const std::vector<at::Tensor>&)>& naive) {
    at::NoGradGuard no_grad;
    const auto input = make_input();
    const auto fused_BD = fusion.fuse(input).fused_BD;
    for (int64_t b = 0; b < kTokenRows; ++b) {
      const auto want = naive(real_tokens(input, b));
      ASSERT_EQ(fused_BD[b].sizes(), want.sizes());
      EXPECT_LT((fused_BD[b] - want).abs().max().item<double>(), 1e-10) << "row " << b;
    }
  }
};

std::string numbered(const std::string& name, size_t i) {
  return name + "." + std::to_string(i);
}

at::Tensor naive_mult(const NaiveLayers& net, const MultFusionConfig& config,
                      const std::vector<at::Tensor>& tokens) {
  const auto embed = [](const at::Tensor& x_ND) {
    return x_ND * std::sqrt(static_cast<double>(x_ND.size(1))) + naive_positions(x_ND.size(0), x_ND.size(1));
  };
  const auto transform = [&](at::Tensor x_ND, const at::Tensor* memory, const std::string& name,
                             int64_t layers) {
    for (int64_t l = 0; l < layers; ++l)
      x_ND = net.block(x_ND, memory, numbered(name + ".layers", static_cast<size_t>(l)), config.heads, true);
    return net.norm(x_ND, name + ".norm");
  };
  std::vector<at::Tensor> embedded;
  for (size_t m = 0; m < 3; ++m) {
    const auto x_1DN = tokens[m].t().unsqueeze(0);
    embedded.push_back(
        tokens[m].size(0) == 0
            ? at::zeros({0, config.width}, at::kDouble)
            : embed(at::conv1d(x_1DN, net.get(numbered("input", m) + ".weight"), {}, 1, config.kernel / 2)
                        .squeeze(0)
                        .t()));
  }
  std::vector<at::Tensor> targets;
  size_t pair = 0;
  for (size_t m = 0; m < 3; ++m) {
    std::vector<at::Tensor> parts;
    for (size_t source = 0; source < 3; ++source) {
      if (source == m) continue;
      const auto name = numbered("cross", pair++);
      if (tokens[m].size(0) > 0)
        parts.push_back(transform(embedded[m], &embedded[source], name, config.layers));
    }
    if (parts.empty()) {
      targets.push_back(net.get("missing")[static_cast<int64_t>(m)]);
      continue;
    }
    const auto x_ND = transform(embed(at::cat(parts, 1)), nullptr, numbered("memory", m), 3);
    if (config.pooling == TokenPooling::kLast) {
      targets.push_back(x_ND[-1]);
    } else if (config.pooling == TokenPooling::kMean) {
      targets.push_back(x_ND.mean(0));
    } else {
      targets.push_back(net.linear(x_ND, numbered("score", m)).softmax(0).t().matmul(x_ND).squeeze(0));
    }
  }
  const auto z = at::cat(targets, 0).unsqueeze(0);
  return (z + net.linear(net.linear(z, "hidden").relu(), "output")).squeeze(0);
}

TEST_F(TokenFusionTest, MultIsThePapersFormulas) {
  for (const auto pooling : {TokenPooling::kLast, TokenPooling::kMean, TokenPooling::kAttention}) {
    MultFusionConfig config;
    config.width = 4;
    config.heads = 2;
    config.layers = 2;
    config.kernel = pooling == TokenPooling::kLast ? 1 : 3;
    config.pooling = pooling;
    const auto fusion = built(config);
    const NaiveLayers net(*fusion->as_module());
    expect_parity(*fusion, [&](const auto& tokens) { return naive_mult(net, config, tokens); });
  }
}

TEST_F(TokenFusionTest, MbtIsThePapersFormulas) {
  MbtFusionConfig config;
  config.width = 6;
  config.heads = 3;
  config.hidden = 5;
  config.layers = 3;
  config.fusion_layer = 1;
  config.bottlenecks = 2;
  const auto fusion = built(config);
  const NaiveLayers net(*fusion->as_module());
  expect_parity(*fusion, [&](const std::vector<at::Tensor>& tokens) {
    std::vector<at::Tensor> x;
    for (size_t m = 0; m < 3; ++m)
      x.push_back(net.linear(tokens[m], numbered("input", m)) + naive_positions(tokens[m].size(0), 6));
    auto shared = net.get("bottleneck");
    for (size_t l = 0; l < 3; ++l) {
      std::vector<at::Tensor> own;
      for (size_t m = 0; m < 3; ++m) {
        const int64_t num_tokens = x[m].size(0);
        if (num_tokens == 0) continue;
        const auto name = numbered("layers", m * 3 + l);
        const auto y = net.block(l == 0 ? x[m] : at::cat({x[m], shared}), nullptr, name, 3, false);
        x[m] = y.narrow(0, 0, num_tokens);
        if (l > 0) own.push_back(y.narrow(0, num_tokens, 2));
      }
      if (!own.empty()) shared = at::stack(own).mean(0);
    }
    std::vector<at::Tensor> pooled;
    for (size_t m = 0; m < 3; ++m) {
      if (x[m].size(0) > 0) pooled.push_back(net.norm(x[m], numbered("norm", m)).mean(0));
    }
    return pooled.empty() ? net.get("missing") : at::stack(pooled).mean(0);
  });
}

TEST_F(TokenFusionTest, PerceiverIsThePapersFormulas) {
  PerceiverFusionConfig config;
  config.width = 6;
  config.heads = 3;
  config.hidden = 5;
  config.layers = 2;
  config.latents = 4;
  const auto fusion = built(config);
  const NaiveLayers net(*fusion->as_module());
  expect_parity(*fusion, [&](const std::vector<at::Tensor>& tokens) {
    std::vector<at::Tensor> x;
    for (size_t m = 0; m < 3; ++m) {
      x.push_back(net.linear(tokens[m], numbered("input", m)) + naive_positions(tokens[m].size(0), 6) +
                  net.get("code")[static_cast<int64_t>(m)]);
    }
    const auto all = at::cat(x);
    auto latent = net.block(net.get("latent"), &all, "read", 1, false);
    for (size_t l = 0; l < 2; ++l) latent = net.block(latent, nullptr, numbered("layers", l), 3, false);
    return net.block(net.get("query").unsqueeze(0), &latent, "answer", 1, false).squeeze(0);
  });
}

TEST_F(TokenFusionTest, BottleneckTokensAreTheOnlyWayBetweenModalities) {
  MbtFusionConfig config;
  config.width = 6;
  config.heads = 3;
  config.hidden = 5;
  config.layers = 2;
  config.fusion_layer = 1;
  const auto fusion = built(config);
  at::NoGradGuard no_grad;
  auto input = make_input();
  // With one layer of exchange, text reads bottlenecks that have not met the face yet: a changed face moves
  // the face's part of the mean only, by the same whatever the text is.
  const auto moved = [&] {
    auto changed = input;
    changed.modalities[2].tokens_BTD = input.modalities[2].tokens_BTD * 2.0;
    return (fusion->fuse(changed).fused_BD - fusion->fuse(input).fused_BD)[0];
  };
  const auto before = moved();
  EXPECT_GT(before.abs().max().item<double>(), 1e-3);
  input.modalities[0].tokens_BTD = at::randn_like(input.modalities[0].tokens_BTD);
  EXPECT_LT((moved() - before).abs().max().item<double>(), 1e-12);
}

TEST_F(TokenFusionTest, MistakesAreErrors) {
  const auto problem = [](const FusionConfig& config, size_t num_modalities) {
    const std::vector<ModalityShape> some(kTokenModalities.begin(),
                                          kTokenModalities.begin() + static_cast<int64_t>(num_modalities));
    return test::error_of([&] { build_fusion(config, some); }, ErrorCode::kConfig);
  };
  EXPECT_EQ(problem(MultFusionConfig{}, 1), "fusion 'mult' wants two modalities or more, got 1");
  const auto unreadable = [](const std::string& yaml) {
    return test::error_of([&] { config::load_text<MultFusionConfig>(yaml, "recipe.yaml", {}); },
                          ErrorCode::kConfig);
  };
  EXPECT_NE(unreadable("{width: 32}").find("must be even and a multiple of heads"), std::string::npos);
  EXPECT_NE(unreadable("{kernel: 2}").find("must be odd"), std::string::npos);
  EXPECT_NE(unreadable("{causal: true}").find("wants `over: turns`"), std::string::npos);
  EXPECT_NE(
      test::error_of([] { config::load_text<MbtFusionConfig>("{fusion_layer: 12}", "recipe.yaml", {}); },
                     ErrorCode::kConfig)
          .find("must be below layers"),
      std::string::npos);
}

}  // namespace
}  // namespace limbic::nn
