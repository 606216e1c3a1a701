#include "limbic/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <limits>

#include "limbic/train/ema.h"
#include "support/paths.h"

namespace limbic::train {
namespace {

torch::nn::Sequential tiny_net() {
  at::manual_seed(3);
  return torch::nn::Sequential(torch::nn::Linear(5, 7), torch::nn::Tanh(), torch::nn::Linear(7, 2));
}

Optimizer::NamedTensors named(torch::nn::Sequential& net) {
  Optimizer::NamedTensors all;
  for (const auto& item : net->named_parameters()) all.emplace_back(item.key(), item.value());
  return all;
}

void backward(torch::nn::Sequential& net, int64_t step) {
  at::manual_seed(100 + static_cast<uint64_t>(step));
  net->zero_grad();
  net->forward(at::randn({4, 5})).pow(2).sum().backward();
}

/// LibTorch's own optimizers are the judge. They decay every parameter, ours no vectors: biases get a group
/// of their own.
template <class TorchOptimizer, class Options>
void expect_same_path(const OptimizerConfig& config, const Options& decayed, const Options& plain) {
  auto ours = tiny_net();
  auto theirs = tiny_net();
  auto optimizer = build_optimizer(config, named(ours));
  std::vector<at::Tensor> matrices;
  std::vector<at::Tensor> vectors;
  for (const auto& p : theirs->parameters()) (p.dim() > 1 ? matrices : vectors).push_back(p);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(matrices, std::make_unique<Options>(decayed));
  groups.emplace_back(vectors, std::make_unique<Options>(plain));
  TorchOptimizer judge(groups, decayed);
  for (int64_t step = 0; step < 20; ++step) {
    backward(ours, step);
    backward(theirs, step);
    optimizer->step(1.0);
    judge.step();
  }
  const auto a = ours->parameters();
  const auto b = theirs->parameters();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::allclose(a[i], b[i], 1e-5, 1e-7));
}

TEST(Optimizer, AdamWFollowsLibTorchs) {
  AdamWConfig config;
  config.lr = 1e-2;
  config.weight_decay = 0.1;
  const auto options = torch::optim::AdamWOptions(1e-2).weight_decay(0.1);
  expect_same_path<torch::optim::AdamW>(config, options, torch::optim::AdamWOptions(1e-2).weight_decay(0.0));
}

TEST(Optimizer, SgdWithNesterovMomentumFollowsLibTorchs) {
  SgdConfig config;
  config.lr = 1e-2;
  config.weight_decay = 0.0;  // torch's decay is not decoupled
  const auto options = torch::optim::SGDOptions(1e-2).momentum(0.9).nesterov(true);
  expect_same_path<torch::optim::SGD>(config, options, options);
}

TEST(Optimizer, StateGoesOnBitForBit) {
  auto straight = tiny_net();
  auto optimizer = build_optimizer(AdamWConfig{}, named(straight));
  for (int64_t step = 0; step < 6; ++step) {
    backward(straight, step);
    optimizer->step(0.5);
  }
  auto resumed = tiny_net();
  auto first = build_optimizer(AdamWConfig{}, named(resumed));
  for (int64_t step = 0; step < 3; ++step) {
    backward(resumed, step);
    first->step(0.5);
  }
  const auto state = first->state();
  auto second = build_optimizer(AdamWConfig{}, named(resumed));
  second->load_state(state);
  for (int64_t step = 3; step < 6; ++step) {
    backward(resumed, step);
    second->step(0.5);
  }
  const auto a = straight->parameters();
  const auto b = resumed->parameters();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i]));
}

TEST(Optimizer, StateOfAnotherModelIsRefusedByName) {
  auto net = tiny_net();
  auto optimizer = build_optimizer(AdamWConfig{}, named(net));
  auto state = optimizer->state();
  state["mean.0.weight"] = at::zeros({2, 2});
  const auto text = test::error_of([&] { optimizer->load_state(state); }, ErrorCode::kModel);
  EXPECT_NE(text.find("'mean.0.weight'"), std::string::npos) << text;
}

TEST(ClipGradients, ScalesTheJointNormAndLeavesNonFiniteAlone) {
  auto p = at::zeros({2}).requires_grad_(true);
  p.mutable_grad() = at::tensor({3.0f, 4.0f});
  const Optimizer::NamedTensors parameters{{"p", p}};
  EXPECT_NEAR(clip_gradients(parameters, 1.0), 5.0, 1e-6);
  EXPECT_NEAR(p.grad().norm().item<double>(), 1.0, 1e-5);
  p.mutable_grad() = at::tensor({std::numeric_limits<float>::infinity(), 4.0f});
  EXPECT_FALSE(std::isfinite(clip_gradients(parameters, 1.0)));
  EXPECT_EQ(p.grad()[1].item<float>(), 4.0f);
}

TEST(Ema, AveragesWithWarmUpAndSwapsBitForBit) {
  auto live = at::zeros({3});
  Ema ema(EmaConfig{0.9}, {{"w", live}});
  live.fill_(1.0);
  ema.update(1);  // decay_1 = min(0.9, 2/11)
  EXPECT_NEAR(ema.weights().at("w")[0].item<double>(), 1 - 2.0 / 11.0, 1e-6);
  const auto averaged = ema.weights().at("w").clone();
  ema.swap();
  EXPECT_TRUE(at::equal(live, averaged));
  ema.swap();
  EXPECT_TRUE(at::equal(live, at::ones({3})));
  EXPECT_TRUE(at::equal(ema.weights().at("w"), averaged));
}

}  // namespace
}  // namespace limbic::train
