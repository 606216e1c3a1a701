#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "blocks/attention.h"
#include "dialogue/turns.h"
#include "fusion/build.h"
#include "fusion_tokens/token_group.h"
#include "limbic/core/error.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr int64_t kFewestMemoryLayers = 3;  // as published
constexpr int64_t kHiddenFactor = 4;

/// The published transformer: blocks and a last norm. Crossmodal blocks all read the same memory.
class MultTransformerImpl final : public torch::nn::Cloneable<MultTransformerImpl> {
 public:
  MultTransformerImpl(int64_t width, int64_t heads, int64_t layers, double dropout)
      : width_(width), heads_(heads), num_layers_(layers), dropout_(dropout) {
    reset();
  }
  void reset() override {
    layers_ = register_module("layers", torch::nn::ModuleList());
    TransformerBlockOptions options;
    options.width = width_;
    options.heads = heads_;
    options.hidden = kHiddenFactor * width_;
    options.dropout = dropout_;
    options.activation = Activation::kRelu;
    for (int64_t l = 0; l < num_layers_; ++l) layers_->push_back(TransformerBlock(options));
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width_})));
  }
  /// @param memory  null = self-attention
  at::Tensor forward(at::Tensor x_BTD, const at::Tensor& mask_BT, const TokenGroup* memory,
                     const AttentionBias& bias) {
    for (const auto& layer : *layers_) {
      auto* block = layer->as<TransformerBlockImpl>();
      x_BTD = memory != nullptr ? block->forward_cross(x_BTD, mask_BT, memory->x_BTD, memory->mask_BT, bias)
                                : block->forward(x_BTD, mask_BT, bias);
    }
    return norm_(x_BTD);
  }

 private:
  int64_t width_;
  int64_t heads_;
  int64_t num_layers_;
  double dropout_;
  torch::nn::ModuleList layers_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(MultTransformer);

/// From an absent modality nothing flows but the output bias of the attention, a learned constant that is
/// zero at first. An absent target is a learned vector.
class MultFusionImpl final : public torch::nn::Cloneable<MultFusionImpl>, public Fusion {
 public:
  MultFusionImpl(MultFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    target_width_ = (num_modalities - 1) * config_.width;
    input_ = register_module("input", torch::nn::ModuleList());
    cross_ = register_module("cross", torch::nn::ModuleList());
    memory_ = register_module("memory", torch::nn::ModuleList());
    score_ = register_module("score", torch::nn::ModuleList());
    for (const auto& modality : modalities_) {
      input_->push_back(torch::nn::Conv1d(
          torch::nn::Conv1dOptions(token_width_of(modality, config_.over), config_.width, config_.kernel)
              .padding(config_.kernel / 2)
              .bias(false)));
      for (int64_t source = 1; source < num_modalities; ++source)
        cross_->push_back(MultTransformer(config_.width, config_.heads, config_.layers, config_.dropout));
      memory_->push_back(MultTransformer(target_width_, config_.heads,
                                         std::max(config_.layers, kFewestMemoryLayers), config_.dropout));
      if (is_pooled() && config_.pooling == TokenPooling::kAttention)
        score_->push_back(torch::nn::Linear(target_width_, 1));
    }
    missing_MD_ = register_parameter("missing", at::zeros({num_modalities, target_width_}));
    hidden_ = register_module("hidden", torch::nn::Linear(width(), width()));
    output_ = register_module("output", torch::nn::Linear(width(), width()));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    auto groups = tokens_of(input, config_.over);
    for (size_t m = 0; m < groups.size(); ++m) groups[m].x_BTD = embedded(projected(groups[m].x_BTD, m));
    std::vector<at::Tensor> target;
    for (size_t m = 0; m < groups.size(); ++m) target.push_back(gathered(groups, m));
    const auto joined = at::cat(target, -1);
    const auto hidden = fast_dropout(hidden_(joined).relu_(), config_.output_dropout, is_training());
    const auto fused = joined + output_(hidden);
    FusionOutput output;
    output.fused_BD = is_pooled() ? fused : input.grid.to_rows(fused);
    return output;
  }

