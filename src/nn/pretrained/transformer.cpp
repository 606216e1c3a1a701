#include "pretrained/transformer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "blocks/layers.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Stands in for -infinity in a softmax: a row of it stays finite, forwards and backwards.
constexpr double kMasked = -1e30;

/// WavLM: the gate's units, summed in two halves.
constexpr int64_t kGateUnits = 8;

torch::nn::LayerNorm make_norm(int64_t width, double epsilon) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(epsilon));
}

at::Tensor rotated_half(const at::Tensor& x) {
  const int64_t half = x.size(-1) / 2;
  return at::cat({-x.slice(-1, half), x.slice(-1, 0, half)}, -1);
}

/// Rotates the last P of T tokens (the first are class and register tokens, which have no place).
at::Tensor rotate(const at::Tensor& x_BHTK, const AttentionContext& context) {
  const int64_t num_fixed = x_BHTK.size(2) - context.cos_PK.size(0);
  const auto patches = x_BHTK.slice(2, num_fixed);
  const auto turned = patches * context.cos_PK + rotated_half(patches) * context.sin_PK;
  return at::cat({x_BHTK.slice(2, 0, num_fixed), turned}, 2);
}

bool ends_in(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

/// The first block that is in training mode; low-rank updates are in all.
int64_t first_trained(const FoundationStackImpl& stack, const PretrainedConfig& config) {
  switch (config.tune) {
    case Tune::kFrozen:
      return stack.num_used();
    case Tune::kTop:
      return std::max<int64_t>(0, stack.num_used() - config.top_layers);
    case Tune::kAll:
    case Tune::kLora:
      break;
  }
  return 0;
}

}  // namespace

FoundationBlockImpl::FoundationBlockImpl(const FoundationBlockOptions& options) : options_(options) {
  const auto& size = options.size;
  const auto* lora = options.pretrained != nullptr && options.pretrained->tune == Tune::kLora
                         ? &options.pretrained->lora
                         : nullptr;
  const auto linear = [&](Projection which, int64_t in, int64_t to, bool bias) {
    LoraLinearImpl::Options o;
    o.in = in;
    o.out = to;
    o.bias = bias;
    if (lora != nullptr && std::count(lora->projections.begin(), lora->projections.end(), which) > 0) {
      o.rank = lora->rank;
      o.alpha = lora->alpha;
      o.dropout = lora->dropout;
    }
    return LoraLinear(o);
  };
  norm1_ = register_module("norm1", make_norm(size.width, options.epsilon));
  query = register_module("query", linear(Projection::kQuery, size.width, size.width, true));
  key = register_module("key", linear(Projection::kKey, size.width, size.width, options.key_bias));
  value = register_module("value", linear(Projection::kValue, size.width, size.width, true));
  out = register_module("out", linear(Projection::kOut, size.width, size.width, true));
  norm2_ = register_module("norm2", make_norm(size.width, options.epsilon));
  if (options.gated) gate = register_module("gate", linear(Projection::kGate, size.width, size.hidden, true));
  up = register_module("up", linear(Projection::kUp, size.width, size.hidden, true));
  down = register_module("down", linear(Projection::kDown, size.hidden, size.width, true));
  if (options.layer_scale > 0) {
    scale1_D_ = register_parameter("scale1", at::full({size.width}, options.layer_scale));
    scale2_D_ = register_parameter("scale2", at::full({size.width}, options.layer_scale));
  }
  if (options.relative_gate) {
    relative_gate_ = register_module("relative_gate", torch::nn::Linear(size.width / size.heads, kGateUnits));
    relative_const_1H11_ = register_parameter("relative_const", at::ones({1, size.heads, 1, 1}));
  }
}

at::Tensor FoundationBlockImpl::attend(const at::Tensor& x_BTD, const AttentionContext& context) {
  const int64_t batch = x_BTD.size(0);
  const int64_t num_tokens = x_BTD.size(1);
  const int64_t heads = options_.size.heads;
  const int64_t head_width = options_.size.width / heads;
  const auto split = [&](const at::Tensor& h_BTD) {
    return h_BTD.view({batch, num_tokens, heads, head_width}).transpose(1, 2);
  };
  auto query_BHTK = split(query(x_BTD) * (1.0 / std::sqrt(static_cast<double>(head_width))));
  auto key_BHTK = split(key(x_BTD));
  if (context.cos_PK.defined()) {
    query_BHTK = rotate(query_BHTK, context);
    key_BHTK = rotate(key_BHTK, context);
  }
  auto score_BHTT = at::matmul(query_BHTK, key_BHTK.transpose(2, 3));
  if (context.relative_1HTT.defined()) {
    if (options_.relative_gate) {
      const auto units_BHTU = relative_gate_(split(x_BTD));
      const auto gates = units_BHTU.view({batch, heads, num_tokens, 2, kGateUnits / 2}).sum(4).sigmoid();
      const auto scale_BHT1 =
          gates.slice(3, 0, 1) * (gates.slice(3, 1, 2) * relative_const_1H11_ - 1.0) + 2.0;
      score_BHTT = score_BHTT + scale_BHT1 * context.relative_1HTT;
    } else {
      score_BHTT = score_BHTT + context.relative_1HTT;
    }
  }
  if (context.key_bias_B11T.defined()) score_BHTT = score_BHTT + context.key_bias_B11T;
  const auto weight_BHTT = fast_dropout(score_BHTT.softmax(3), options_.attention_dropout, is_training());
  const auto mixed_BHTK = at::matmul(weight_BHTT, split(value(x_BTD)));
  return out(mixed_BHTK.transpose(1, 2).reshape({batch, num_tokens, options_.size.width}));
}

