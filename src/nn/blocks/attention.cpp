#include "blocks/attention.h"

#include <cmath>
#include <utility>

#include "blocks/layers.h"
#include "blocks/linear.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kSlowestPeriod = 10000.0;
/// From so many rows per unit of width on, one product with the concatenated weights of query, key and value
/// repays the concatenation.
constexpr int64_t kRowsToFuse = 4;

/// Stands in for -infinity in a softmax: a row of it stays finite, forwards and backwards.
double never_of(at::ScalarType dtype) {
  return dtype == at::kHalf ? -3e4 : -1e30;
}

at::Tensor joined(const torch::nn::Linear& a, const torch::nn::Linear& b, const at::Tensor& x_BTD) {
  const auto bias = a->bias.defined() ? at::cat({a->bias, b->bias}) : at::Tensor();
  return at::linear(x_BTD, at::cat({a->weight, b->weight}), bias);
}

/// 1 / 10000^(2 i / width), i < width / 2.
at::Tensor frequencies(int64_t width, at::Device device) {
  const auto i = at::arange(width / 2, at::TensorOptions(at::kDouble).device(device));
  return (i * (-2.0 * std::log(kSlowestPeriod) / static_cast<double>(width))).exp_();
}

/// Turns pairs (k, k + K/2) of (..., T, K) by their token's position; the paper pairs neighbours, which is
/// the same network with its units in another order.
at::Tensor rotated(const at::Tensor& x_BHTK, int64_t first_position) {
  const int64_t num_tokens = x_BHTK.size(2);
  // Angles are computed in double: position 1e5 in float would be off by 1e-2.
  const auto position_T = at::arange(first_position, first_position + num_tokens,
                                     at::TensorOptions(at::kDouble).device(x_BHTK.device()));
  const auto angle = at::outer(position_T, frequencies(x_BHTK.size(3), x_BHTK.device()));
  const auto cos = angle.cos().to(x_BHTK.scalar_type());
  const auto sin = angle.sin().to(x_BHTK.scalar_type());
  const auto halves = x_BHTK.chunk(2, 3);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[0] * sin + halves[1] * cos}, 3);
}

/// (B, H, T, K) in blocks: (B * N, H, size, K); num_blocks * size tokens, zeros behind the last.
at::Tensor in_blocks(const at::Tensor& x_BHTK, int64_t num_blocks, int64_t size) {
  const auto padded = at::constant_pad_nd(x_BHTK, {0, 0, 0, num_blocks * size - x_BHTK.size(2)});
  return padded.view({x_BHTK.size(0), x_BHTK.size(1), num_blocks, size, x_BHTK.size(3)});
}

/// Each of N blocks of `dimension + 1` with the one before it and, if asked, the one behind it; zeros
/// outside.
at::Tensor with_neighbours(const at::Tensor& blocks, int64_t dimension, bool has_next) {
  const int64_t num_blocks = blocks.size(dimension);
  const auto outside = at::zeros_like(blocks.narrow(dimension, 0, 1));
  std::vector<at::Tensor> parts = {at::cat({outside, blocks.narrow(dimension, 0, num_blocks - 1)}, dimension),
                                   blocks};
  if (has_next) parts.push_back(at::cat({blocks.narrow(dimension, 1, num_blocks - 1), outside}, dimension));
  return at::cat(parts, dimension + 1);
}

/// `mask` when it hides something, else undefined: the same result at less cost.
at::Tensor mask_if_any(const at::Tensor& mask_BT) {
  return mask_BT.defined() && mask_BT.all().item<bool>() ? at::Tensor() : mask_BT;
}

}  // namespace

at::Tensor sinusoids(const at::Tensor& position_N, int64_t width, const at::TensorOptions& options) {
  const auto angle = at::outer(position_N.to(at::kDouble), frequencies(width, position_N.device()));
  return at::cat({angle.sin(), angle.cos()}, 1).to(options);
}

