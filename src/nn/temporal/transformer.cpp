#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <vector>

#include "blocks/attention.h"
#include "blocks/layers.h"
#include "blocks/linear.h"
#include "limbic/nn/dropout.h"
#include "temporal/build.h"

namespace limbic::nn {
namespace {

/// A stream's chunk is read in pieces of so many frames, or of a window's: cost linear in its length.
constexpr int64_t kShortestPiece = 64;

class TransformerTemporalImpl final : public torch::nn::Cloneable<TransformerTemporalImpl>, public Temporal {
 public:
  TransformerTemporalImpl(TransformerTemporalConfig config, int64_t in_width)
      : config_(config), in_width_(in_width) {
    reset();
  }
  void reset() override {
    const auto& c = config_;
    projection_ = register_module("projection", make_xavier_linear(in_width_, c.width));
    blocks_ = register_module("blocks", torch::nn::ModuleList());
    for (int64_t i = 0; i < c.layers; ++i) {
      TransformerBlockOptions options;
      options.width = c.width;
      options.heads = c.heads;
      options.hidden = c.hidden;
      options.dropout = c.dropout;
      options.drop_path = c.drop_path * static_cast<double>(i + 1) / static_cast<double>(c.layers);
      options.norm_first = c.norm_first;
      options.activation = c.activation;
      options.positions = c.positions == Positions::kSinusoidal ? Positions::kNone : c.positions;
      blocks_->push_back(TransformerBlock(options));
    }
    if (c.norm_first)
      norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({c.width})));
  }

  at::Tensor forward(const at::Tensor& x_BTD, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, x_BTD.scalar_type());
    auto x = embedded(mask.is_padded() ? without_padding(x_BTD, mask_BT) : x_BTD, 0);
    AttentionBias bias;
    bias.is_causal = config_.causal;
    bias.window = config_.window;
    const auto block_mask = mask.is_padded() ? mask_BT : at::Tensor();
    for (const auto& block : *blocks_) x = block->as<TransformerBlockImpl>()->forward(x, block_mask, bias);
    return norm_ ? mask.apply_BTD(norm_(x)) : x;
  }

  at::Tensor step(const at::Tensor& x_BTD, TemporalState& state) override {
    require_causal(is_causal(), TransformerTemporalConfig::kType, "'causal: true'");
    std::vector<at::Tensor> parts;
    for (const auto& piece : x_BTD.split(std::max(config_.window, kShortestPiece), 1)) {
      parts.push_back(step_of_piece(piece, state));
    }
    return at::cat(parts, 1);
  }

  int64_t width() const override { return config_.width; }
  bool is_causal() const override { return config_.causal; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor embedded(const at::Tensor& x_BTD, int64_t first_position) {
    auto x = projection_(x_BTD);
    if (config_.positions == Positions::kSinusoidal) {
      const auto longs = at::TensorOptions(at::kLong).device(x.device());
      const auto position_T = at::arange(first_position, first_position + x.size(1), longs);
      x = x + sinusoids(position_T, config_.width, x.options().requires_grad(false));
    }
    return fast_dropout(x, config_.dropout, is_training());
  }

  at::Tensor step_of_piece(const at::Tensor& x_BTD, TemporalState& state) {
    auto x = embedded(x_BTD, state.position);
    state.position += x_BTD.size(1);
    state.tensors.resize(2 * blocks_->size());  // keys and values of each block
    for (size_t i = 0; i < blocks_->size(); ++i) {
      AttentionCache cache{state.tensors[2 * i], state.tensors[2 * i + 1]};
      x = blocks_->ptr<TransformerBlockImpl>(i)->step(x, cache, config_.window);
      state.tensors[2 * i] = cache.key_BHTK;
      state.tensors[2 * i + 1] = cache.value_BHTK;
    }
    return norm_ ? norm_(x) : x;
  }

  TransformerTemporalConfig config_;
  int64_t in_width_;
  torch::nn::Linear projection_{nullptr};
  torch::nn::ModuleList blocks_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};

}  // namespace

std::shared_ptr<Temporal> build(const TransformerTemporalConfig& config, int64_t in_width) {
  return std::make_shared<TransformerTemporalImpl>(config, in_width);
}

}  // namespace limbic::nn
