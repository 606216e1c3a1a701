#include <torch/nn/modules/container/modulelist.h>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

class MlpEncoderImpl final : public torch::nn::Cloneable<MlpEncoderImpl>, public Encoder {
 public:
  MlpEncoderImpl(MlpConfig config, int64_t num_features)
      : config_(std::move(config)), num_features_(num_features) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(config_.normalize, num_features_));
    linears_ = register_module("linears", torch::nn::ModuleList());
    norms_ = register_module("norms", torch::nn::ModuleList());
    int64_t channels = num_features_;
    for (const int64_t units : config_.hidden) {
      linears_->push_back(torch::nn::Linear(channels, units));
      if (config_.batch_norm) norms_->push_back(MaskedBatchNorm(units));
      channels = units;
    }
    pool_ = register_module("pool", FramePool(config_.pooling, token_width(), config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const FrameMask mask(mask_BT, scale_->buffers()[0].scalar_type());
    auto h_BTD = scale_(x_BTF, mask);
    if (config_.clip > 0) h_BTD = h_BTD.clamp(-config_.clip, config_.clip);
    if (is_training() && config_.noise > 0) h_BTD = h_BTD + at::randn_like(h_BTD) * config_.noise;
    h_BTD = fast_dropout(h_BTD, config_.input_dropout, is_training());
    for (size_t i = 0; i < linears_->size(); ++i) {
      h_BTD = linears_[i]->as<torch::nn::Linear>()->forward(h_BTD);
      if (config_.batch_norm) {
        const auto h_BDT1 = h_BTD.transpose(1, 2).unsqueeze(-1);
        const auto normed_BDT1 = norms_[i]->as<MaskedBatchNorm>()->forward(h_BDT1, &mask);
        h_BTD = normed_BDT1.squeeze(-1).transpose(1, 2);
      }
      h_BTD = fast_dropout(at::relu(h_BTD), config_.dropout, is_training());
    }
    h_BTD = mask.apply_BTD(h_BTD);
    return {h_BTD, mask_BT, pool_(h_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override {
    return config_.hidden.empty() ? num_features_ : config_.hidden.back();
  }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  MlpConfig config_;
  int64_t num_features_;
  InputScale scale_{nullptr};
  torch::nn::ModuleList linears_{nullptr};
  torch::nn::ModuleList norms_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

std::shared_ptr<Encoder> build(const MlpConfig& config, const affect::StreamShape& input) {
  require_features(input, MlpConfig::kType);
  return std::make_shared<MlpEncoderImpl>(config, input.num_features());
}

}  // namespace limbic::nn