AttentionImpl::AttentionImpl(AttentionOptions options) : options_(options) {
  if (options_.key_width == 0) options_.key_width = options_.width;
  TORCH_CHECK(options_.width > 0 && options_.heads > 0 && options_.width % options_.heads == 0,
              "heads must divide the width, got ", options_.heads, " and ", options_.width);
  TORCH_CHECK(options_.positions == Positions::kNone || options_.width / options_.heads % 2 == 0,
              "relative and rotary positions want an even width / heads");
  reset();
}

void AttentionImpl::reset() {
  const auto& o = options_;
  query_ = register_module("query", make_xavier_linear(o.width, o.width, o.bias));
  key_ = register_module("key", make_xavier_linear(o.key_width, o.width, o.bias));
  value_ = register_module("value", make_xavier_linear(o.key_width, o.width, o.bias));
  out_ = register_module("out", make_xavier_linear(o.width, o.width, o.bias));
  if (o.positions != Positions::kRelative) return;
  distance_ = register_module("distance", make_xavier_linear(o.width, o.width, /*bias=*/false));
  content_bias_HK_ = register_parameter("content_bias", at::zeros({o.heads, head_width()}));
  distance_bias_HK_ = register_parameter("distance_bias", at::zeros({o.heads, head_width()}));
}

at::Tensor AttentionImpl::split_heads(const at::Tensor& x_BTD) const {
  return x_BTD.view({x_BTD.size(0), x_BTD.size(1), options_.heads, head_width()})
      .transpose(1, 2)
      .contiguous();
}

AttentionImpl::Projected AttentionImpl::project(const at::Tensor& query_BQD, const at::Tensor& key_BTD) {
  const int64_t batch = key_BTD.size(0);
  const int64_t num_keys = key_BTD.size(1);
  const bool use_fused = batch * num_keys >= kRowsToFuse * options_.width;
  // (B, T, n D) -> n x (B, H, T, K) in one copy.
  const auto split = [&](const at::Tensor& x, int64_t n) {
    return x.view({batch, num_keys, n, options_.heads, head_width()})
        .permute({2, 0, 3, 1, 4})
        .contiguous()
        .unbind(0);
  };
  if (!use_fused) {
    return {split_heads(query_(query_BQD)), split_heads(key_(key_BTD)), split_heads(value_(key_BTD))};
  }
  if (!query_BQD.is_same(key_BTD)) {
    const auto kv = split(joined(key_, value_, key_BTD), 2);
    return {split_heads(query_(query_BQD)), kv[0], kv[1]};
  }
  const auto bias = query_->bias.defined() ? at::cat({query_->bias, key_->bias, value_->bias}) : at::Tensor();
  const auto weight = at::cat({query_->weight, key_->weight, value_->weight});
  const auto qkv = split(at::linear(query_BQD, weight, bias), 3);
  return {qkv[0], qkv[1], qkv[2]};
}

at::Tensor AttentionImpl::forward(const at::Tensor& query_BQD, const at::Tensor& key_BTD,
                                  const at::Tensor& key_mask_BT, const AttentionBias& bias) {
  TORCH_CHECK(query_BQD.dim() == 3 && query_BQD.size(2) == options_.width && key_BTD.dim() == 3 &&
                  key_BTD.size(2) == options_.key_width,
              "attention wants queries (B, Q, ", options_.width, ") and keys (B, T, ", options_.key_width,
              "), got ", query_BQD.sizes(), " and ", key_BTD.sizes());
  const auto in = project(query_BQD, key_BTD);
  const int64_t num_queries = query_BQD.size(1);
  const int64_t num_keys = key_BTD.size(1);
  const Sight sight{mask_if_any(key_mask_BT), bias.score, bias.is_causal, bias.window,
                    num_keys - num_queries};
  const bool is_long = bias.window > 0 && num_keys > 2 * bias.window && num_keys == num_queries;
  const auto context_BHQK = is_long ? attend_in_blocks(in, sight) : attend(in, sight);
  return out_(context_BHQK.transpose(1, 2).flatten(2));
}

