#include <string>
#include <utility>

#include "encoders/build.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"
#include "pretrained/names.h"
#include "pretrained/pretrained_encoder.h"

namespace limbic::nn {
namespace {

/// RoBERTa's first position; the two rows before it stand for padding.
constexpr int64_t kRobertaFirstPosition = 2;

/// Token ids (B, T) to (B, T, D).
class BertNetwork final : public torch::nn::Module {
 public:
  explicit BertNetwork(const BertConfig& config) : config_(config) {
    const int64_t width = config.size.width;
    words_ = register_parameter("words", at::empty({config.vocabulary, width}));
    positions_ = register_parameter("positions", at::empty({config.positions, width}));
    types_ = register_parameter("types", at::empty({config.token_types, width}));
    norm_ = register_module("norm",
                            torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(config.epsilon)));
    FoundationBlockOptions options;
    options.size = config.size;
    options.norm_first = false;
    options.epsilon = config.epsilon;
    options.dropout = config.dropout;
    options.attention_dropout = config.attention_dropout;
    options.pretrained = &config.pretrained;
    stack = register_module("stack", FoundationStack(options, /*final_norm=*/false));
    for (const auto& table : {words_, positions_, types_}) truncated_normal_(table, 0.02);
    for (const auto& named : stack->named_parameters()) {
      const bool is_update = named.key().find("lora_") != std::string::npos;
      if (named.value().dim() == 2 && !is_update) truncated_normal_(named.value(), 0.02);
    }
  }

  at::Tensor forward(const at::Tensor& ids_BT, const at::Tensor& mask_BT) {
    auto position_BT = at::arange(ids_BT.size(1), ids_BT.options()).unsqueeze(0);
    if (config_.family == BertFamily::kRoberta) position_BT = position_BT + kRobertaFirstPosition;
    auto x_BTD = at::embedding(words_, ids_BT) + at::embedding(positions_, position_BT) + types_[0];
    x_BTD = fast_dropout(norm_(x_BTD), config_.dropout, is_training());
    AttentionContext context;
    context.key_bias_B11T = key_bias_of(mask_BT, x_BTD.scalar_type());
    return stack(x_BTD, context);
  }

  FoundationStack stack{nullptr};

 private:
  BertConfig config_;
  at::Tensor words_, positions_, types_;
  torch::nn::LayerNorm norm_{nullptr};
};

FramePooling frame_pooling(TextPooling pooling) {
  switch (pooling) {
    case TextPooling::kClass:  // the pool is not used then
    case TextPooling::kMean:
      return FramePooling::kMean;
    case TextPooling::kMeanStd:
      return FramePooling::kMeanStd;
    case TextPooling::kAttention:
      return FramePooling::kAttention;
    case TextPooling::kAttentionStd:
      break;
  }
  return FramePooling::kAttentionStd;
}

class BertEncoder final : public PretrainedEncoder {
 public:
  BertEncoder(BertConfig config, affect::StreamShape input)
      : PretrainedEncoder(config.pretrained, frame_pooling(config.pooling), config.size.width,
                          config.attention_hidden),
        config_(std::move(config)),
        input_(std::move(input)) {
    network_ = std::make_shared<BertNetwork>(config_);
    adopt(network_, network_->stack, names_of(config_.family));
  }

  EncoderOutput encode(const at::Tensor& x_BT1, const at::Tensor& mask_BT) override {
    TORCH_CHECK(x_BT1.dim() == 3 && x_BT1.size(2) == 1, "the encoder wants ids (B, T, 1), got ",
                x_BT1.sizes());
    const int64_t num_tokens = x_BT1.size(1);
    // Only columns up to the last real token are computed: padding costs nothing and has no position.
    const auto position_T = at::arange(1, num_tokens + 1, mask_BT.options().dtype(at::kLong));
    const int64_t num_used = num_tokens == 0 ? 0 : (mask_BT * position_T).max().item<int64_t>();
    const auto options = network_->parameters().front().options().requires_grad(false);
    const FrameMask mask(mask_BT, network_->parameters().front().scalar_type());
    if (num_used == 0) {
      const auto tokens = at::zeros({x_BT1.size(0), num_tokens, token_width()}, options);
      return {tokens, mask_BT, at::zeros({x_BT1.size(0), width()}, options)};
    }
    const int64_t first = config_.family == BertFamily::kRoberta ? kRobertaFirstPosition : 0;
    require(num_used <= config_.positions - first, ErrorCode::kModel,
            "encoder 'bert': a text of " + std::to_string(num_used) + " tokens, but the model has " +
                std::to_string(config_.positions - first) +
                " positions; lower max_length of feature 'tokens'");
    const auto used_BT = mask_BT.slice(1, 0, num_used);
    const auto ids_BT =
        x_BT1.squeeze(2).slice(1, 0, num_used).masked_fill(used_BT.logical_not(), 0.0).to(at::kLong);
    require(ids_BT.min().item<int64_t>() >= 0 && ids_BT.max().item<int64_t>() < config_.vocabulary,
            ErrorCode::kModel,
            "encoder 'bert': token ids are in [" + std::to_string(ids_BT.min().item<int64_t>()) + ", " +
                std::to_string(ids_BT.max().item<int64_t>()) + "], the model knows " +
                std::to_string(config_.vocabulary) + "; feature 'tokens' must use the model's own tokenizer");
    auto tokens_BTD = network_->forward(ids_BT, used_BT);
    tokens_BTD = mask.apply_BTD(at::constant_pad_nd(tokens_BTD, {0, 0, 0, num_tokens - num_used}));
    const auto embedding_BD =
        config_.pooling == TextPooling::kClass ? tokens_BTD.select(1, 0) : pool_(tokens_BTD, mask);
    return {tokens_BTD, mask_BT, embedding_BD};
  }

  int64_t width() const override {
    return config_.pooling == TextPooling::kClass ? config_.size.width : pool_->width();
  }
  int64_t token_width() const override { return config_.size.width; }

 private:
  std::shared_ptr<Encoder> rebuild() const override { return std::make_shared<BertEncoder>(config_, input_); }

  BertConfig config_;
  affect::StreamShape input_;
  std::shared_ptr<BertNetwork> network_;
};

}  // namespace

std::shared_ptr<Encoder> build(const BertConfig& config, const affect::StreamShape& input) {
  require(input.frame.size() == 1 && input.frame[0] == 1, ErrorCode::kConfig,
          "encoder 'bert' takes token ids [1], one a frame; use feature 'tokens'");
  return std::make_shared<BertEncoder>(config, input);
}

}  // namespace limbic::nn
