#include <torch/nn/modules/container/modulelist.h>

#include <utility>

#include "blocks/linear.h"
#include "fusion/build.h"
#include "fusion/parts.h"

namespace limbic::nn {
namespace {

// Gated multimodal unit (Arevalo et al. 2017): h = sum_m gate_m * tanh(W_m x_m), no biases. An absent
// modality is zero in the gates' input and its gate is zero.
class GatedFusionImpl final : public torch::nn::Cloneable<GatedFusionImpl>, public Fusion {
 public:
  GatedFusionImpl(GatedFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    inputs_ = register_module("inputs", torch::nn::ModuleList());
    int64_t in_width = 0;
    for (const auto& modality : modalities_) {
      inputs_->push_back(make_xavier_linear(modality.width, config_.width, /*bias=*/false));
      in_width += modality.width;
    }
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    gate_ =
        register_module("gate", make_xavier_linear(in_width, num_modalities * config_.width, /*bias=*/false));
  }

  FusionOutput fuse(const FusionInput& input) override {
    check_modalities(input, modalities_.size());
    std::vector<at::Tensor> x_BD;
    std::vector<at::Tensor> hidden_BD;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      x_BD.push_back(embedding_or_zero(input, m));
      hidden_BD.push_back(inputs_[m]->as<torch::nn::LinearImpl>()->forward(x_BD.back()));
    }
    const auto hidden_BMD = at::stack(hidden_BD, 1).tanh_();
    const auto score_BMD = gate_(at::cat(x_BD, 1)).view(hidden_BMD.sizes());
    const auto gate_BMD = config_.gate == GateKind::kSoftmax
                              ? softmax_over_present(score_BMD, input.present_BM)
                              : score_BMD.sigmoid() * input.present_BM.unsqueeze(2);
    FusionOutput output;
    output.fused_BD = (gate_BMD * hidden_BMD).sum(1);
    const auto share_BM = gate_BMD.detach().mean(2);
    output.weight_BM = share_BM / share_BM.sum(1, /*keepdim=*/true).clamp_min(1e-12);
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  GatedFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList inputs_{nullptr};
  torch::nn::Linear gate_{nullptr};
};

}  // namespace

std::shared_ptr<Fusion> build(const GatedFusionConfig& config, const std::vector<ModalityShape>& modalities) {
  return std::make_shared<GatedFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
