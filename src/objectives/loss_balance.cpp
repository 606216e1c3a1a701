#include "limbic/objectives/loss_balance.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace limbic::objectives {
namespace {

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

/// Gradients of one part, parameter by parameter; undefined where it does not depend on one.
using Gradients = std::vector<at::Tensor>;

/// What several objectives may pull at: all but heads and what objectives own.
bool is_shared(const std::string& name) {
  constexpr std::array<const char*, 4> kOwn = {"heads.", "modality_heads.", "crf.", "objectives."};
  return std::none_of(kOwn.begin(), kOwn.end(),
                      [&](const char* prefix) { return name.rfind(prefix, 0) == 0; });
}

double plain_sum(const StepLoss& loss) {
  return loss.total().item<double>();
}

/// Every part by itself. The graph is gone after the last one.
std::vector<Gradients> gradients_of(const StepLoss& loss, const Parameters& parameters) {
  torch::autograd::variable_list inputs;
  for (const auto& [name, parameter] : parameters) inputs.push_back(parameter);
  std::vector<Gradients> gradients;
  for (size_t i = 0; i < loss.parts.size(); ++i) {
    const bool is_last = i + 1 == loss.parts.size();
    if (!loss.parts[i].total.requires_grad()) {
      gradients.emplace_back(inputs.size());
      continue;
    }
    gradients.push_back(torch::autograd::grad({loss.parts[i].total}, inputs, /*grad_outputs=*/{},
                                              /*retain_graph=*/!is_last, /*create_graph=*/false,
                                              /*allow_unused=*/true));
  }
  return gradients;
}

/// Adds weight * gradient to what the parameters have.
void accumulate(const Parameters& parameters, const Gradients& gradients, double weight) {
  for (size_t p = 0; p < parameters.size(); ++p) {
    if (!gradients[p].defined()) continue;
    auto& sum = parameters[p].second.mutable_grad();
    sum = sum.defined() ? sum + gradients[p] * weight : gradients[p] * weight;
  }
}

class FixedLossBalance final : public LossBalance {
 public:
  double backward(const StepLoss& loss, const Parameters& /*parameters*/) override {
    const auto total = loss.total();
    const auto value = total.item<double>();
    if (std::isfinite(value)) total.backward();
    return value;
  }
};

struct UncertaintyModule final : torch::nn::Module {
  explicit UncertaintyModule(int64_t count)
      : log_variance_N(register_parameter("log_variance", at::zeros({count}))) {}
  at::Tensor log_variance_N;
};

class UncertaintyLossBalance final : public LossBalance {
 public:
  explicit UncertaintyLossBalance(int64_t count) : module_(std::make_shared<UncertaintyModule>(count)) {}

  double backward(const StepLoss& loss, const Parameters& /*parameters*/) override {
    const double value = plain_sum(loss);
    if (!std::isfinite(value)) return value;
    const auto s_N = log_variance_N();
    at::Tensor total;
    for (size_t i = 0; i < loss.parts.size(); ++i) {
      const auto s = s_N[static_cast<int64_t>(i)].to(loss.parts[i].total.device());
      const auto part = (-s).exp() * loss.parts[i].total + s / 2;
      total = total.defined() ? total + part : part;
    }
    total.backward();
    return value;
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }
  std::vector<double> weights() const override {
    const auto weight_N = (-log_variance_N()).exp().detach().to(at::kDouble).cpu().contiguous();
    return {weight_N.data_ptr<double>(), weight_N.data_ptr<double>() + weight_N.numel()};
  }

 private:
  /// A loss that falls below zero (likelihoods) would drive its weight to infinity.
  at::Tensor log_variance_N() const { return module_->log_variance_N.clamp(-5.0, 5.0); }

  std::shared_ptr<UncertaintyModule> module_;
};

struct GradNormModule final : torch::nn::Module {
  explicit GradNormModule(int64_t count)
      : weight_N(register_buffer("weight", at::ones({count}, at::kDouble))),
        first_loss_N(register_buffer("first_loss", at::zeros({count}, at::kDouble))) {}
  at::Tensor weight_N;
  at::Tensor first_loss_N;  ///< 0 = none yet
};

class GradNormLossBalance final : public LossBalance {
 public:
  GradNormLossBalance(GradNormBalance config, int64_t count)
      : config_(config), module_(std::make_shared<GradNormModule>(count)) {}

  double backward(const StepLoss& loss, const Parameters& parameters) override {
    const double value = plain_sum(loss);
    if (!std::isfinite(value)) return value;
    const auto gradients = gradients_of(loss, parameters);
    auto* weight = module_->weight_N.data_ptr<double>();
    for (size_t i = 0; i < gradients.size(); ++i) accumulate(parameters, gradients[i], weight[i]);
    adapt(loss, gradients, parameters);
    return value;
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return module_; }
  std::vector<double> weights() const override {
    const auto* weight = module_->weight_N.data_ptr<double>();
    return {weight, weight + module_->weight_N.numel()};
  }

