#pragma once
// The transformer that the pretrained networks share; private to the room. nn/blocks/attention.h is for
// networks of our own: here projections carry low-rank updates, keys may lack a bias, and blocks have layer
// scale, gates and the other parts of published checkpoints.
#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

#include "limbic/nn/encoders/pretrained_weights.h"
#include "pretrained/lora.h"

namespace limbic::nn {

enum class FoundationActivation { kGelu, kQuickGelu };

/// What a block is made of.
struct FoundationBlockOptions {
  TransformerSize size;
  bool norm_first = true;
  FoundationActivation activation = FoundationActivation::kGelu;
  bool gated = false;  ///< down(silu(gate x) * up x)
  bool key_bias = true;
  bool relative_gate = false;  ///< WavLM: each head scales the relative bias by its input
  double layer_scale = 0.0;    ///< initial value; 0 = none
  double epsilon = 1e-6;
  double dropout = 0.0;
  double attention_dropout = 0.0;
  double activation_dropout = 0.0;
  double drop_path = 0.0;
  const PretrainedConfig* pretrained = nullptr;  ///< for its low-rank updates; read in the constructor
};

/// What the attention of every block of a stack shares.
struct AttentionContext {
  at::Tensor key_bias_B11T;  ///< added to scores: 0, or a very low value at padded keys; undefined = all real
  at::Tensor relative_1HTT;  ///< added after the block's gate; undefined = none
  at::Tensor cos_PK, sin_PK;  ///< rotate the last P tokens; undefined = none
};

/// Self-attention and feed-forward part with residual connections.
class FoundationBlockImpl final : public torch::nn::Module {
 public:
  explicit FoundationBlockImpl(const FoundationBlockOptions& options);
  at::Tensor forward(const at::Tensor& x_BTD, const AttentionContext& context);

  LoraLinear query{nullptr}, key{nullptr}, value{nullptr}, out{nullptr};
  LoraLinear gate{nullptr}, up{nullptr}, down{nullptr};

 private:
  at::Tensor attend(const at::Tensor& x_BTD, const AttentionContext& context);
  at::Tensor feed_forward(const at::Tensor& x_BTD);
  at::Tensor residual(const at::Tensor& x_BTD, at::Tensor branch_BTD, const at::Tensor& scale_D);

  FoundationBlockOptions options_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  torch::nn::Linear relative_gate_{nullptr};
  at::Tensor relative_const_1H11_, scale1_D_, scale2_D_;
};
TORCH_MODULE(FoundationBlock);

/// Blocks, and which hidden state is the result.
class FoundationStackImpl final : public torch::nn::Module {
 public:
  /// @param final_norm  a norm after the last block
  /// @param layer_drop  probability to skip a block in training
  FoundationStackImpl(FoundationBlockOptions options, bool final_norm, double layer_drop = 0.0);
  at::Tensor forward(const at::Tensor& x_BTD, const AttentionContext& context);

  /// Blocks that the result depends on.
  int64_t num_used() const;
  torch::nn::ModuleList layers{nullptr};
  torch::nn::LayerNorm norm{nullptr};

 private:
  FoundationBlockOptions options_;
  int64_t layer_;
  double layer_drop_;
  at::Tensor mix_L_;
};
TORCH_MODULE(FoundationStack);

/// Stays in [-2 std, 2 std], as the vision transformers and BERT draw their weights.
void truncated_normal_(at::Tensor tensor, double std);

/// Additive mask for scores. @return (B, 1, 1, T), undefined when no token is padded
at::Tensor key_bias_of(const at::Tensor& mask_BT, at::ScalarType dtype);

/// Sets requires_grad as the config's `tune` says, once, after construction.
void choose_trained(torch::nn::Module& network, FoundationStackImpl& stack, const PretrainedConfig& config);
/// Training or evaluation mode for what is trained, evaluation for the rest.
void set_modes(torch::nn::Module& network, FoundationStackImpl& stack, const PretrainedConfig& config,
               bool is_training);

}  // namespace limbic::nn