at::Tensor AttentionImpl::step(const at::Tensor& x_BQD, AttentionCache& cache, int64_t window) {
  auto in = project(x_BQD, x_BQD);
  Sight sight{{}, {}, /*is_causal=*/true, window, 0};
  if (cache.key_BHTK.defined()) {
    sight.offset = cache.key_BHTK.size(2);
    in.key_BHTK = at::cat({cache.key_BHTK, in.key_BHTK}, 2);
    in.value_BHTK = at::cat({cache.value_BHTK, in.value_BHTK}, 2);
  }
  cache = {in.key_BHTK, in.value_BHTK};
  const int64_t num_keys = in.key_BHTK.size(2);
  if (window > 0 && num_keys >= window) {
    // Cloned, so that the chunk's memory is not kept alive.
    cache.key_BHTK = in.key_BHTK.narrow(2, num_keys - window + 1, window - 1).clone();
    cache.value_BHTK = in.value_BHTK.narrow(2, num_keys - window + 1, window - 1).clone();
  }
  return out_(attend(std::move(in), sight).transpose(1, 2).flatten(2));
}

// Note [Attention in blocks]
// With a window w a query sees keys fewer than w away: those of its own block of w tokens and of the block
// before it (and behind it, when not causal). So T tokens are T / w rows of w queries and 2 w (3 w) keys, and
// the cost is linear in T. Transformer-XL's memory is the same idea with the cut between segments in place of
// a cut per query; a cut per query makes the result independent of where a stream is chunked, and needs no
// stopped gradient. Over L layers a frame reaches L (w - 1) frames back.
at::Tensor AttentionImpl::attend_in_blocks(const Projected& in, const Sight& sight) {
  TORCH_CHECK(!sight.score.defined(), "a window and a score do not go together");
  const int64_t batch = in.query_BHQK.size(0);
  const int64_t num_tokens = in.query_BHQK.size(2);
  const int64_t size = sight.window;
  const int64_t num_blocks = (num_tokens + size - 1) / size;
  const auto rows = [&](const at::Tensor& x_BHNTK) { return x_BHNTK.transpose(1, 2).flatten(0, 1); };
  const auto wide = [&](const at::Tensor& x_BHTK) {
    return rows(with_neighbours(in_blocks(x_BHTK, num_blocks, size), 2, !sight.is_causal));
  };
  const auto bools = at::TensorOptions(at::kBool).device(in.query_BHQK.device());
  const auto mask_BT = sight.key_mask_BT.defined() ? sight.key_mask_BT : at::ones({batch, num_tokens}, bools);
  const auto mask_BNT =
      at::constant_pad_nd(mask_BT, {0, num_blocks * size - num_tokens}).view({batch, num_blocks, size});
  Sight local = sight;
  local.key_mask_BT = with_neighbours(mask_BNT, 1, !sight.is_causal).flatten(0, 1);
  local.offset = size;
  const auto context = attend({rows(in_blocks(in.query_BHQK, num_blocks, size)).contiguous(),
                               wide(in.key_BHTK).contiguous(), wide(in.value_BHTK).contiguous()},
                              local);
  const auto context_BHNTK =
      context.view({batch, num_blocks, options_.heads, size, head_width()}).transpose(1, 2);
  return context_BHNTK.flatten(2, 3).narrow(2, 0, num_tokens);
}

