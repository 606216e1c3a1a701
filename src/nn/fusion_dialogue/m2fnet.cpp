#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "blocks/attention.h"
#include "blocks/linear.h"
#include "dialogue/turns.h"
#include "fusion/build.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Attention in which one modality asks and is read, and another is what is asked.
class KeyedAttentionImpl final : public torch::nn::Cloneable<KeyedAttentionImpl> {
 public:
  KeyedAttentionImpl(int64_t width, int64_t heads, double dropout)
      : width_(width), heads_(heads), dropout_(dropout) {
    reset();
  }
  void reset() override {
    query_ = register_module("query", make_xavier_linear(width_, width_));
    key_ = register_module("key", make_xavier_linear(width_, width_));
    value_ = register_module("value", make_xavier_linear(width_, width_));
    out_ = register_module("out", make_xavier_linear(width_, width_));
  }
  /// @param x_DUW     queries and values
  /// @param keep_DUU  bool, (D, 1, U) or (D, U, U): which turns a turn may read
  /// @return zero where a turn may read none
  at::Tensor forward(const at::Tensor& x_DUW, const at::Tensor& key_DUW, const at::Tensor& keep_DUU) {
    const auto split = [&](const at::Tensor& y) {
      return y.view({y.size(0), y.size(1), heads_, width_ / heads_}).transpose(1, 2);
    };
    const auto query = split(query_(x_DUW)) / std::sqrt(static_cast<double>(width_ / heads_));
    const auto score_DHUU = at::matmul(query, split(key_(key_DUW)).transpose(2, 3));
    const auto weight_DHUU =
        fast_dropout(masked_softmax(score_DHUU, keep_DUU.unsqueeze(1)), dropout_, is_training());
    const auto read_DUW = at::matmul(weight_DHUU, split(value_(x_DUW))).transpose(1, 2).flatten(2);
    return out_(read_DUW) * keep_DUU.any(2, /*keepdim=*/true);
  }

 private:
  int64_t width_;
  int64_t heads_;
  double dropout_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, out_{nullptr};
};
TORCH_MODULE(KeyedAttention);

/// Differs from the published model in that every fusion layer adds to its input: where the other modalities
/// are absent there are no keys, and without the sum the main one would be lost as well. Of the two layers on
/// top the first is here, the second is the task's head.
class M2fnetFusionImpl final : public torch::nn::Cloneable<M2fnetFusionImpl>, public Fusion {
 public:
  M2fnetFusionImpl(M2fnetFusionConfig config, std::vector<ModalityShape> modalities, size_t main)
      : config_(std::move(config)), modalities_(std::move(modalities)), main_(main) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    input_ = register_module("input", torch::nn::ModuleList());
    encoders_ = register_module("encoders", torch::nn::ModuleList());
    attention_ = register_module("attention", torch::nn::ModuleList());
    mix_ = register_module("mix", torch::nn::ModuleList());
    TransformerBlockOptions options;
    options.width = c.width;
    options.heads = c.heads;
    options.hidden = c.hidden;
    options.dropout = c.dropout;
    options.norm_first = false;
    options.activation = Activation::kRelu;
    for (const auto& modality : modalities_) {
      input_->push_back(torch::nn::Linear(modality.width, c.width));
      for (int64_t i = 0; i < c.encoders; ++i) encoders_->push_back(TransformerBlock(options));
    }
    for (int64_t l = 0; l < c.fusion_layers; ++l) {
      for (int64_t k = 1; k < num_modalities; ++k)
        attention_->push_back(KeyedAttention(c.width, c.heads, c.dropout));
      mix_->push_back(torch::nn::Linear((num_modalities - 1) * c.width, c.width));
    }
    missing_MW_ = register_parameter("missing", at::zeros({num_modalities, c.width}));
    joined_ = register_module("joined", torch::nn::Linear(num_modalities * c.width, c.width));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    const auto turns = turns_of(input);
    std::vector<at::Tensor> encoded_DUW;
    for (size_t m = 0; m < turns.size(); ++m) encoded_DUW.push_back(encoded(turns[m], m));

    auto fused_DUW = encoded_DUW[main_];
    size_t next = 0;
    for (const auto& mix : *mix_) {
      std::vector<at::Tensor> read_DUW;
      for (size_t k = 0; k < turns.size(); ++k) {
        if (k == main_) continue;
        auto keep_DUU = turns[k].mask_DU.logical_and(turns[main_].mask_DU).unsqueeze(1);
        if (config_.causal)
          keep_DUU = keep_DUU.logical_and(not_after_UU(input.grid.num_turns(), fused_DUW.device()));
        read_DUW.push_back(
            attention_[next++]->as<KeyedAttentionImpl>()->forward(fused_DUW, encoded_DUW[k], keep_DUU));
      }
      fused_DUW = fused_DUW + mix->as<torch::nn::LinearImpl>()->forward(at::cat(read_DUW, 2));
    }
    encoded_DUW[main_] = fused_DUW;
    const auto joined = joined_(at::cat(encoded_DUW, 2)).relu_();
    FusionOutput output;
    output.fused_BD = input.grid.to_rows(fast_dropout(joined, config_.dropout, is_training()));
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// A modality in the light of its own turns; a learned vector where it is absent.
  at::Tensor encoded(const ModalityTurns& turns, size_t m) {
    AttentionBias bias;
    bias.is_causal = config_.causal;
    auto x_DUW = input_[m]->as<torch::nn::LinearImpl>()->forward(turns.x_DUW);
    const auto num_encoders = static_cast<size_t>(config_.encoders);
    for (size_t i = 0; i < num_encoders; ++i) {
      auto* encoder = encoders_[m * num_encoders + i]->as<TransformerBlockImpl>();
      x_DUW = x_DUW + encoder->forward(x_DUW, turns.mask_DU, bias);
    }
    return at::where(turns.mask_DU.unsqueeze(2), x_DUW, missing_MW_[static_cast<int64_t>(m)]);
  }

  M2fnetFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  size_t main_;
  torch::nn::ModuleList input_{nullptr}, encoders_{nullptr}, attention_{nullptr}, mix_{nullptr};
  torch::nn::Linear joined_{nullptr};
  at::Tensor missing_MW_;
};

}  // namespace

std::shared_ptr<Fusion> build(const M2fnetFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  require(modalities.size() >= 2, ErrorCode::kConfig,
          "fusion 'm2fnet' wants two modalities or more, got " + std::to_string(modalities.size()));
  std::vector<std::string> names;
  for (const auto& modality : modalities) names.push_back(modality.name);
  const auto main = config.main.empty() ? names.begin() : std::find(names.begin(), names.end(), config.main);
  require(main != names.end(), ErrorCode::kConfig,
          "fusion 'm2fnet': there is no modality '" + config.main + "', only " + core::join(names) +
              core::did_you_mean(config.main, names));
  return std::make_shared<M2fnetFusionImpl>(config, modalities, static_cast<size_t>(main - names.begin()));
}

}  // namespace limbic::nn