  int64_t width() const override { return static_cast<int64_t>(modalities_.size()) * target_width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  bool is_pooled() const { return config_.over == FusionTokens::kFrames; }

  at::Tensor projected(const at::Tensor& x_BTD, size_t m) {
    auto* conv = input_[m]->as<torch::nn::Conv1dImpl>();
    if (config_.kernel == 1) return at::linear(x_BTD, conv->weight.squeeze(2));
    return conv->forward(x_BTD.transpose(1, 2)).transpose(1, 2);
  }
  at::Tensor embedded(const at::Tensor& x_BTD) const {
    const int64_t width = x_BTD.size(2);
    const auto position_TD = token_positions(x_BTD.size(1), width, x_BTD.options().requires_grad(false));
    return fast_dropout(x_BTD * std::sqrt(static_cast<double>(width)) + position_TD,
                        config_.embedding_dropout, is_training());
  }

  /// What modality m gathers from the others: (B, D), or (D, U, D) over turns.
  at::Tensor gathered(const std::vector<TokenGroup>& groups, size_t m) {
    AttentionBias bias;
    bias.is_causal = config_.causal;
    const auto& mask_BT = groups[m].mask_BT;
    std::vector<at::Tensor> parts;
    size_t pair = m * (groups.size() - 1);
    for (size_t source = 0; source < groups.size(); ++source) {
      if (source == m) continue;
      parts.push_back(cross_[pair++]->as<MultTransformerImpl>()->forward(groups[m].x_BTD, mask_BT,
                                                                         &groups[source], bias));
    }
    const auto x_BTD =
        memory_[m]->as<MultTransformerImpl>()->forward(embedded(at::cat(parts, 2)), mask_BT, nullptr, bias);
    const auto missing_D = missing_MD_[static_cast<int64_t>(m)];
    if (!is_pooled()) return at::where(mask_BT.unsqueeze(2), x_BTD, missing_D);
    return at::where(mask_BT.any(1, /*keepdim=*/true), pooled(x_BTD, mask_BT, m), missing_D);
  }

  at::Tensor pooled(const at::Tensor& x_BTD, const at::Tensor& mask_BT, size_t m) {
    at::Tensor weight_BT;
    switch (config_.pooling) {
      case TokenPooling::kLast: {
        const auto place_T = at::arange(1, mask_BT.size(1) + 1, mask_BT.options().dtype(at::kLong));
        const auto last_B11 = (mask_BT * place_T).argmax(1).view({-1, 1, 1});
        return x_BTD.gather(1, last_B11.expand({-1, 1, x_BTD.size(2)})).squeeze(1);
      }
      case TokenPooling::kMean:
        weight_BT = mask_BT / mask_BT.sum(1, /*keepdim=*/true).clamp_min(1).to(x_BTD.scalar_type());
        break;
      case TokenPooling::kAttention:
        weight_BT =
            masked_softmax(score_[m]->as<torch::nn::LinearImpl>()->forward(x_BTD).squeeze(2), mask_BT);
        break;
    }
    return at::bmm(weight_BT.unsqueeze(1), x_BTD).squeeze(1);
  }

  MultFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  int64_t target_width_ = 0;
  torch::nn::ModuleList input_{nullptr}, cross_{nullptr}, memory_{nullptr}, score_{nullptr};
  torch::nn::Linear hidden_{nullptr}, output_{nullptr};
  at::Tensor missing_MD_;
};

}  // namespace

std::shared_ptr<Fusion> build(const MultFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  require(modalities.size() >= 2, ErrorCode::kConfig,
          "fusion 'mult' wants two modalities or more, got " + std::to_string(modalities.size()));
  return std::make_shared<MultFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