at::Tensor FoundationBlockImpl::feed_forward(const at::Tensor& x_BTD) {
  auto h = up(x_BTD);
  if (options_.gated) {
    h = at::silu(gate(x_BTD)) * h;
  } else if (options_.activation == FoundationActivation::kQuickGelu) {
    h = h * at::sigmoid(h * 1.702);
  } else {
    h = safe_gelu(h);
  }
  return down(fast_dropout(h, options_.activation_dropout, is_training()));
}

at::Tensor FoundationBlockImpl::residual(const at::Tensor& x_BTD, at::Tensor branch_BTD,
                                         const at::Tensor& scale_D) {
  branch_BTD = fast_dropout(branch_BTD, options_.dropout, is_training());
  if (scale_D.defined()) branch_BTD = branch_BTD * scale_D;
  if (options_.drop_path > 0)
    branch_BTD = drop_path(branch_BTD.unsqueeze(3), options_.drop_path, is_training()).squeeze(3);
  return x_BTD + branch_BTD;
}

at::Tensor FoundationBlockImpl::forward(const at::Tensor& x_BTD, const AttentionContext& context) {
  if (options_.norm_first) {
    const auto h_BTD = residual(x_BTD, attend(norm1_(x_BTD), context), scale1_D_);
    return residual(h_BTD, feed_forward(norm2_(h_BTD)), scale2_D_);
  }
  const auto h_BTD = norm1_(residual(x_BTD, attend(x_BTD, context), scale1_D_));
  return norm2_(residual(h_BTD, feed_forward(h_BTD), scale2_D_));
}

FoundationStackImpl::FoundationStackImpl(FoundationBlockOptions options, bool final_norm, double layer_drop)
    : options_(options), layer_(options.pretrained->layer), layer_drop_(layer_drop) {
  layers = register_module("layers", torch::nn::ModuleList());
  const auto num_layers = options.size.layers;
  for (int64_t i = 0; i < num_layers; ++i) {
    options.drop_path = options_.drop_path * static_cast<double>(i + 1) / static_cast<double>(num_layers);
    layers->push_back(FoundationBlock(options));
  }
  if (final_norm) norm = register_module("norm", make_norm(options.size.width, options.epsilon));
  if (options.pretrained->layer_mix) mix_L_ = register_parameter("mix", at::zeros({num_used() + 1}));
  options_.pretrained = nullptr;
}

int64_t FoundationStackImpl::num_used() const {
  return layer_ < 0 ? options_.size.layers : layer_;
}

at::Tensor FoundationStackImpl::forward(const at::Tensor& x_BTD, const AttentionContext& context) {
  auto h_BTD = x_BTD;
  at::Tensor weight_L;
  at::Tensor mixed_BTD;
  if (mix_L_.defined()) {
    weight_L = mix_L_.softmax(0);
    mixed_BTD = h_BTD * weight_L[0];
  }
  const int64_t num_layers = num_used();
  for (int64_t i = 0; i < num_layers; ++i) {
    const auto block = layers->ptr<FoundationBlockImpl>(static_cast<size_t>(i));
    const bool is_skipped = block->is_training() && layer_drop_ > 0 &&
                            at::rand({1}, at::kFloat).item<float>() < static_cast<float>(layer_drop_);
    if (!is_skipped) h_BTD = block->forward(h_BTD, context);
    if (i + 1 == options_.size.layers && norm) h_BTD = norm(h_BTD);
    if (mixed_BTD.defined()) mixed_BTD = mixed_BTD + h_BTD * weight_L[i + 1];
  }
  return mixed_BTD.defined() ? mixed_BTD : h_BTD;
}

void truncated_normal_(at::Tensor tensor, double std) {
  // The inverse of the distribution function of a normal variable cut at two deviations.
  const double edge = std::erf(2.0 / std::sqrt(2.0));
  at::NoGradGuard no_grad;
  tensor.uniform_(-edge, edge).erfinv_().mul_(std * std::sqrt(2.0)).clamp_(-2.0 * std, 2.0 * std);
}

at::Tensor key_bias_of(const at::Tensor& mask_BT, at::ScalarType dtype) {
  if (mask_BT.all().item<bool>()) return {};
  return mask_BT.logical_not().to(dtype).mul_(kMasked).unsqueeze(1).unsqueeze(2);
}

void choose_trained(torch::nn::Module& network, FoundationStackImpl& stack, const PretrainedConfig& config) {
  if (config.tune == Tune::kAll) return;
  for (const auto& named : network.named_parameters()) {
    const auto& name = named.key();
    const bool is_update = ends_in(name, ".lora_a") || ends_in(name, ".lora_b");
    // How layers are mixed belongs to the task, not to the published weights.
    at::Tensor(named.value()).set_requires_grad(is_update || ends_in(name, "stack.mix"));
  }
  if (config.tune != Tune::kTop) return;
  for (int64_t i = first_trained(stack, config); i < stack.num_used(); ++i) {
    for (auto& parameter : stack.layers->ptr(static_cast<size_t>(i))->parameters())
      parameter.set_requires_grad(true);
  }
  if (!stack.norm) return;
  for (auto& parameter : stack.norm->parameters()) parameter.set_requires_grad(true);
}

void set_modes(torch::nn::Module& network, FoundationStackImpl& stack, const PretrainedConfig& config,
               bool is_training) {
  network.train(is_training && config.tune == Tune::kAll);
  for (int64_t i = first_trained(stack, config); i < stack.num_used(); ++i)
    stack.layers->ptr(static_cast<size_t>(i))->train(is_training);
}

}  // namespace limbic::nn
