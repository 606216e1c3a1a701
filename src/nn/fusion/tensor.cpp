#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "fusion/build.h"
#include "fusion/parts.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

/// Elements of the first layer after a tensor product; beyond that, memory is better spent otherwise.
constexpr int64_t kMostTensorWeights = int64_t{1} << 26;

/// Width of every modality's sub-network: the common one, or that named in `widths`.
std::vector<int64_t> subnet_widths(int64_t common, const std::map<std::string, int64_t>& widths,
                                   const std::vector<ModalityShape>& modalities) {
  std::vector<std::string> names;
  for (const auto& modality : modalities) names.push_back(modality.name);
  for (const auto& [name, width] : widths) {
    require(std::find(names.begin(), names.end(), name) != names.end(), ErrorCode::kConfig,
            "fusion.widths." + name + ": there is no modality '" + name + "', only " + core::join(names) +
                core::did_you_mean(name, names));
    require(width >= 1, ErrorCode::kConfig, "fusion.widths." + name + " must be at least 1");
  }
  std::vector<int64_t> result;
  for (const auto& name : names) {
    const auto found = widths.find(name);
    result.push_back(found == widths.end() ? common : found->second);
  }
  return result;
}

/// The sub-networks of TFN and LMF; (1, h) each, where h is zero if the modality is absent.
class AugmentedSubNetsImpl final : public torch::nn::Cloneable<AugmentedSubNetsImpl> {
 public:
  AugmentedSubNetsImpl(std::vector<ModalityShape> modalities, std::vector<int64_t> widths, double dropout)
      : modalities_(std::move(modalities)), widths_(std::move(widths)), dropout_(dropout) {
    reset();
  }
  void reset() override {
    layers_ = register_module("layers", torch::nn::ModuleList());
    for (size_t m = 0; m < modalities_.size(); ++m) {
      layers_->push_back(SubNet(modalities_[m].width, widths_[m], dropout_));
    }
  }
  std::vector<at::Tensor> forward(const FusionInput& input) {
    check_modalities(input, modalities_.size());
    std::vector<at::Tensor> result;
    for (size_t m = 0; m < modalities_.size(); ++m) {
      const auto present_B1 = input.present_BM.narrow(1, static_cast<int64_t>(m), 1);
      const auto h_BD = layers_[m]->as<SubNetImpl>()->forward(embedding_or_zero(input, m)) * present_B1;
      result.push_back(at::cat({at::ones({h_BD.size(0), 1}, h_BD.options().requires_grad(false)), h_BD}, 1));
    }
    return result;
  }

 private:
  std::vector<ModalityShape> modalities_;
  std::vector<int64_t> widths_;
  double dropout_;
  torch::nn::ModuleList layers_{nullptr};
};
TORCH_MODULE(AugmentedSubNets);

// Tensor fusion network (Zadeh et al. 2017): the outer product of the (1, h_m) holds every uni-, bi- and
// trimodal product. Of an absent modality only the 1 remains, so the products of the others stay.
class TensorFusionImpl final : public torch::nn::Cloneable<TensorFusionImpl>, public Fusion {
 public:
  TensorFusionImpl(TensorFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(std::move(config)),
        modalities_(std::move(modalities)),
        widths_(subnet_widths(config_.width, config_.widths, modalities_)) {
    for (const int64_t width : widths_) {
      product_ *= width + 1;
      require(product_ * config_.hidden <= kMostTensorWeights, ErrorCode::kConfig,
              "fusion 'tfn': the tensor product of " + std::to_string(widths_.size()) +
                  " modalities has over " + std::to_string(kMostTensorWeights) +
                  " weights; use a smaller width, or type: lmf");
    }
    reset();
  }

  void reset() override {
    inputs_ = register_module("inputs", AugmentedSubNets(modalities_, widths_, config_.dropout));
    layer1_ = register_module("layer1", torch::nn::Linear(product_, config_.hidden));
    layer2_ = register_module("layer2", torch::nn::Linear(config_.hidden, config_.hidden));
  }

  FusionOutput fuse(const FusionInput& input) override {
    const auto parts = inputs_->forward(input);
    auto product_BP = parts.front();
    for (size_t m = 1; m < parts.size(); ++m) {
      product_BP = (product_BP.unsqueeze(2) * parts[m].unsqueeze(1)).flatten(1);
    }
    product_BP = fast_dropout(product_BP, config_.post_dropout, is_training());
    FusionOutput output;
    output.fused_BD = layer2_(layer1_(product_BP).relu_()).relu_();
    return output;
  }

  int64_t width() const override { return config_.hidden; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  TensorFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  std::vector<int64_t> widths_;
  int64_t product_ = 1;
  AugmentedSubNets inputs_{nullptr};
  torch::nn::Linear layer1_{nullptr}, layer2_{nullptr};
};

// Low-rank fusion (Liu et al. 2018): TFN's product with a weight tensor of rank R, never formed: the sum over
// ranks of the product over modalities of (1, h_m) W_m. Initialised as by the authors, Xavier-normal with the
// fans LibTorch reads off (R, D + 1, O).
class LowRankFusionImpl final : public torch::nn::Cloneable<LowRankFusionImpl>, public Fusion {
 public:
  LowRankFusionImpl(LowRankFusionConfig config, std::vector<ModalityShape> modalities)
      : config_(std::move(config)),
        modalities_(std::move(modalities)),
        widths_(subnet_widths(config_.width, config_.widths, modalities_)) {
    reset();
  }

  void reset() override {
    inputs_ = register_module("inputs", AugmentedSubNets(modalities_, widths_, config_.dropout));
    factor_RDO_.clear();
    for (size_t m = 0; m < modalities_.size(); ++m) {
      factor_RDO_.push_back(register_parameter("factor_" + std::to_string(m),
                                               at::empty({config_.rank, widths_[m] + 1, config_.out_width})));
      torch::nn::init::xavier_normal_(factor_RDO_.back());
    }
    weight_1R_ = register_parameter("rank_weight", at::empty({1, config_.rank}));
    torch::nn::init::xavier_normal_(weight_1R_);
    bias_O_ = register_parameter("bias", at::zeros({config_.out_width}));
  }

  FusionOutput fuse(const FusionInput& input) override {
    const auto parts = inputs_->forward(input);
    at::Tensor product_RBO;
    for (size_t m = 0; m < parts.size(); ++m) {
      const auto projected_RBO = at::matmul(parts[m].unsqueeze(0), factor_RDO_[m]);
      product_RBO = m == 0 ? projected_RBO : product_RBO * projected_RBO;
    }
    FusionOutput output;
    output.fused_BD = (product_RBO * weight_1R_.t().unsqueeze(2)).sum(0) + bias_O_;
    return output;
  }

  int64_t width() const override { return config_.out_width; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  LowRankFusionConfig config_;
  std::vector<ModalityShape> modalities_;
  std::vector<int64_t> widths_;
  AugmentedSubNets inputs_{nullptr};
  std::vector<at::Tensor> factor_RDO_;
  at::Tensor weight_1R_, bias_O_;
};

}  // namespace

std::shared_ptr<Fusion> build(const TensorFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  return std::make_shared<TensorFusionImpl>(config, modalities);
}

std::shared_ptr<Fusion> build(const LowRankFusionConfig& config,
                              const std::vector<ModalityShape>& modalities) {
  return std::make_shared<LowRankFusionImpl>(config, modalities);
}

}  // namespace limbic::nn
