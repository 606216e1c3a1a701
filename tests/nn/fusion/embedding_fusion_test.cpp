// Each fusion of embeddings against the formulas of its paper, written naively.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "fusion/fusion_cases.h"
#include "limbic/core/error.h"
#include "limbic/core/rng.h"
#include "limbic/nn/state.h"

namespace limbic::nn {
namespace {

/// A fusion in double, its weights by name, and a batch of embeddings.
struct FusionBench {
  FusionBench(const FusionConfig& config, int64_t num_modalities, const at::Tensor& present_BM) {
    core::seed_torch(31);
    fusion = build_fusion(config, fusion_modalities(num_modalities));
    fusion->as_module()->to(at::kDouble);
    state = state_of(*fusion->as_module());
    for (const auto& shape : fusion_modalities(num_modalities)) {
      x.push_back(at::randn({present_BM.size(0), shape.width}, at::kDouble).set_requires_grad(true));
      input.modalities.push_back({{}, {}, x.back()});
    }
    input.present_BM = present_BM;
  }
  at::Tensor linear(const std::string& name, const at::Tensor& v) const {
    const auto bias = state.find(name + ".bias");
    const auto y = at::matmul(v, state.at(name + ".weight").t());
    return bias == state.end() ? y : y + bias->second;
  }
  at::Tensor subnet(const std::string& name, const at::Tensor& v) const {
    return linear(name + ".layer3", linear(name + ".layer2", linear(name + ".layer1", v).relu()).relu())
        .relu();
  }
  FusionOutput fuse(bool is_training = false) {
    fusion->as_module()->train(is_training);
    return fusion->fuse(input);
  }

