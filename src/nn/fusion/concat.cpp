#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <utility>

#include "fusion/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class ConcatFusionImpl final : public torch::nn::Cloneable<ConcatFusionImpl>, public Fusion {
 public:
  ConcatFusionImpl(ConcatFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(std::move(config)), modalities_(std::move(modalities)) {
    reset();
  }

  void reset() override {
    missing_D_.clear();
    width_ = 0;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      missing_D_.push_back(
          register_parameter("missing_" + std::to_string(m), at::zeros({modalities_[m].width})));
      width_ += modalities_[m].width;
    }
    layers_ = register_module("layers", torch::nn::ModuleList());
    for (const int64_t hidden : config_.hidden) {
      layers_->push_back(torch::nn::Linear(width_, hidden));
      width_ = hidden;
    }
  }

  FusionOutput fuse(const FusionInput& input) override {
    TORCH_CHECK(input.modalities.size() == modalities_.size(), "fusion wants ", modalities_.size(),
                " modalities, got ", input.modalities.size());
    // One at::where per modality is an exact zero of influence, forwards and backwards.
    std::vector<at::Tensor> parts;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto present_B1 = input.present_BM.narrow(1, static_cast<int64_t>(m), 1);
      parts.push_back(at::where(present_B1, input.modalities[m].embedding_BD, missing_D_[m].unsqueeze(0)));
    }
    auto x_BD = at::cat(parts, 1);
    for (const auto& layer : *layers_) {
      x_BD = fast_dropout(layer->as<torch::nn::LinearImpl>()->forward(x_BD).relu_(), config_.dropout,
                          is_training());
    }
    FusionOutput output;
    output.fused_BD = x_BD;
    return output;
  }

  int64_t width() const override { return width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  ConcatFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  int64_t width_ = 0;
  std::vector<at::Tensor> missing_D_;
  torch::nn::ModuleList layers_{nullptr};
};

}  // namespace

std::shared_ptr<Fusion> build(const ConcatFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  return std::make_shared<ConcatFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