 private:
  /// One step of the weights on sum_i |w_i ||g_i|| - target_i|, targets held fixed; then their sum is n
  /// again.
  void adapt(const StepLoss& loss, const std::vector<Gradients>& gradients, const Parameters& parameters) {
    auto* weight = module_->weight_N.data_ptr<double>();
    auto* first_loss = module_->first_loss_N.data_ptr<double>();
    std::vector<size_t> active;
    std::vector<double> norm(gradients.size(), 0.0);
    std::vector<double> rate(gradients.size(), 0.0);
    double mean_norm = 0.0;
    double mean_rate = 0.0;
    for (size_t i = 0; i < gradients.size(); ++i) {
      norm[i] = shared_norm(gradients[i], parameters);
      const double now = loss.parts[i].total.item<double>();
      if (first_loss[i] == 0.0 && now > 0) first_loss[i] = now;
      if (first_loss[i] == 0.0 || norm[i] == 0.0) continue;
      rate[i] = now / first_loss[i];
      mean_norm += weight[i] * norm[i];
      mean_rate += rate[i];
      active.push_back(i);
    }
    if (active.size() < 2 || mean_rate <= 0) return;
    mean_norm /= static_cast<double>(active.size());
    mean_rate /= static_cast<double>(active.size());
    double before = 0.0;
    double after = 0.0;
    for (const size_t i : active) {
      const double target = mean_norm * std::pow(std::max(rate[i], 0.0) / mean_rate, config_.alpha);
      const double slope = weight[i] * norm[i] > target ? norm[i] : -norm[i];
      before += weight[i];
      // The size of a gradient depends on the model: relative to the mean, the step does not.
      weight[i] = std::max(weight[i] - config_.lr * slope / std::max(mean_norm, 1e-12), 1e-3);
      after += weight[i];
    }
    for (const size_t i : active) weight[i] *= before / after;
  }

  static double shared_norm(const Gradients& gradients, const Parameters& parameters) {
    double square = 0.0;
    for (size_t p = 0; p < parameters.size(); ++p) {
      if (gradients[p].defined() && is_shared(parameters[p].first))
        square += gradients[p].square().sum().item<double>();
    }
    return std::sqrt(square);
  }

  GradNormBalance config_;
  std::shared_ptr<GradNormModule> module_;
};

class PcGradLossBalance final : public LossBalance {
 public:
  double backward(const StepLoss& loss, const Parameters& parameters) override {
    const double value = plain_sum(loss);
    if (!std::isfinite(value)) return value;
    const auto gradients = gradients_of(loss, parameters);
    for (size_t i = 0; i < gradients.size(); ++i) {
      auto own = gradients[i];
      const auto order = at::randperm(static_cast<int64_t>(gradients.size()), at::TensorOptions(at::kLong));
      for (int64_t k = 0; k < order.numel(); ++k) {
        const auto j = static_cast<size_t>(order.data_ptr<int64_t>()[k]);
        if (j != i) project(own, gradients[j], parameters);
      }
      accumulate(parameters, own, 1.0);
    }
    return value;
  }

 private:
  /// own -= min(0, <own, other>) / ||other||^2 * other, over the shared parameters.
  static void project(Gradients& own, const Gradients& other, const Parameters& parameters) {
    double dot = 0.0;
    double square = 0.0;
    for (size_t p = 0; p < parameters.size(); ++p) {
      if (!other[p].defined() || !is_shared(parameters[p].first)) continue;
      square += other[p].square().sum().item<double>();
      if (own[p].defined()) dot += (own[p] * other[p]).sum().item<double>();
    }
    if (dot >= 0 || square == 0) return;
    for (size_t p = 0; p < parameters.size(); ++p) {
      if (!other[p].defined() || !is_shared(parameters[p].first)) continue;
      const auto moved = other[p] * (-dot / square);
      own[p] = own[p].defined() ? own[p] + moved : moved;
    }
  }
};

std::unique_ptr<LossBalance> build(const FixedBalance& /*config*/, int64_t /*count*/) {
  return std::make_unique<FixedLossBalance>();
}
std::unique_ptr<LossBalance> build(const UncertaintyBalance& /*config*/, int64_t count) {
  return std::make_unique<UncertaintyLossBalance>(count);
}
std::unique_ptr<LossBalance> build(const GradNormBalance& config, int64_t count) {
  return std::make_unique<GradNormLossBalance>(config, count);
}
std::unique_ptr<LossBalance> build(const PcGradBalance& /*config*/, int64_t /*count*/) {
  return std::make_unique<PcGradLossBalance>();
}

}  // namespace

std::unique_ptr<LossBalance> build_loss_balance(const BalanceConfig& config, int64_t num_objectives) {
  return std::visit([&](const auto& chosen) { return build(chosen, num_objectives + 1); }, config);
}

}  // namespace limbic::objectives
