#include <torch/nn/modules/container/modulelist.h>

#include <utility>

#include "fusion/build.h"
#include "fusion/parts.h"

namespace limbic::nn {
namespace {

// MERBench's attention (Lian et al. 2024): a sub-network per modality, another over their concatenation, one
// score per modality from it. The paper puts the scores through a softmax and its code does not; here they
// are, over the modalities present.
class AttentionFusionImpl final : public torch::nn::Cloneable<AttentionFusionImpl>, public Fusion {
 public:
  AttentionFusionImpl(AttentionFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(config), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    inputs_ = register_module("inputs", torch::nn::ModuleList());
    for (const auto& modality : modalities_) {
      inputs_->push_back(SubNet(modality.width, config_.width, config_.dropout));
    }
    const auto num_modalities = static_cast<int64_t>(modalities_.size());
    attention_ =
        register_module("attention", SubNet(num_modalities * config_.width, config_.width, config_.dropout));
    score_ = register_module("score", torch::nn::Linear(config_.width, num_modalities));
  }

  FusionOutput fuse(const FusionInput& input) override {
    check_modalities(input, modalities_.size());
    std::vector<at::Tensor> hidden_BD;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      hidden_BD.push_back(inputs_[m]->as<SubNetImpl>()->forward(embedding_or_zero(input, m)));
    }
    // What the biases make of an absent modality must not count in the scores of the others either.
    const auto hidden_BMD = at::stack(hidden_BD, 1) * input.present_BM.unsqueeze(2);
    const auto weight_BM = softmax_over_present(score_(attention_(hidden_BMD.flatten(1))), input.present_BM);
    FusionOutput output;
    output.fused_BD = at::matmul(weight_BM.unsqueeze(1), hidden_BMD).squeeze(1);
    output.weight_BM = weight_BM.detach();
    return output;
  }

  int64_t width() const override { return config_.width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  AttentionFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  torch::nn::ModuleList inputs_{nullptr};
  SubNet attention_{nullptr};
  torch::nn::Linear score_{nullptr};
};

}  // namespace

std::shared_ptr<Fusion> build(const AttentionFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  return std::make_shared<AttentionFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
