// Parity of the fusions over dialogues with their papers' formulas, node by node over what is present.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "fusion/fusion_cases.h"
#include "fusion_tokens/naive_layers.h"
#include "limbic/config/config.h"
#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::nn {
namespace {

using test_support::naive_positions;
using test_support::NaiveLayers;

constexpr int64_t kTurns = 5;
constexpr size_t kChannels = 3;

std::string indexed(const std::string& name, size_t i) {
  return name + "." + std::to_string(i);
}

/// One dialogue of five turns: turn 1 lacks m0, turn 2 has m2 only, turn 3 nothing; speakers 0, 1, 1, 2, -.
class PublishedFusionTest : public testing::Test {
 protected:
  void SetUp() override {
    core::seed_torch(71);
    for (size_t m = 0; m < kChannels; ++m)
      x_UD_.push_back(at::randn({kTurns, modalities_[m].width}, at::kDouble));
    present_UM_ = at::tensor({1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0}).view({kTurns, 3}).to(at::kBool);
  }

  std::shared_ptr<Fusion> built(const FusionConfig& config) const {
    const auto fusion = build_fusion(config, modalities_);
    fusion->as_module()->to(at::kDouble);
    fusion->as_module()->eval();
    at::NoGradGuard no_grad;
    for (auto& parameter : fusion->as_module()->parameters()) parameter.add_(at::randn_like(parameter) * 0.3);
    return fusion;
  }
  FusionOutput fused(Fusion& fusion) const {
    at::NoGradGuard no_grad;
    FusionInput input;
    for (const auto& x : x_UD_) input.modalities.push_back({{}, {}, x});
    input.present_BM = present_UM_;
    input.grid = make_dialogue_grid({at::zeros({kTurns}, at::kLong), at::arange(kTurns, at::kLong),
                                     at::tensor({8, 3, 3, 5, -1}, at::kLong)},
                                    kTurns, at::kCPU);
    return fusion.fuse(input);
  }
  bool has(int64_t u, size_t m) const { return present_UM_[u][static_cast<int64_t>(m)].item<bool>(); }
  std::vector<int64_t> turns_with(size_t m) const {
    std::vector<int64_t> turns;
    for (int64_t u = 0; u < kTurns; ++u) {
      if (has(u, m)) turns.push_back(u);
    }
    return turns;
  }
  /// What speaker_DU says of a turn as the row of an embedding of two speakers; zero where unknown.
  static at::Tensor speaker_of(const NaiveLayers& net, int64_t u) {
    const std::vector<int64_t> row = {0, 1, 1, 1, -1};  // the third speaker shares the second's
    const auto& weight = net.get("speaker.weight");
    const int64_t r = row[static_cast<size_t>(u)];
    return r < 0 ? at::zeros({weight.size(1)}, at::kDouble) : weight[r];
  }
  static double error_of_rows(const at::Tensor& got, const std::vector<at::Tensor>& want) {
    return (got - at::stack(want)).abs().max().item<double>();
  }