at::Tensor AttentionImpl::attend(Projected in, const Sight& sight) {
  const int64_t batch = in.query_BHQK.size(0);
  const int64_t heads = options_.heads;
  const int64_t num_queries = in.query_BHQK.size(2);
  const int64_t num_keys = in.key_BHTK.size(2);
  at::Tensor relative;
  if (options_.positions == Positions::kRelative) {
    relative = relative_score(in.query_BHQK, num_keys, sight.offset);
    in.query_BHQK = in.query_BHQK + content_bias_HK_.unsqueeze(1);
  } else if (options_.positions == Positions::kRotary) {
    in.query_BHQK = rotated(in.query_BHQK, sight.offset);
    in.key_BHTK = rotated(in.key_BHTK, 0);
  }
  // Scaled here and not in the product: baddbmm with a beta of 0 reads memory that nobody wrote
  // (LibTorch 1.13).
  in.query_BHQK = in.query_BHQK / std::sqrt(static_cast<double>(head_width()));

  at::Tensor allowed_BQT;  // true = the query sees the key; dimensions 0 and 1 may be 1
  if (sight.key_mask_BT.defined()) allowed_BQT = sight.key_mask_BT.unsqueeze(1);
  if (sight.is_causal || sight.window > 0) {
    const auto longs = at::TensorOptions(at::kLong).device(in.query_BHQK.device());
    const auto distance_QT = at::arange(sight.offset, sight.offset + num_queries, longs).unsqueeze(1) -
                             at::arange(num_keys, longs).unsqueeze(0);
    auto near_QT = sight.is_causal ? distance_QT >= 0 : distance_QT > -sight.window;
    if (sight.window > 0) near_QT = near_QT & (distance_QT < sight.window);
    allowed_BQT = allowed_BQT.defined() ? allowed_BQT & near_QT : near_QT.unsqueeze(0);
  }

  const auto query = in.query_BHQK.flatten(0, 1);
  const auto key = in.key_BHTK.flatten(0, 1).transpose(1, 2);
  const auto options = in.query_BHQK.options().requires_grad(false);
  at::Tensor score;
  if (allowed_BQT.defined()) {
    const auto penalty_BQT =
        at::zeros(allowed_BQT.sizes(), options)
            .masked_fill_(allowed_BQT.logical_not(), never_of(in.query_BHQK.scalar_type()));
    score = penalty_BQT.unsqueeze(1)
                .expand({batch, heads, num_queries, num_keys})
                .clone(at::MemoryFormat::Contiguous)
                .view({batch * heads, num_queries, num_keys})
                .baddbmm_(query, key);
  } else {
    score = at::bmm(query, key);
  }
  auto score_BHQT = score.view({batch, heads, num_queries, num_keys});
  if (relative.defined()) score_BHQT = score_BHQT.add_(relative);
  if (sight.score.defined()) score_BHQT = score_BHQT.add_(sight.score);
  const auto weight_BHQT = fast_dropout(at::softmax(score_BHQT, 3), options_.dropout, is_training());
  const auto context_BHQK =
      at::bmm(weight_BHQT.flatten(0, 1), in.value_BHTK.flatten(0, 1)).view(in.query_BHQK.sizes());
  if (!allowed_BQT.defined()) return context_BHQK;
  const auto has_key_BQ1 = allowed_BQT.any(2, /*keepdim=*/true);
  return has_key_BQ1.all().item<bool>() ? context_BHQK : context_BHQK * has_key_BQ1.unsqueeze(1);
}

// Note [Relative scores]
// Query i and key j are i + offset - j apart. P[i, p] scores query i against the p-th of Q + T - 1 distances,
// from the largest down, so the score of (i, j) is P[i, Q - 1 - i + j]: with rows of L = Q + T - 1 values,
// the address i (L - 1) + j + Q - 1, which a strided view reads without a copy.
at::Tensor AttentionImpl::relative_score(const at::Tensor& query_BHQK, int64_t num_keys, int64_t offset) {
  const int64_t batch = query_BHQK.size(0);
  const int64_t num_queries = query_BHQK.size(2);
  const int64_t num_distances = num_queries + num_keys - 1;
  const int64_t farthest = offset + num_queries - 1;
  const auto distance_L = at::arange(farthest, farthest - num_distances, -1,
                                     at::TensorOptions(at::kLong).device(query_BHQK.device()));
  const auto table_LD = distance_(sinusoids(distance_L, options_.width, distance_->weight.options()));
  const auto table_HKL = table_LD.view({num_distances, options_.heads, head_width()}).permute({1, 2, 0});
  const auto query =
      (query_BHQK + distance_bias_HK_.unsqueeze(1)) / std::sqrt(static_cast<double>(head_width()));
  const auto score_BHQL = at::matmul(query, table_HKL).contiguous();
  const int64_t row = num_queries * num_distances;
  return score_BHQL.as_strided({batch, options_.heads, num_queries, num_keys},
                               {options_.heads * row, row, num_distances - 1, 1}, num_queries - 1);
}

