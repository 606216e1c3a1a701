#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <utility>

#include "blocks/attention.h"
#include "fusion/build.h"
#include "fusion_tokens/token_group.h"

namespace limbic::nn {
namespace {

constexpr double kTokenDeviation = 0.02;

/// Differs from the published model in its input: tokens of any encoder with fixed sinusoids for positions,
/// since sequences have any length, in place of image patches with learned ones.
class MbtFusionImpl final : public torch::nn::Cloneable<MbtFusionImpl>, public Fusion {
 public:
  MbtFusionImpl(MbtFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    const auto& c = config_;
    input_ = register_module("input", torch::nn::ModuleList());
    layers_ = register_module("layers", torch::nn::ModuleList());
    norm_ = register_module("norm", torch::nn::ModuleList());
    TransformerBlockOptions options;
    options.width = c.width;
    options.heads = c.heads;
    options.hidden = c.hidden;
    options.dropout = c.dropout;
    for (const auto& modality : modalities_) {
      input_->push_back(torch::nn::Linear(token_width_of(modality, c.over), c.width));
      for (int64_t l = 0; l < c.layers; ++l) {
        options.drop_path =
            c.drop_path * static_cast<double>(l) / static_cast<double>(std::max<int64_t>(c.layers - 1, 1));
        layers_->push_back(TransformerBlock(options));
      }
      norm_->push_back(torch::nn::LayerNorm(torch::nn::LayerNormOptions({c.width})));
    }
    bottleneck_ND_ = register_parameter("bottleneck", at::randn({c.bottlenecks, c.width}) * kTokenDeviation);
    missing_D_ = register_parameter("missing", at::zeros({c.width}));
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    auto groups = tokens_of(input, config_.over);
    const int64_t num_rows = groups.front().x_BTD.size(0);
    std::vector<at::Tensor> present_B11, wide_mask;  // with the bottleneck tokens
    for (size_t m = 0; m < groups.size(); ++m) {
      auto& group = groups[m];
      group.x_BTD = embedded(group.x_BTD, m) * group.mask_BT.unsqueeze(2);
      present_B11.push_back(group.mask_BT.any(1).view({-1, 1, 1}).to(group.x_BTD.scalar_type()));
      wide_mask.push_back(at::constant_pad_nd(group.mask_BT, {0, config_.bottlenecks}, 1));
    }
    auto num_present_B11 = present_B11.front();
    for (size_t m = 1; m < groups.size(); ++m) num_present_B11 = num_present_B11 + present_B11[m];
    num_present_B11 = num_present_B11.clamp_min(1.0);

    auto shared_BND = bottleneck_ND_.expand({num_rows, config_.bottlenecks, config_.width});
    for (int64_t l = 0; l < config_.layers; ++l) {
      at::Tensor sum_BND;
      for (size_t m = 0; m < groups.size(); ++m) {
        auto* block = layers_[m * static_cast<size_t>(config_.layers) + static_cast<size_t>(l)]
                          ->as<TransformerBlockImpl>();
        auto& x_BTD = groups[m].x_BTD;
        if (l < config_.fusion_layer) {
          x_BTD = block->forward(x_BTD, groups[m].mask_BT);
          continue;
        }
        const int64_t num_tokens = x_BTD.size(1);
        const auto wide = block->forward(at::cat({x_BTD, shared_BND}, 1), wide_mask[m]);
        x_BTD = wide.narrow(1, 0, num_tokens);
        const auto own_BND = wide.narrow(1, num_tokens, config_.bottlenecks) * present_B11[m];
        sum_BND = sum_BND.defined() ? sum_BND + own_BND : own_BND;
      }
      if (sum_BND.defined()) shared_BND = sum_BND / num_present_B11;
    }
    FusionOutput output;
    output.fused_BD = config_.over == FusionTokens::kTurns ? input.grid.to_rows(averaged(groups, false))
                                                           : averaged(groups, true).squeeze(1);
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  at::Tensor embedded(const at::Tensor& x_BTD, size_t m) {
    const auto y = input_[m]->as<torch::nn::LinearImpl>()->forward(x_BTD);
    return y + token_positions(y.size(1), config_.width, y.options().requires_grad(false));
  }

  /// The modalities' mean over those present; with `is_pooled`, of their mean token.
  at::Tensor averaged(const std::vector<TokenGroup>& groups, bool is_pooled) {
    at::Tensor sum, count;
    for (size_t m = 0; m < groups.size(); ++m) {
      auto real = groups[m].mask_BT.unsqueeze(2).to(groups[m].x_BTD.scalar_type());
      auto x = norm_[m]->as<torch::nn::LayerNormImpl>()->forward(groups[m].x_BTD) * real;
      if (is_pooled) {
        x = x.sum(1, /*keepdim=*/true) / real.sum(1, /*keepdim=*/true).clamp_min(1.0);
        real = real.amax(1, /*keepdim=*/true);
      }
      sum = m == 0 ? x : sum + x;
      count = m == 0 ? real : count + real;
    }
    return at::where(count > 0, sum / count.clamp_min(1.0), missing_D_);
  }

  MbtFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList input_{nullptr}, layers_{nullptr}, norm_{nullptr};
  at::Tensor bottleneck_ND_, missing_D_;
};

}  // namespace

std::shared_ptr<Fusion> build(const MbtFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  return std::make_shared<MbtFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