  std::vector<ModalityShape> modalities_ = fusion_modalities(kChannels);
  std::vector<at::Tensor> x_UD_;
  at::Tensor present_UM_;
};

TEST_F(PublishedFusionTest, PairwiseAttentionIsThePapersFormulas) {
  for (const bool is_causal : {false, true}) {
    PairwiseAttentionFusionConfig config;
    config.width = 3;
    config.causal = is_causal;
    const auto fusion = built(config);
    const NaiveLayers net(*fusion->as_module());
    const auto turn = [&](int64_t u, size_t m) {
      return net.linear(x_UD_[m][u].unsqueeze(0), indexed("input", m)).tanh().squeeze(0);
    };
    std::vector<at::Tensor> want;
    for (int64_t u = 0; u < kTurns; ++u) {
      std::vector<at::Tensor> parts;
      for (size_t m = 0; m < kChannels; ++m) {
        for (size_t k = 0; k < kChannels; ++k) {
          if (k == m) continue;
          auto sum = at::zeros({3}, at::kDouble);
          double norm = 0.0;
          for (const int64_t v : turns_with(k)) {
            if (!has(u, m) || (is_causal && v > u)) continue;
            const double weight = std::exp(turn(u, m).dot(turn(v, k)).item<double>());
            sum = sum + weight * turn(v, k);
            norm += weight;
          }
          parts.push_back(norm > 0 ? sum / norm * turn(u, m) : sum);
        }
      }
      for (size_t m = 0; m < kChannels; ++m)
        parts.push_back(has(u, m) ? turn(u, m) : net.get("missing")[static_cast<int64_t>(m)]);
      want.push_back(at::cat(parts));
    }
    EXPECT_LT(error_of_rows(fused(*fusion).fused_BD, want), 1e-12) << is_causal;
  }
}

TEST_F(PublishedFusionTest, MmgcnIsThePapersGraph) {
  for (const bool is_causal : {false, true}) {
    MmgcnFusionConfig config;
    config.width = 4;
    config.layers = 3;
    config.max_speakers = 2;
    config.causal = is_causal;
    const auto fusion = built(config);
    const NaiveLayers net(*fusion->as_module());
    struct Node {
      int64_t turn;
      size_t modality;
    };
    std::vector<Node> nodes;
    std::vector<at::Tensor> features;
    for (size_t m = 0; m < kChannels; ++m) {
      for (const int64_t u : turns_with(m)) {
        nodes.push_back({u, m});
        features.push_back(net.linear(x_UD_[m][u].unsqueeze(0), indexed("input", m)).squeeze(0) +
                           speaker_of(net, u));
      }
    }
    const auto num_nodes = static_cast<int64_t>(nodes.size());
    auto adjacency = at::zeros({num_nodes, num_nodes}, at::kDouble);
    for (int64_t i = 0; i < num_nodes; ++i) {
      for (int64_t j = 0; j < num_nodes; ++j) {
        const auto& a = nodes[static_cast<size_t>(i)];
        const auto& b = nodes[static_cast<size_t>(j)];
        const auto& x = features[static_cast<size_t>(i)];
        const auto& y = features[static_cast<size_t>(j)];
        const double cosine = (x.dot(y) / (x.norm() * y.norm())).item<double>();
        const double similarity = 1.0 - std::acos(0.99999 * cosine) / std::acos(-1.0);
        if (i == j) {
          adjacency[i][j] = 1.0;
        } else if (a.modality == b.modality) {
          if (!is_causal || b.turn <= a.turn) adjacency[i][j] = similarity;
        } else if (a.turn == b.turn) {
          adjacency[i][j] = 0.7 * similarity;
        }
      }
    }
    const auto scale = adjacency.sum(1).rsqrt().diag();
    const auto propagation = scale.matmul(adjacency).matmul(scale);
    const auto x = at::stack(features);
    const auto first = net.linear(x, "first").relu();
    auto h = first;
    for (int l = 1; l <= 3; ++l) {
      const double trust = std::log(0.5 / l + 1.0);
      const auto support = 0.9 * propagation.matmul(h) + 0.1 * first;
      const auto& weight = net.get("layer_" + std::to_string(l - 1));
      h = ((1.0 - trust) * support + trust * support.matmul(weight)).relu();
    }
    std::vector<at::Tensor> want;
    for (int64_t u = 0; u < kTurns; ++u) {
      std::vector<at::Tensor> parts;
      for (size_t m = 0; m < kChannels; ++m) {
        auto part = net.get("missing")[static_cast<int64_t>(m)];
        for (int64_t i = 0; i < num_nodes; ++i) {
          const auto& node = nodes[static_cast<size_t>(i)];
          if (node.turn == u && node.modality == m) part = at::cat({x[i], h[i]}).relu();
        }
        parts.push_back(part);
      }
      want.push_back(at::cat(parts));
    }
    EXPECT_LT(error_of_rows(fused(*fusion).fused_BD, want), 1e-12) << is_causal;
  }
}

TEST_F(PublishedFusionTest, M2fnetIsThePapersFormulas) {
  M2fnetFusionConfig config;
  config.main = "m1";
  config.width = 4;
  config.heads = 2;
  config.hidden = 5;
  config.encoders = 2;
  config.fusion_layers = 2;
  const auto fusion = built(config);
  const NaiveLayers net(*fusion->as_module());
  std::vector<at::Tensor> encoded;
  for (size_t m = 0; m < kChannels; ++m) {
    const auto turns = at::tensor(turns_with(m), at::kLong);
    auto x = net.linear(x_UD_[m].index_select(0, turns), indexed("input", m));
    for (size_t i = 0; i < 2; ++i) {
      const auto name = indexed("encoders", m * 2 + i);
      const auto h = net.norm(x + net.attention(x, x, x, name + ".attention", 2), name + ".norm1");
      x = x + net.norm(h + net.feed_forward(h, name, true), name + ".norm2");
    }
    const auto missing = net.get("missing")[static_cast<int64_t>(m)];
    encoded.push_back(missing.expand({kTurns, 4}).clone().index_copy_(0, turns, x));
  }
  auto main = encoded[1];
  for (size_t l = 0; l < 2; ++l) {
    std::vector<at::Tensor> parts;
    for (const size_t k : {0u, 2u}) {
      std::vector<int64_t> both;
      for (const int64_t u : turns_with(1)) {
        if (has(u, k)) both.push_back(u);
      }
      const auto keys = at::tensor(both, at::kLong);
      parts.push_back(net.attention(main, encoded[k].index_select(0, keys), main.index_select(0, keys),
                                    indexed("attention", l * 2 + (k == 0 ? 0 : 1)), 2));
    }
    main = main + net.linear(at::cat(parts, 1), indexed("mix", l));
  }
  const auto want = net.linear(at::cat({encoded[0], main, encoded[2]}, 1), "joined").relu();
  EXPECT_LT((fused(*fusion).fused_BD - want).abs().max().item<double>(), 1e-12);
}

TEST_F(PublishedFusionTest, SdtIsThePapersFormulas) {
  SdtFusionConfig config;
  config.width = 4;
  config.heads = 2;
  config.layers = 2;
  config.max_speakers = 2;
  const auto fusion = built(config);
  const NaiveLayers net(*fusion->as_module());
  std::vector<at::Tensor> x;
  for (size_t m = 0; m < kChannels; ++m) {
    const auto turns = turns_with(m);
    std::vector<at::Tensor> speakers;
    for (const int64_t u : turns) speakers.push_back(speaker_of(net, u));
    x.push_back(net.linear(x_UD_[m].index_select(0, at::tensor(turns, at::kLong)), indexed("input", m)) +
                naive_positions(turns, 4) + at::stack(speakers));
  }
  std::vector<at::Tensor> own;
  for (size_t m = 0; m < kChannels; ++m) {
    std::vector<at::Tensor> parts;
    for (size_t source = 0; source < kChannels; ++source) {
      const size_t pair = m * kChannels + source;
      auto h = x[m];
      for (size_t l = 0; l < 2; ++l) {
        const auto name = indexed("layers", pair * 2 + l);
        const auto query = l == 0 ? h : net.norm(h, name + ".norm1", 1e-6);
        const auto& key = source == m ? query : x[source];
        h = query + net.attention(query, key, key, name + ".attention", 2);
        h = h + net.feed_forward(net.norm(h, name + ".norm2", 1e-6), name, false);
      }
      parts.push_back(h * net.linear(h, indexed("gate", pair)).sigmoid());
    }
    own.push_back(net.linear(at::cat(parts, 1), indexed("reduce", m)));
  }
  const auto output = fused(*fusion);
  std::vector<at::Tensor> want;
  for (int64_t u = 0; u < kTurns; ++u) {
    std::vector<at::Tensor> present;
    for (size_t m = 0; m < kChannels; ++m) {
      const auto turns = turns_with(m);
      const auto at_u = std::find(turns.begin(), turns.end(), u);
      const auto got = output.embedding_BD[m][u];
      if (at_u == turns.end()) {
        EXPECT_EQ(got.abs().max().item<double>(), 0.0);
        continue;
      }
      present.push_back(own[m][at_u - turns.begin()]);
      EXPECT_LT((got - present.back().relu()).abs().max().item<double>(), 1e-12);
    }
    if (present.empty()) {
      want.push_back(net.get("missing"));
      continue;
    }
    const auto stacked = at::stack(present);
    want.push_back((net.linear(stacked, "last_gate").softmax(0) * stacked).sum(0));
  }
  EXPECT_LT(error_of_rows(output.fused_BD, want), 1e-12);
}

TEST_F(PublishedFusionTest, MistakesAreErrors) {
  const auto problem = [&](const FusionConfig& config, size_t num_modalities) {
    const std::vector<ModalityShape> some(modalities_.begin(),
                                          modalities_.begin() + static_cast<int64_t>(num_modalities));
    return test::error_of([&] { build_fusion(config, some); }, ErrorCode::kConfig);
  };
  EXPECT_EQ(problem(PairwiseAttentionFusionConfig{}, 1),
            "fusion 'pairwise_attention' wants two modalities or more, got 1");
  EXPECT_EQ(problem(M2fnetFusionConfig{}, 1), "fusion 'm2fnet' wants two modalities or more, got 1");
  M2fnetFusionConfig config;
  config.main = "m3";
  EXPECT_NE(problem(config, 3).find("there is no modality 'm3', only m0, m1, m2"), std::string::npos);
  EXPECT_NE(test::error_of([] { config::load_text<SdtFusionConfig>("{width: 20}", "recipe.yaml", {}); },
                           ErrorCode::kConfig)
                .find("must be a multiple of heads"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::nn