void TransformerBlockImpl::reset() {
  const auto& o = options_;
  AttentionOptions attention;
  attention.width = o.width;
  attention.heads = o.heads;
  attention.key_width = o.key_width;
  attention.dropout = o.attention_dropout < 0 ? o.dropout : o.attention_dropout;
  attention.positions = o.positions;
  attention_ = register_module("attention", Attention(attention));
  const auto norm = [&](int64_t width) {
    return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(o.norm_epsilon));
  };
  norm1_ = register_module("norm1", norm(o.width));
  norm2_ = register_module("norm2", norm(o.width));
  if (o.key_width > 0 && o.norm_first) memory_norm_ = register_module("memory_norm", norm(o.key_width));
  linear1_ = register_module("linear1", make_xavier_linear(o.width, o.hidden));
  linear2_ = register_module("linear2", make_xavier_linear(o.hidden, o.width));
}

at::Tensor TransformerBlockImpl::forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT,
                                         const AttentionBias& bias) {
  const auto in = options_.norm_first ? norm1_(x_BTD) : x_BTD;
  const auto mask = mask_if_any(mask_BT);
  return finish(x_BTD, attention_(in, in, mask, bias), mask);
}

at::Tensor TransformerBlockImpl::forward_cross(const at::Tensor& x_BQD, const at::Tensor& mask_BQ,
                                               const at::Tensor& memory_BTD, const at::Tensor& memory_mask_BT,
                                               const AttentionBias& bias) {
  const auto in = options_.norm_first ? norm1_(x_BQD) : x_BQD;
  return finish(x_BQD, attention_(in, normed_memory(memory_BTD), memory_mask_BT, bias), mask_if_any(mask_BQ));
}

at::Tensor TransformerBlockImpl::step(const at::Tensor& x_BTD, AttentionCache& cache, int64_t window) {
  const auto in = options_.norm_first ? norm1_(x_BTD) : x_BTD;
  return finish(x_BTD, attention_->step(in, cache, window), {});
}

at::Tensor TransformerBlockImpl::normed_memory(const at::Tensor& memory_BTD) {
  if (!options_.norm_first) return memory_BTD;
  return memory_norm_ ? memory_norm_(memory_BTD) : norm1_(memory_BTD);
}

at::Tensor TransformerBlockImpl::finish(const at::Tensor& x_BTD, const at::Tensor& attended_BTD,
                                        const at::Tensor& mask_BT) {
  const auto& o = options_;
  const auto branch = [&](const at::Tensor& y) {
    return drop_path(fast_dropout(y, o.dropout, is_training()), o.drop_path, is_training());
  };
  auto x = x_BTD + branch(attended_BTD);
  if (!o.norm_first) x = norm1_(x);
  const auto hidden = linear1_(o.norm_first ? norm2_(x) : x);
  const auto active = o.activation == Activation::kGelu ? safe_gelu(hidden) : at::relu(hidden);
  x = x + branch(linear2_(fast_dropout(active, o.dropout, is_training())));
  if (!o.norm_first) x = norm2_(x);
  return mask_BT.defined() ? x * mask_BT.unsqueeze(2) : x;
}

}  // namespace limbic::nn
