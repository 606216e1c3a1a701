#include "limbic/train/ema.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "limbic/core/error.h"

namespace limbic::train {

Ema::Ema(const EmaConfig& config, State weights) : config_(config), live_(std::move(weights)) {
  if (!is_on()) return;
  for (const auto& [name, tensor] : live_) shadow_[name] = tensor.detach().clone();
}

void Ema::update(int64_t num_steps) {
  if (!is_on()) return;
  const c10::AutoGradMode no_grad(false);
  const auto n = static_cast<double>(num_steps);
  const double decay = std::min(config_.decay, (1 + n) / (10 + n));
  for (auto& [name, shadow] : shadow_) {
    const at::Tensor& live = live_.at(name);
    if (shadow.is_floating_point()) {
      shadow.lerp_(live, 1 - decay);
    } else {
      shadow.copy_(live);
    }
  }
}

void Ema::swap() {
  const c10::AutoGradMode no_grad(false);
  for (auto& [name, shadow] : shadow_) {
    at::Tensor& live = live_.at(name);
    const at::Tensor kept = live.clone();
    live.copy_(shadow);
    shadow.copy_(kept);
  }
}

void Ema::load(const State& shadow) {
  for (const auto& [name, tensor] : shadow_) {
    const auto found = shadow.find(name);
    require(found != shadow.end() && found->second.sizes() == tensor.sizes() &&
                found->second.scalar_type() == tensor.scalar_type(),
            ErrorCode::kModel, "averaged weights: '" + name + "' is missing or has another shape or type");
  }
  for (auto& [name, tensor] : shadow_) tensor.copy_(shadow.at(name));
}

}  // namespace limbic::train
