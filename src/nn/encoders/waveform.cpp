#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <algorithm>
#include <utility>

#include "blocks/layers.h"
#include "encoders/build.h"
#include "limbic/nn/dropout.h"

namespace limbic::nn {
namespace {

constexpr double kGroupNormEpsilon = 1e-5;

/// Every channel over the real frames of its own row; affine. Group norm with a group a channel.
at::Tensor masked_channel_norm(const at::Tensor& x_BCT, const at::Tensor& keep_B1T,
                               const torch::nn::GroupNorm& norm) {
  const auto num_B11 = keep_B1T.sum(2, /*keepdim=*/true).clamp_min(1);
  const auto off_BCT = (x_BCT - (x_BCT * keep_B1T).sum(2, true) / num_B11) * keep_B1T;
  const auto inverse_BC1 = ((off_BCT * off_BCT).sum(2, true) / num_B11 + kGroupNormEpsilon).rsqrt();
  return at::addcmul(norm->bias.unsqueeze(1), off_BCT, inverse_BC1 * norm->weight.unsqueeze(1));
}

class WaveformEncoderImpl final : public torch::nn::Cloneable<WaveformEncoderImpl>, public Encoder {
 public:
  WaveformEncoderImpl(WaveformConfig config, int64_t num_features)
      : config_(std::move(config)), num_features_(num_features) {
    reset();
  }

  void reset() override {
    scale_ = register_module("scale", InputScale(config_.normalize, num_features_));
    convs_ = register_module("convs", torch::nn::ModuleList());
    int64_t channels = num_features_;
    for (const auto& layer : config_.layers) {
      torch::nn::Conv1d conv(
          torch::nn::Conv1dOptions(channels, layer.channels, layer.kernel).stride(layer.stride).bias(false));
      torch::nn::init::kaiming_normal_(conv->weight);
      convs_->push_back(conv);
      channels = layer.channels;
    }
    const int64_t first = config_.layers.front().channels;
    group_norm_ = register_module("group_norm", torch::nn::GroupNorm(first, first));
    layer_norm_ = register_module("layer_norm", torch::nn::LayerNorm(std::vector<int64_t>{channels}));
    if (config_.projection > 0) {
      projection_ = register_module("projection", torch::nn::Linear(channels, config_.projection));
      channels = config_.projection;
    }
    token_width_ = channels;
    pool_ = register_module("pool", FramePool(config_.pooling, token_width_, config_.attention_hidden));
  }

  EncoderOutput encode(const at::Tensor& x_BTF, const at::Tensor& mask_BT) override {
    const FrameMask samples(mask_BT, scale_->buffers()[0].scalar_type());
    auto x_BCT = scale_(x_BTF, samples).transpose(1, 2);
    auto length_B = length_of(mask_BT);
    for (size_t i = 0; i < convs_->size(); ++i) {
      const auto& layer = config_.layers[i];
      if (x_BCT.size(2) < layer.kernel) x_BCT = at::constant_pad_nd(x_BCT, {0, layer.kernel - x_BCT.size(2)});
      x_BCT = convs_[i]->as<torch::nn::Conv1d>()->forward(x_BCT);
      length_B = frames_of(length_B, layer.kernel, layer.stride);
      const auto keep_B1T = keep_of(length_B, x_BCT);
      if (i == 0) {
        x_BCT = keep_B1T.defined() ? masked_channel_norm(x_BCT, keep_B1T, group_norm_) : group_norm_(x_BCT);
      }
      x_BCT = safe_gelu(x_BCT);
      if (keep_B1T.defined()) x_BCT = x_BCT * keep_B1T;
    }
    auto tokens_BTD = layer_norm_(x_BCT.transpose(1, 2));
    if (projection_) tokens_BTD = projection_(tokens_BTD);
    const auto position_T = at::arange(tokens_BTD.size(1), length_B.options());
    const FrameMask mask(position_T < length_B.unsqueeze(1), tokens_BTD.scalar_type());
    tokens_BTD = mask.apply_BTD(fast_dropout(tokens_BTD, config_.dropout, is_training()));
    return {tokens_BTD, mask.mask_BT, pool_(tokens_BTD, mask)};
  }

  void set_input_statistics(const std::vector<double>& mean_F, const std::vector<double>& std_F) override {
    scale_->set_statistics(mean_F, std_F);
  }
  bool wants_input_statistics() const override { return uses_training_set(config_.normalize); }
  int64_t width() const override { return pool_->width(); }
  int64_t token_width() const override { return token_width_; }
  std::shared_ptr<torch::nn::Module> as_module() override { return shared_from_this(); }

 private:
  /// (B, 1, T) 1 or 0; undefined when every frame is real.
  static at::Tensor keep_of(const at::Tensor& length_B, const at::Tensor& x_BCT) {
    const int64_t num_frames = x_BCT.size(2);
    if (length_B.min().item<int64_t>() >= num_frames) return {};
    const auto position_T = at::arange(num_frames, length_B.options());
    return (position_T < length_B.unsqueeze(1)).unsqueeze(1).to(x_BCT.scalar_type());
  }

  WaveformConfig config_;
  int64_t num_features_;
  int64_t token_width_ = 0;
  InputScale scale_{nullptr};
  torch::nn::ModuleList convs_{nullptr};
  torch::nn::GroupNorm group_norm_{nullptr};
  torch::nn::LayerNorm layer_norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
  FramePool pool_{nullptr};
};

}  // namespace

void WaveformConfig::validate(config::Checks& checks) const {
  checks.expect(!layers.empty(), "layers", "must have at least one layer");
}

std::shared_ptr<Encoder> build(const WaveformConfig& config, const affect::StreamShape& input) {
  require_features(input, WaveformConfig::kType);
  return std::make_shared<WaveformEncoderImpl>(config, input.num_features());
}

}  // namespace limbic::nn