  std::shared_ptr<Fusion> fusion;
  State state;
  std::vector<at::Tensor> x;
  FusionInput input;
};

at::Tensor all_present(int64_t num_rows, int64_t num_modalities) {
  return at::ones({num_rows, num_modalities}, at::kBool);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

std::string fusion_error(const FusionConfig& config, int64_t num_modalities) {
  try {
    build_fusion(config, fusion_modalities(num_modalities));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(GatedFusion, WithTwoModalitiesItIsThePublishedBimodalUnit) {
  GatedFusionConfig config;
  config.width = 5;
  FusionBench bench(config, 2, torch::tensor({{true, true}, {false, true}}));
  const auto h0 = bench.linear("inputs.0", bench.x[0]).tanh();
  const auto h1 = bench.linear("inputs.1", bench.x[1]).tanh();
  const auto score = bench.linear("gate", at::cat({bench.x[0], bench.x[1]}, 1));
  const auto z = (score.narrow(1, 0, 5) - score.narrow(1, 5, 5)).sigmoid();
  const auto output = bench.fuse();
  EXPECT_LT(largest_difference(output.fused_BD[0], (z * h0 + (1 - z) * h1)[0]), 1e-12);
  EXPECT_NEAR(output.weight_BM[0][0].item<double>(), z[0].mean().item<double>(), 1e-12);
  // Alone, a modality is all there is.
  EXPECT_LT(largest_difference(output.fused_BD[1], h1[1]), 1e-12);
}

TEST(GatedFusion, SigmoidGatesAreIndependent) {
  GatedFusionConfig config;
  config.width = 5;
  config.gate = GateKind::kSigmoid;
  FusionBench bench(config, 3, all_present(2, 3));
  const auto z = bench.linear("gate", at::cat(bench.x, 1)).sigmoid();
  auto want = at::zeros({2, 5}, at::kDouble);
  for (int64_t m = 0; m < 3; ++m) {
    want = want + z.narrow(1, 5 * m, 5) *
                      bench.linear("inputs." + std::to_string(m), bench.x[static_cast<size_t>(m)]).tanh();
  }
  EXPECT_LT(largest_difference(bench.fuse().fused_BD, want), 1e-12);
}

TEST(AttentionFusion, WeighsWhatItsNetworkSays) {
  AttentionFusionConfig config;
  config.width = 6;
  FusionBench bench(config, 3, torch::tensor({{true, true, true}, {true, false, true}}));
  std::vector<at::Tensor> h;
  for (size_t m = 0; m < 3; ++m) h.push_back(bench.subnet("inputs." + std::to_string(m), bench.x[m]));
  h[1] = h[1] * torch::tensor({1.0, 0.0}, at::kDouble).unsqueeze(1);
  const auto score = bench.linear("score", bench.subnet("attention", at::cat(h, 1)));
  const auto share = score.exp() * torch::tensor({{1.0, 1.0, 1.0}, {1.0, 0.0, 1.0}}, at::kDouble);
  const auto weight = share / share.sum(1, true);
  const auto output = bench.fuse();
  EXPECT_LT(largest_difference(output.weight_BM, weight), 1e-12);
  const auto want =
      weight.narrow(1, 0, 1) * h[0] + weight.narrow(1, 1, 1) * h[1] + weight.narrow(1, 2, 1) * h[2];
  EXPECT_LT(largest_difference(output.fused_BD, want), 1e-12);
}

/// Element (i, j, k) of the outer product of three (1, h) vectors, as loops.
std::vector<double> outer_product(const std::vector<at::Tensor>& h) {
  std::vector<double> product = {1.0};
  for (const auto& vector : h) {
    std::vector<double> longer;
    for (const double left : product) {
      longer.push_back(left);
      for (int64_t i = 0; i < vector.numel(); ++i) longer.push_back(left * vector[i].item<double>());
    }
    product = longer;
  }
  return product;
}

TEST(TensorFusion, IsTheOuterProductWithOnesAppended) {
  TensorFusionConfig config;
  config.width = 3;
  config.widths = {{"m2", 2}};
  config.hidden = 5;
  FusionBench bench(config, 3, torch::tensor({{true, true, true}, {true, false, true}}));
  const auto output = bench.fuse();
  for (int64_t b = 0; b < 2; ++b) {
    std::vector<at::Tensor> h;
    for (size_t m = 0; m < 3; ++m) {
      h.push_back(bench.subnet("inputs.layers." + std::to_string(m), bench.x[m][b]));
    }
    if (b == 1) h[1] = at::zeros_like(h[1]);  // only its 1 counts
    const auto product = at::tensor(outer_product(h), at::kDouble);
    ASSERT_EQ(product.numel(), 4 * 4 * 3);
    const auto want = bench.linear("layer2", bench.linear("layer1", product).relu()).relu();
    EXPECT_LT(largest_difference(output.fused_BD[b], want), 1e-12);
  }
}

TEST(TensorFusion, RefusesAProductThatFillsTheMemory) {
  TensorFusionConfig config;
  config.width = 128;
  EXPECT_NE(fusion_error(config, 4).find("use a smaller width, or type: lmf"), std::string::npos);
  config.width = 8;
  config.widths = {{"mO", 3}};
  EXPECT_NE(fusion_error(config, 2).find("there is no modality 'mO', only m0, m1"), std::string::npos);
}

TEST(LowRankFusion, IsTensorFusionWithALowRankWeightTensor) {
  LowRankFusionConfig config;
  config.width = 2;
  config.rank = 3;
  config.out_width = 4;
  FusionBench bench(config, 3, torch::tensor({{true, true, true}, {true, false, true}}));
  const auto output = bench.fuse();
  // The weight of the (i, j, k)-th product for output o is the sum over ranks of the factors' product.
  auto weight_OP = at::zeros({4, 27}, at::kDouble);
  for (int64_t r = 0; r < 3; ++r) {
    const auto a = bench.state.at("factor_0")[r];
    const auto b = bench.state.at("factor_1")[r];
    const auto c = bench.state.at("factor_2")[r];
    for (int64_t p = 0; p < 27; ++p) {
      weight_OP.select(1, p).add_(bench.state.at("rank_weight")[0][r] * a[p / 9] * b[p / 3 % 3] * c[p % 3]);
    }
  }
  for (int64_t row = 0; row < 2; ++row) {
    std::vector<at::Tensor> h;
    for (size_t m = 0; m < 3; ++m) {
      h.push_back(bench.subnet("inputs.layers." + std::to_string(m), bench.x[m][row]));
    }
    if (row == 1) h[1] = at::zeros_like(h[1]);
    const auto want = at::mv(weight_OP, at::tensor(outer_product(h), at::kDouble)) + bench.state.at("bias");
    EXPECT_LT(largest_difference(output.fused_BD[row], want), 1e-12);
  }
}

TEST(LowRankFusion, FactorsBeginXavierNormal) {
  LowRankFusionConfig config;
  config.width = 63;
  config.rank = 8;
  config.out_width = 50;
  core::seed_torch(5);
  const auto fusion = build_fusion(config, fusion_modalities(2));
  const auto state = state_of(*fusion->as_module());
  EXPECT_NEAR(state.at("factor_1").std().item<double>(), std::sqrt(2.0 / ((64 + 8) * 50)), 1e-3);
  EXPECT_EQ(state.at("bias").abs().max().item<double>(), 0.0);
}

at::Tensor normalised(const at::Tensor& x) {
  return (x - x.mean(-1, true)) / (x.var(-1, false, true) + 1e-5).sqrt();
}

/// The vectors of one modality in MISA.
struct MisaVectors {
  MisaVectors(const FusionBench& bench, size_t m) {
    const auto name = "." + std::to_string(m);
    common = normalised(bench.linear("project" + name, bench.x[m]).relu()) *
                 bench.state.at("project_norm" + name + ".weight") +
             bench.state.at("project_norm" + name + ".bias");
    own = bench.linear("private" + name, common).sigmoid();
    shared = bench.linear("shared", common).sigmoid();
  }
  at::Tensor common, own, shared;
};

TEST(MisaFusion, ATransformerLayerReadsTheVectorsOfThePresent) {
  MisaFusionConfig config;
  config.width = 4;
  config.transformer_hidden = 6;
  FusionBench bench(config, 2, torch::tensor({{true, true}, {true, false}}));
  const auto fused_BD = bench.fuse().fused_BD;
  const MisaVectors first(bench, 0);
  const MisaVectors second(bench, 1);
  for (int64_t b = 0; b < 2; ++b) {
    const auto x = b == 0 ? at::stack({first.own[b], second.own[b], first.shared[b], second.shared[b]})
                          : at::stack({first.own[b], first.shared[b]});
    std::vector<at::Tensor> heads;
    for (int64_t h = 0; h < 2; ++h) {
      const auto part = [&](const std::string& name) {
        return bench.linear("transformer.attention." + name, normalised(x)).narrow(1, 2 * h, 2);
      };
      const auto weight = (at::matmul(part("query"), part("key").t()) / std::sqrt(2.0)).softmax(1);
      heads.push_back(at::matmul(weight, part("value")));
    }
    const auto y = x + bench.linear("transformer.attention.out", at::cat(heads, 1));
    const auto hidden = bench.linear("transformer.linear1", normalised(y)).relu();
    const auto z = y + bench.linear("transformer.linear2", hidden);
    const auto zero = at::zeros({4}, at::kDouble);
    const auto all = b == 0 ? z.flatten() : at::cat({z[0], zero, z[1], zero});
    EXPECT_LT(largest_difference(fused_BD[b], bench.linear("last", all).relu()), 1e-9) << b;
  }
}

TEST(MisaFusion, LossesAreThePublishedOnes) {
  MisaFusionConfig config;
  config.width = 4;
  config.transformer_hidden = 6;
  config.transformer_dropout = config.dropout = 0.0;
  FusionBench bench(config, 2,
                    torch::tensor({{true, true}, {true, true}, {true, false}, {true, true}, {false, true}}));
  const auto losses = bench.fuse(true).losses;
  const std::vector<MisaVectors> v = {{bench, 0}, {bench, 1}};
  const auto rows = [](const at::Tensor& x, const std::vector<int64_t>& index) {
    return x.index_select(0, at::tensor(index, at::kLong));
  };
  const std::vector<std::vector<int64_t>> present = {{0, 1, 2, 3}, {0, 1, 3, 4}};
  const std::vector<int64_t> both = {0, 1, 3};
  const auto overlap = [](at::Tensor a, at::Tensor b) {
    a = a - a.mean(0, true);
    b = b - b.mean(0, true);
    a = a / (a.norm(2, 1, true) + 1e-6);
    b = b / (b.norm(2, 1, true) + 1e-6);
    // At 64 rows of 128 units, the authors', it is theirs.
    const double rows_per_unit = static_cast<double>(a.size(0)) / static_cast<double>(a.size(1));
    return at::matmul(a.t(), b).pow(2).mean().item<double>() * std::pow(0.5 / rows_per_unit, 2);
  };
  double difference = overlap(rows(v[0].own, both), rows(v[1].own, both));
  double reconstruction = 0.0;
  for (size_t m = 0; m < 2; ++m) {
    const auto own = rows(v[m].own, present[m]);
    const auto shared = rows(v[m].shared, present[m]);
    difference += overlap(own, shared);
    reconstruction +=
        (bench.linear("reconstruct." + std::to_string(m), own + shared) - rows(v[m].common, present[m]))
            .pow(2)
            .mean()
            .item<double>() /
        2;
  }
  const auto a = rows(v[0].shared, present[0]);
  const auto b = rows(v[1].shared, present[1]);
  double similarity = (a.mean(0) - b.mean(0)).norm().item<double>();
  for (int k = 2; k <= 5; ++k) {
    similarity += ((a - a.mean(0)).pow(k).mean(0) - (b - b.mean(0)).pow(k).mean(0)).norm().item<double>();
  }
  EXPECT_NEAR(losses.at("difference").item<double>(), 0.3 * difference, 1e-9);
  EXPECT_NEAR(losses.at("reconstruction").item<double>(), reconstruction, 1e-9);
  EXPECT_NEAR(losses.at("similarity").item<double>(), similarity, 1e-9);
}

TEST(MisaFusion, AReconstructionDoesNotMoveItsTarget) {
  MisaFusionConfig config;
  FusionBench bench(config, 2, all_present(6, 2));
  {
    at::NoGradGuard no_grad;
    for (const auto* name : {"reconstruct.0.weight", "reconstruct.1.weight"}) bench.state.at(name).zero_();
  }
  // What is rebuilt does not depend on the input, so only the target could.
  bench.fuse(true).losses.at("reconstruction").backward();
  for (const auto& x : bench.x) EXPECT_EQ(x.grad().abs().max().item<double>(), 0.0);
  const auto bias = bench.fusion->as_module()->named_parameters()["reconstruct.0.bias"];
  EXPECT_GT(bias.grad().abs().max().item<double>(), 0.0);
}

TEST(MisaFusion, TheDifferenceDoesNotGrowWithTheBatch) {
  MisaFusionConfig config;
  FusionBench bench(config, 3, all_present(8, 3));
  const double once = bench.fuse(true).losses.at("difference").item<double>();
  for (auto& modality : bench.input.modalities) modality.embedding_BD = modality.embedding_BD.repeat({5, 1});
  bench.input.present_BM = all_present(40, 3);
  EXPECT_NEAR(bench.fuse(true).losses.at("difference").item<double>(), once, 1e-9);
}

/// Mean deviation over rows of what tells samples apart.
double spread(const at::Tensor& x_BD) {
  return x_BD.std(0).mean().item<double>();
}

TEST(MisaFusion, ItsLossesDoNotMakeAllSamplesAlike) {
  MisaFusionConfig config;
  config.width = 8;
  config.transformer_hidden = 16;
  config.transformer_dropout = config.dropout = 0.0;
  FusionBench bench(config, 3, all_present(128, 3));
  const auto before = std::make_pair(spread(MisaVectors(bench, 0).common), spread(MisaVectors(bench, 0).own));
  // Only the losses, no task: steps of one length.
  for (int step = 0; step < 150; ++step) {
    bench.fusion->as_module()->zero_grad();
    const auto losses = bench.fuse(true).losses;
    (losses.at("difference") + losses.at("similarity") + losses.at("reconstruction")).backward();
    at::NoGradGuard no_grad;
    auto square = at::zeros({}, at::kDouble);
    for (const auto& p : bench.fusion->as_module()->parameters()) {
      if (p.grad().defined()) square += p.grad().pow(2).sum();
    }
    for (auto& p : bench.fusion->as_module()->parameters()) {
      if (p.grad().defined()) p.sub_(p.grad() * (0.05 / square.sqrt()));
    }
  }
  const MisaVectors after(bench, 0);
  EXPECT_GT(spread(after.common), 0.7 * before.first);
  EXPECT_GT(spread(after.own), 0.7 * before.second);
}

TEST(MisaFusion, HeadsMustDivideTheWidth) {
  MisaFusionConfig config;
  config.heads = 3;
  EXPECT_NE(fusion_error(config, 2).find("heads (3) must divide width (128)"), std::string::npos);
}

TEST(MmimFusion, LossesAreTheBoundsOfThePaper) {
  MmimFusionConfig config;
  config.width = 5;
  config.dropout = 0.0;
  config.memory = 4;
  FusionBench bench(config, 2,
                    torch::tensor({{true, true}, {true, true}, {true, false}, {true, true}, {false, true}}));
  bench.input.label_B = at::tensor({0, 1, 0, 0, 1}, at::kLong);
  const auto output = bench.fuse(true);
  EXPECT_LT(largest_difference(
                output.fused_BD[0],
                bench.linear("layer2", bench.linear("layer1", at::cat(bench.x, 1)).tanh()).tanh()[0]),
            1e-12);
  const auto log_density = [&](int64_t b) {
    const auto mean = bench.linear("bounds.0.mean2", bench.linear("bounds.0.mean1", bench.x[0][b]).relu());
    const auto log_variance =
        bench.linear("bounds.0.variance2", bench.linear("bounds.0.variance1", bench.x[0][b]).relu()).tanh();
    return (-0.5 * ((bench.x[1][b] - mean).pow(2) / log_variance.exp() + log_variance)).sum().item<double>();
  };
  const double likelihood = (log_density(0) + log_density(1) + log_density(3)) / 3;
  EXPECT_NEAR(output.losses.at("likelihood").item<double>(), -likelihood, 1e-9);
  EXPECT_NEAR(output.losses.at("bound").item<double>(), -0.1 * likelihood, 1e-9);

  double contrast = 0.0;
  const std::vector<std::vector<int64_t>> present = {{0, 1, 2, 3}, {0, 1, 3, 4}};
  for (size_t m = 0; m < 2; ++m) {
    const auto predicted = bench.linear("predict." + std::to_string(m), output.fused_BD);
    const auto cosine = [&](int64_t i, int64_t j) {
      const auto& x = bench.x[m][i];
      return (x.dot(predicted[j]) / x.norm() / predicted[j].norm()).item<double>();
    };
    for (const int64_t i : present[m]) {
      double sum = 0.0;
      for (const int64_t j : present[m]) sum += std::exp(cosine(i, j));
      contrast += (std::log(sum) - cosine(i, i)) / 4;
    }
  }
  EXPECT_NEAR(output.losses.at("contrast").item<double>(), 0.1 * contrast, 1e-9);

  // Rows 0, 3 are of class 0 (row 2 lacks the modality), rows 1, 4 of class 1. The width 5 of m1 gives one
  // projected value, so a class's entropy is half the logarithm of a variance.
  const auto z = (at::matmul(bench.x[1], bench.state.at("bounds.0.projection").t()) +
                  bench.state.at("bounds.0.projection_bias"))
                     .tanh()
                     .squeeze(1);
  const auto log_variance = [&](int64_t i, int64_t j) {
    return std::log(std::pow((z[i] - z[j]).item<double>() / 2, 2) + 1e-3);
  };
  EXPECT_NEAR(output.losses.at("entropy").item<double>(),
              -0.1 * 0.5 * (log_variance(0, 3) + log_variance(1, 4)) / 2, 1e-9);
}

TEST(MmimFusion, OneLossFitsThePredictorAndTheOtherMovesTheEncoders) {
  MmimFusionConfig config;
  config.dropout = 0.0;
  FusionBench bench(config, 2, all_present(6, 2));
  const auto output = bench.fuse(true);
  output.losses.at("likelihood").backward({}, /*retain_graph=*/true);
  EXPECT_FALSE(bench.x[0].grad().defined());
  const auto weight = bench.fusion->as_module()->named_parameters()["bounds.0.mean1.weight"];
  ASSERT_TRUE(weight.grad().defined());
  const auto before = weight.grad().clone();
  output.losses.at("bound").backward();
  EXPECT_TRUE(at::equal(weight.grad(), before));
  EXPECT_GT(bench.x[0].grad().abs().max().item<double>(), 0.0);
  EXPECT_GT(bench.x[1].grad().abs().max().item<double>(), 0.0);
}

TEST(MmimFusion, TheMemoryHoldsTheNewestSamples) {
  MmimFusionConfig config;
  config.memory = 4;
  FusionBench bench(config, 2, all_present(3, 2));
  bench.input.label_B = at::tensor({2, 0, 1}, at::kLong);
  bench.fuse(true);
  EXPECT_TRUE(
      at::equal(bench.state.at("bounds.0.memory_label"), at::tensor({2.0, 0.0, 1.0, -1.0}, at::kDouble)));
  bench.input.label_B = at::tensor({1, -1, 1}, at::kLong);
  bench.fuse(true);
  EXPECT_TRUE(
      at::equal(bench.state.at("bounds.0.memory_label"), at::tensor({1.0, -1.0, 1.0, 2.0}, at::kDouble)));
}

TEST(MmimFusion, TheMainModalityIsTextUnlessNamed) {
  MmimFusionConfig config;
  auto shapes = fusion_modalities(3);
  shapes[2].name = "text";
  // The bounds' predictors read the main modality, here 6 wide.
  const auto fusion = build_fusion(config, shapes);
  EXPECT_EQ(state_of(*fusion->as_module()).at("bounds.0.mean1.weight").size(1), 6);
  config.main = "voice";
  EXPECT_NE(fusion_error(config, 2).find("there is no modality 'voice', only m0, m1"), std::string::npos);
}

}  // namespace
}  // namespace limbic::nn
