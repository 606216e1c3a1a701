#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <utility>

#include "blocks/attention.h"
#include "fusion/build.h"
#include "fusion_tokens/token_group.h"

namespace limbic::nn {
namespace {

constexpr double kLatentDeviation = 0.02;  // as published

/// Positions are sinusoids that are added, as are the modalities' codes, where the paper joins Fourier
/// features: all tokens pass a linear layer to a common width anyhow.
class PerceiverFusionImpl final : public torch::nn::Cloneable<PerceiverFusionImpl>, public Fusion {
 public:
  PerceiverFusionImpl(PerceiverFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    input_ = register_module("input", torch::nn::ModuleList());
    for (const auto& modality : modalities_)
      input_->push_back(torch::nn::Linear(token_width_of(modality, c.over), c.width));
    const auto small = [](at::IntArrayRef sizes) { return at::randn(sizes) * kLatentDeviation; };
    code_MD_ = register_parameter("code", small({static_cast<int64_t>(modalities_.size()), c.width}));
    latent_ND_ = register_parameter("latent", small({c.latents, c.width}));
    query_D_ = register_parameter("query", small({c.width}));

    TransformerBlockOptions options;
    options.width = c.width;
    options.heads = c.heads;
    options.hidden = c.hidden;
    options.dropout = c.dropout;
    layers_ = register_module("layers", torch::nn::ModuleList());
    for (int64_t l = 0; l < c.layers; ++l) layers_->push_back(TransformerBlock(options));
    options.heads = 1;
    options.key_width = c.width;
    read_ = register_module("read", TransformerBlock(options));
    answer_ = register_module("answer", TransformerBlock(options));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    const bool is_pooled = config_.over == FusionTokens::kFrames;
    const auto groups = tokens_of(input, config_.over);
    std::vector<at::Tensor> tokens_BTD, mask_BT;
    at::Tensor sum_BTD, num_BT1;  // over modalities, of turns
    for (size_t m = 0; m < groups.size(); ++m) {
      const auto y = input_[m]->as<torch::nn::LinearImpl>()->forward(groups[m].x_BTD);
      const auto position_TD = token_positions(y.size(1), config_.width, y.options().requires_grad(false));
      tokens_BTD.push_back(y + position_TD + code_MD_[static_cast<int64_t>(m)]);
      mask_BT.push_back(groups[m].mask_BT);
      if (is_pooled) continue;
      const auto real_BT1 = groups[m].mask_BT.unsqueeze(2).to(y.scalar_type());
      sum_BTD = m == 0 ? y * real_BT1 : sum_BTD + y * real_BT1;
      num_BT1 = m == 0 ? real_BT1 : num_BT1 + real_BT1;
    }

    const int64_t num_rows = groups.front().x_BTD.size(0);
    auto latent_BND = latent_ND_.expand({num_rows, config_.latents, config_.width});
    latent_BND = read_->forward_cross(latent_BND, {}, at::cat(tokens_BTD, 1), at::cat(mask_BT, 1));
    for (const auto& layer : *layers_)
      latent_BND = layer->as<TransformerBlockImpl>()->forward(latent_BND, {});

    FusionOutput output;
    if (is_pooled) {
      const auto query_B1D = query_D_.expand({num_rows, 1, config_.width});
      output.fused_BD = answer_->forward_cross(query_B1D, {}, latent_BND, {}).squeeze(1);
    } else {
      // A turn asks with its position and what it holds itself, as Perceiver IO does for dense outputs.
      const auto position_UD =
          token_positions(input.grid.num_turns(), config_.width, sum_BTD.options().requires_grad(false));
      const auto query_DUD = query_D_ + position_UD + sum_BTD / num_BT1.clamp_min(1.0);
      output.fused_BD = input.grid.to_rows(answer_->forward_cross(query_DUD, {}, latent_BND, {}));
    }
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  PerceiverFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList input_{nullptr}, layers_{nullptr};
  TransformerBlock read_{nullptr}, answer_{nullptr};
  at::Tensor code_MD_, latent_ND_, query_D_;
};

}  // namespace

std::shared_ptr<Fusion> build(const PerceiverFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  return std::make_shared<PerceiverFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
