#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <utility>

#include "blocks/attention.h"
#include "blocks/layers.h"
#include "dialogue/turns.h"
#include "fusion/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kSdtNormEpsilon = 1e-6;  // as published

torch::nn::Linear make_gate(int64_t width) {
  return torch::nn::Linear(torch::nn::LinearOptions(width, width).bias(false));
}

/// The published layer: attention without a norm (but from the second layer on), feed-forward after one.
class SdtLayerImpl final : public torch::nn::Cloneable<SdtLayerImpl> {
 public:
  SdtLayerImpl(int64_t width, int64_t heads, double dropout, bool is_first)
      : width_(width), heads_(heads), dropout_(dropout), is_first_(is_first) {
    reset();
  }
  void reset() override {
    const torch::nn::LayerNormOptions norm = torch::nn::LayerNormOptions({width_}).eps(kSdtNormEpsilon);
    AttentionOptions options;
    options.width = width_;
    options.heads = heads_;
    options.dropout = dropout_;
    attention_ = register_module("attention", Attention(options));
    if (!is_first_) norm1_ = register_module("norm1", torch::nn::LayerNorm(norm));
    norm2_ = register_module("norm2", torch::nn::LayerNorm(norm));
    linear1_ = register_module("linear1", torch::nn::Linear(width_, width_));
    linear2_ = register_module("linear2", torch::nn::Linear(width_, width_));
  }
  /// @param source_DUW  null = x itself
  at::Tensor forward(const at::Tensor& x_DUW, const at::Tensor* source_DUW, const at::Tensor& source_mask_DU,
                     const AttentionBias& bias) {
    const auto query = norm1_ ? norm1_(x_DUW) : x_DUW;
    const auto read = attention_(query, source_DUW != nullptr ? *source_DUW : query, source_mask_DU, bias);
    const auto h = drop(read) + query;
    return drop(linear2_(drop(safe_gelu(linear1_(norm2_(h)))))) + h;
  }

 private:
  at::Tensor drop(const at::Tensor& x) const { return fast_dropout(x, dropout_, is_training()); }

  int64_t width_;
  int64_t heads_;
  double dropout_;
  bool is_first_;
  Attention attention_{nullptr};
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  torch::nn::Linear linear1_{nullptr}, linear2_{nullptr};
};
TORCH_MODULE(SdtLayer);

/// Modalities of any number; the published three are the default of the paper's tables. From an absent source
/// nothing flows but the attention's output bias; an absent target is left out of the last gate.
class SdtFusionImpl final : public torch::nn::Cloneable<SdtFusionImpl>, public Fusion {
 public:
  SdtFusionImpl(SdtFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    input_ = register_module("input", torch::nn::ModuleList());
    layers_ = register_module("layers", torch::nn::ModuleList());
    gate_ = register_module("gate", torch::nn::ModuleList());
    reduce_ = register_module("reduce", torch::nn::ModuleList());
    for (const auto& modality : modalities_) {
      input_->push_back(torch::nn::Linear(torch::nn::LinearOptions(modality.width, c.width).bias(false)));
      for (int64_t source = 0; source < num_modalities; ++source) {
        for (int64_t l = 0; l < c.layers; ++l)
          layers_->push_back(SdtLayer(c.width, c.heads, c.dropout, /*is_first=*/l == 0));
        gate_->push_back(make_gate(c.width));
      }
      reduce_->push_back(torch::nn::Linear(num_modalities * c.width, c.width));
    }
    if (c.speakers) speaker_ = register_module("speaker", SpeakerEmbedding(c.max_speakers, c.width));
    last_gate_ = register_module("last_gate", make_gate(c.width));
    missing_W_ = register_parameter("missing", at::zeros({c.width}));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    auto turns = turns_of(input);
    auto place_UW = sinusoids(at::arange(input.grid.num_turns(), input.grid.index_B.options()), config_.width,
                              missing_W_.options().requires_grad(false));
    if (speaker_) place_UW = place_UW + speaker_(input.grid.speaker_DU);
    for (size_t m = 0; m < turns.size(); ++m) {
      const auto x_DUW = input_[m]->as<torch::nn::LinearImpl>()->forward(turns[m].x_DUW);
      turns[m].x_DUW = fast_dropout(x_DUW + place_UW, config_.dropout, is_training());
    }

    FusionOutput output;
    std::vector<at::Tensor> own_DUW, mask_DU;
    for (size_t m = 0; m < turns.size(); ++m) {
      own_DUW.push_back(gathered(turns, m));
      mask_DU.push_back(turns[m].mask_DU);
      // The published unimodal classifiers begin with a ReLU.
      output.embedding_BD.push_back(input.grid.to_rows(
          own_DUW.back().relu().masked_fill(mask_DU.back().logical_not().unsqueeze(2), 0.0)));
    }
    const auto own_DUMW = at::stack(own_DUW, 2);
    const auto keep_DUM1 = at::stack(mask_DU, 2).unsqueeze(3);
    const auto score_DUWM = last_gate_(own_DUMW).transpose(2, 3);
    const auto weight_DUMW = masked_softmax(score_DUWM, keep_DUM1.transpose(2, 3)).transpose(2, 3);
    const auto fused_DUW = at::where(keep_DUM1.any(2), (weight_DUMW * own_DUMW).sum(2), missing_W_);
    output.fused_BD = input.grid.to_rows(fused_DUW);
    output.weight_BM = input.grid.to_rows(weight_DUMW.detach().mean(3));
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::vector<int64_t> embedding_widths() const override {
    return std::vector<int64_t>(modalities_.size(), config_.width);
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// What modality m makes of itself and the others: (D, U, W).
  at::Tensor gathered(const std::vector<ModalityTurns>& turns, size_t m) {
    AttentionBias bias;
    bias.is_causal = config_.causal;
    const auto num_layers = static_cast<size_t>(config_.layers);
    std::vector<at::Tensor> parts;
    for (size_t source = 0; source < turns.size(); ++source) {
      const size_t pair = m * turns.size() + source;
      const auto* memory = source == m ? nullptr : &turns[source].x_DUW;
      auto x_DUW = turns[m].x_DUW;
      for (size_t l = 0; l < num_layers; ++l) {
        x_DUW = layers_[pair * num_layers + l]->as<SdtLayerImpl>()->forward(x_DUW, memory,
                                                                            turns[source].mask_DU, bias);
      }
      parts.push_back(x_DUW * gate_[pair]->as<torch::nn::LinearImpl>()->forward(x_DUW).sigmoid_());
    }
    return reduce_[m]->as<torch::nn::LinearImpl>()->forward(at::cat(parts, 2));
  }

  SdtFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList input_{nullptr}, layers_{nullptr}, gate_{nullptr}, reduce_{nullptr};
  SpeakerEmbedding speaker_{nullptr};
  torch::nn::Linear last_gate_{nullptr};
  at::Tensor missing_W_;
};

}  // namespace

std::shared_ptr<Fusion> build(const SdtFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  return std::make_shared<SdtFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
