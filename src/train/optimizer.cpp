#include "limbic/train/optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>

#include "limbic/core/error.h"

namespace limbic::train {
namespace {

/// Parameters, their state slots by name, and the checks of loading: what AdamW and SGD share.
class SlotOptimizer : public Optimizer {
 public:
  SlotOptimizer(NamedTensors parameters, std::vector<std::string> slots)
      : parameters_(std::move(parameters)), slots_(std::move(slots)) {
    for (const auto& [name, parameter] : parameters_) {
      for (const auto& slot : slots_) values_[slot + "." + name] = at::zeros_like(parameter);
    }
  }

  std::map<std::string, at::Tensor> state() const override {
    std::map<std::string, at::Tensor> copies;
    for (const auto& [name, value] : values_) copies[name] = value.detach().cpu().clone();
    copies["num_steps"] = at::scalar_tensor(num_steps_, at::kLong);
    return copies;
  }

  void load_state(const std::map<std::string, at::Tensor>& state) override {
    require(state.count("num_steps") == 1, ErrorCode::kModel, "optimizer state: 'num_steps' is missing");
    for (const auto& [name, value] : values_) {
      const auto found = state.find(name);
      require(found != state.end(), ErrorCode::kModel, "optimizer state: '" + name + "' is missing");
      require(found->second.sizes() == value.sizes() && found->second.scalar_type() == value.scalar_type(),
              ErrorCode::kModel, "optimizer state: '" + name + "' has another shape or type");
    }
    require(state.size() == values_.size() + 1, ErrorCode::kModel,
            fmt::format("optimizer state: {} tensors, expected {}", state.size(), values_.size() + 1));
    for (auto& [name, value] : values_) value.copy_(state.at(name));
    num_steps_ = state.at("num_steps").item<int64_t>();
  }

  void zero_grad() override {
    for (const auto& named : parameters_) {
      at::Tensor parameter = named.second;
      parameter.mutable_grad().reset();
    }
  }

  void step(double lr_scale) override {
    const c10::AutoGradMode no_grad(false);
    ++num_steps_;
    for (const auto& [name, parameter] : parameters_) {
      if (parameter.grad().defined()) update(name, parameter, lr_scale * lr());
    }
  }

 protected:
  virtual void update(const std::string& name, at::Tensor parameter, double lr) = 0;
  at::Tensor& slot(const char* slot_name, const std::string& parameter) {
    return values_.at(std::string(slot_name) + "." + parameter);
  }
  /// Biases, norm weights and other vectors are not decayed: decay would only shift their scale.
  static void decay(at::Tensor& parameter, double lr, double weight_decay) {
    if (weight_decay > 0 && parameter.dim() > 1) parameter.mul_(1 - lr * weight_decay);
  }

  NamedTensors parameters_;
  int64_t num_steps_ = 0;

 private:
  std::vector<std::string> slots_;
  std::map<std::string, at::Tensor> values_;
};

class AdamW final : public SlotOptimizer {
 public:
  AdamW(const AdamWConfig& config, NamedTensors parameters)
      : SlotOptimizer(std::move(parameters), {"mean", "square"}), config_(config) {}
  double lr() const override { return config_.lr; }

 private:
  void update(const std::string& name, at::Tensor parameter, double lr) override {
    const at::Tensor grad = parameter.grad();
    auto& mean = slot("mean", name);
    auto& square = slot("square", name);
    decay(parameter, lr, config_.weight_decay);
    mean.lerp_(grad, 1 - config_.beta1);
    square.mul_(config_.beta2).addcmul_(grad, grad, 1 - config_.beta2);
    const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(num_steps_));
    const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(num_steps_));
    const at::Tensor denominator = square.sqrt().div_(std::sqrt(correction2)).add_(config_.eps);
    parameter.addcdiv_(mean, denominator, -lr / correction1);
  }
  AdamWConfig config_;
};

class Sgd final : public SlotOptimizer {
 public:
  Sgd(const SgdConfig& config, NamedTensors parameters)
      : SlotOptimizer(std::move(parameters), {"velocity"}), config_(config) {}
  double lr() const override { return config_.lr; }

 private:
  void update(const std::string& name, at::Tensor parameter, double lr) override {
    const at::Tensor grad = parameter.grad();
    auto& velocity = slot("velocity", name);
    decay(parameter, lr, config_.weight_decay);
    velocity.mul_(config_.momentum).add_(grad);
    parameter.add_(config_.nesterov ? grad.add(velocity, config_.momentum) : velocity, -lr);
  }
  SgdConfig config_;
};

std::unique_ptr<Optimizer> build(const AdamWConfig& config, Optimizer::NamedTensors parameters) {
  return std::make_unique<AdamW>(config, std::move(parameters));
}
std::unique_ptr<Optimizer> build(const SgdConfig& config, Optimizer::NamedTensors parameters) {
  return std::make_unique<Sgd>(config, std::move(parameters));
}

}  // namespace

std::unique_ptr<Optimizer> build_optimizer(const OptimizerConfig& config,
                                           Optimizer::NamedTensors parameters) {
  return std::visit([&](const auto& c) { return build(c, std::move(parameters)); }, config);
}

double clip_gradients(const Optimizer::NamedTensors& parameters, double max_norm) {
  const c10::AutoGradMode no_grad(false);
  double sum_of_squares = 0;
  for (const auto& named : parameters) {
    const at::Tensor& grad = named.second.grad();
    if (!grad.defined()) continue;
    const double norm = grad.norm().item<double>();
    sum_of_squares += norm * norm;
  }
  const double total = std::sqrt(sum_of_squares);
  if (max_norm > 0 && std::isfinite(total) && total > max_norm) {
    for (const auto& named : parameters) {
      at::Tensor grad = named.second.grad();
      if (grad.defined()) grad.mul_(max_norm / (total + 1e-6));
    }
  }
  return total;
}

}  // namespace limbic::train
