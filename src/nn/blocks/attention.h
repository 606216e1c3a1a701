#pragma once
// Attention and the transformer block, batch-first; private to the room.
#include <ATen/ATen.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include "limbic/nn/transformer_options.h"

namespace limbic::nn {

struct AttentionOptions {
  int64_t width = 0;      ///< D of queries and output
  int64_t heads = 1;      ///< divides width; on a CPU width / heads >= 32 is fastest
  int64_t key_width = 0;  ///< of the input of keys and values; 0 = width
  double dropout = 0.0;   ///< on the attention weights
  bool bias = true;
  Positions positions = Positions::kNone;  ///< kRelative or kRotary; kSinusoidal is the caller's
};

/// What shapes an attention besides queries and keys. Query i of Q stands at position i + T - Q of T keys.
struct AttentionBias {
  at::Tensor score;        ///< added to the scaled scores, broadcast to (B, H, Q, T); undefined = none
  bool is_causal = false;  ///< no key after the query's position
  int64_t window = 0;      ///< > 0: only keys fewer than so many positions away; cost linear in T
};

/// Projected keys and values of a stream's past; undefined before the first chunk.
struct AttentionCache {
  at::Tensor key_BHTK;
  at::Tensor value_BHTK;
};

/// Multi-head attention (Vaswani et al. 2017); "query", "key", "value" and "out" are Linears, Xavier-uniform
/// with zero biases.
class AttentionImpl final : public torch::nn::Cloneable<AttentionImpl> {
 public:
  explicit AttentionImpl(AttentionOptions options);
  void reset() override;
  /// @param query_BQD    float
  /// @param key_BTD      float, (B, T, key_width); padded tokens must be finite. The same tensor as query_BQD
  /// =
  ///                     self-attention
  /// @param key_mask_BT  bool, true = real; undefined = all real
  /// @return (B, Q, D); a query without any key gets the output projection of zeros
  at::Tensor forward(const at::Tensor& query_BQD, const at::Tensor& key_BTD,
                     const at::Tensor& key_mask_BT = {}, const AttentionBias& bias = {});
  /// Causal self-attention of the next chunk of a stream; with a window the cache is bounded.
  at::Tensor step(const at::Tensor& x_BQD, AttentionCache& cache, int64_t window);

 private:
  struct Projected {
    at::Tensor query_BHQK, key_BHTK, value_BHTK;
  };
  /// Which keys a query sees: those of the mask, and around its position i + offset.
  struct Sight {
    at::Tensor key_mask_BT;
    at::Tensor score;
    bool is_causal = false;
    int64_t window = 0;
    int64_t offset = 0;
  };
  Projected project(const at::Tensor& query_BQD, const at::Tensor& key_BTD);
  int64_t head_width() const { return options_.width / options_.heads; }
  at::Tensor split_heads(const at::Tensor& x_BTD) const;
  at::Tensor attend(Projected in, const Sight& sight);
  at::Tensor attend_in_blocks(const Projected& in, const Sight& sight);
  at::Tensor relative_score(const at::Tensor& query_BHQK, int64_t num_keys, int64_t offset);

  AttentionOptions options_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, out_{nullptr};
  torch::nn::Linear distance_{nullptr};            ///< kRelative: projects the sinusoids of distances
  at::Tensor content_bias_HK_, distance_bias_HK_;  ///< kRelative: u and v of the paper
};
TORCH_MODULE(Attention);

struct TransformerBlockOptions {
  int64_t width = 0;
  int64_t heads = 1;
  int64_t hidden = 0;             ///< units of the feed-forward layer
  double dropout = 0.0;           ///< after the attention, the activation and the feed-forward layer
  double attention_dropout = -1;  ///< on the attention weights; < 0 = dropout
  double drop_path = 0.0;         ///< probability to skip a branch, per sample
  bool norm_first = true;         ///< norm before each branch (Xiong et al. 2020), not after the sum
  Activation activation = Activation::kGelu;
  int64_t key_width = 0;  ///< > 0: for forward_cross, the memory's width; it has a norm of its own then
  double norm_epsilon = 1e-5;
  Positions positions = Positions::kNone;  ///< see AttentionOptions
};

/// Attention and a feed-forward layer, each with a residual connection and a layer norm; "norm1", "norm2",
/// "linear1" and "linear2" are those of torch.nn.TransformerEncoderLayer.
class TransformerBlockImpl final : public torch::nn::Cloneable<TransformerBlockImpl> {
 public:
  explicit TransformerBlockImpl(TransformerBlockOptions options) : options_(options) { reset(); }
  void reset() override;
  /// @param x_BTD    float; padded tokens must be finite
  /// @param mask_BT  bool, true = real; undefined = all real
  /// @return (B, T, D), zero at padded tokens
  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT, const AttentionBias& bias = {});
  /// Reads a memory in place of x itself, as MulT's blocks do (Tsai et al. 2019): no self-attention. Without
  /// key_width the memory goes through norm1 too.
  at::Tensor forward_cross(const at::Tensor& x_BQD, const at::Tensor& mask_BQ, const at::Tensor& memory_BTD,
                           const at::Tensor& memory_mask_BT, const AttentionBias& bias = {});
  /// The next chunk of a stream: what forward() with is_causal and this window gives.
  at::Tensor step(const at::Tensor& x_BTD, AttentionCache& cache, int64_t window);

 private:
  at::Tensor normed_memory(const at::Tensor& memory_BTD);
  /// What follows the attention.
  at::Tensor finish(const at::Tensor& x_BTD, const at::Tensor& attended_BTD, const at::Tensor& mask_BT);

  TransformerBlockOptions options_;
  Attention attention_{nullptr};
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, memory_norm_{nullptr};
  torch::nn::Linear linear1_{nullptr}, linear2_{nullptr};
};
TORCH_MODULE(TransformerBlock);

/// Sinusoids of positions (Vaswani et al. 2017), sines then cosines: (N, width) for int64 position_N.
at::Tensor sinusoids(const at::Tensor& position_N, int64_t width, const at::TensorOptions& options);

}  // namespace limbic::nn
